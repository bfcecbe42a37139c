package laws

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/quire-ci/quire-project/domain"
)

// streamOf is a stream that is given at once.
type streamOf []domain.Entry

func (s *streamOf) Next() (entries []domain.Entry, err error) {
	if len(*s) == 0 {
		return nil, io.EOF
	}
	entries, *s = *s, nil
	return entries, nil
}

func (r *recorder) Fatal(args ...any)            { r.text += fmt.Sprint(args...); panic(r) }
func (r *recorder) Fatalf(f string, args ...any) { r.Fatal(fmt.Sprintf(f, args...)) }

func TestGolden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deeper", "tally.golden")
	golden := func(cmd string) (report string) {
		test := &recorder{TB: t}
		defer func() {
			if recover() != nil {
				report = test.text // Fatal ends a test
			}
		}()
		stream := streamOf(Entries([]domain.Event{domain.NewShStarted(1, "a", cmd), {}}))
		Golden(test, declared(newTally), &stream, path)
		return test.text
	}
	assert.Contains(t, golden("<make>"), "-laws.update", "without a file")
	*update = true
	report := golden("<make>")
	*update = false
	data, err := os.ReadFile(path)
	if want := `{"index":0,"final":false,"row":{"count":2,"cmd":"<make>"}}` + "\n"; string(data) != want || err != nil || report != "" {
		t.Errorf("it writes %q, %v, %s", data, err, report)
	}
	assert.Equal(t, "", golden("<make>"), "what was written is not the same")
	if report := golden("test"); !strings.Contains(report, "\t- "+strings.TrimSpace(string(data))) || !strings.Contains(report, `"cmd":"test"`) {
		t.Errorf("other rows are reported as %s", report)
	}
}

// Bytes reach every kind of entry, and whatever they are, a projection that obeys the
// laws obeys them.
func TestFromBytes(t *testing.T) {
	kinds := map[string]bool{}
	var data []byte
	for i := range 256 {
		data = append(data, byte(i), byte(i/3), byte(i*7), byte(i/10))
	}
	for _, entry := range FromBytes(data) {
		kinds[fmt.Sprint(entry.Kind, entry.Fault, entry.Outcome, entry.HasJob)] = true
	}
	assert.GreaterOrEqual(t, len(kinds), 12, "only")
	assert.Equal(t, 2, len(FromBytes(data[:11])), "11 bytes")
}
