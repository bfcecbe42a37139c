package laws

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
)

// elsewhereFile is an environment variable with the file for the results of the other process.
const elsewhereFile = "QUIRE_LAWS_ELSEWHERE"

// elsewhere is the law that another process has the same rows for the same streams. It runs the
// test's own binary once more, for this law only. That process reads the streams in the opposite
// order, several at the same time, and in another time zone.
//
// Within one process, state that all folds share, such as a cache, cannot be found; and a map that
// two goroutines write ends the process.
func elsewhere[R comparable](t *testing.T, newProjection maker[R], streams *rapid.Generator[[]domain.Entry]) error {
	samples := make([][]domain.Entry, 60)
	for i := range samples {
		samples[i] = streams.Example(i)
	}
	rows := make([]string, len(samples))
	if path := os.Getenv(elsewhereFile); path != "" {
		foldBackwards(newProjection, samples, rows)
		data, err := json.Marshal(rows)
		return errors.Join(err, os.WriteFile(path, data, 0o600))
	}
	for i, stream := range samples {
		rows[i] = rowsText(newProjection, stream)
	}
	there, err := rowsElsewhere(t)
	if err != nil {
		return err
	}
	if len(there) != len(rows) {
		return fmt.Errorf("the same test in another process reads %d streams, not %d", len(there), len(rows))
	}
	var found *Counterexample
	for i, stream := range samples {
		if there[i] != rows[i] && (found == nil || len(stream) < len(found.Stream)) {
			err := fmt.Errorf("a process that has read other streams before, in another time zone, has\n%s\nnot\n%s", there[i], rows[i])
			found = &Counterexample{nameElsewhere, stream, err}
		}
	}
	if found != nil {
		return found
	}
	return nil
}

// rowsElsewhere runs the test again in another process.
func rowsElsewhere(t *testing.T) (rows []string, err error) {
	binary, err := os.Executable()
	if err != nil {
		t.Skipf("the test cannot be run again: %v", err)
	}
	path := filepath.Join(t.TempDir(), "rows.json")
	parts := strings.Split(t.Name(), "/")
	for i, part := range parts {
		parts[i] = "^" + regexp.QuoteMeta(part) + "$"
	}
	again := exec.CommandContext(t.Context(), binary, "-test.run="+strings.Join(parts, "/"), "-test.count=1")
	again.Env = append(os.Environ(), elsewhereFile+"="+path, "TZ=Asia/Kathmandu")
	output, failed := again.CombinedOutput()
	var exit *exec.ExitError
	if failed != nil && !errors.As(failed, &exit) {
		t.Skipf("the test cannot be run again: %v", failed)
	}
	data, err := os.ReadFile(path)
	if failed != nil || err != nil {
		return nil, fmt.Errorf("the same test in another process: %w\n%.2000s", errors.Join(failed, err), output)
	}
	return rows, json.Unmarshal(data, &rows)
}

// foldBackwards folds streams from the last one to the first, four at a time.
func foldBackwards[R comparable](newProjection maker[R], streams [][]domain.Entry, rows []string) {
	next := make(chan int)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for i := range next {
				rows[i] = rowsText(newProjection, streams[i])
			}
		})
	}
	for i := len(streams) - 1; i >= 0; i-- {
		next <- i
	}
	close(next)
	workers.Wait()
}

func rowsText[R comparable](newProjection maker[R], stream []domain.Entry) (text string) {
	var err error
	defer func() {
		if err != nil {
			text = err.Error()
		}
	}()
	defer recovered(&err)
	o := observe(newProjection()).apply(stream...).outcome()
	return fmt.Sprintf("\tfinal %+v\n\topen  %+v", o.final, o.open)
}
