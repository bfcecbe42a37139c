package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/laws"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// hasty has a projector hold at once what comes too early.
var hasty = store.ProjectorOptions{Grace: time.Nanosecond, GapTimeout: time.Hour}

// project lets do use a projector.
func project(t rapid.TB, s store.Store, options store.ProjectorOptions, do func(*store.Projector) error) {
	t.Helper()
	p := store.NewProjector(s, wire{}, options)
	require.NoError(t, errors.Join(do(p), p.Close(context.Background())))
}

func streamOf(t *rapid.T, label string) []byte { return lines(laws.Events().Draw(t, label)...) }

// cut cuts a stream into segments of some lines each.
func cut(t *rapid.T, run domain.RunID, data []byte) (segments []domain.Segment) {
	for at, end := 0, 0; at < len(data); at = end {
		for more := true; more && end < len(data); more = rapid.Bool().Draw(t, "another line") {
			for end++; data[end-1] != '\n'; end++ {
			}
		}
		segments = append(segments, domain.Segment{Run: run, Offset: int64(at), Data: data[at:end], SHA256: sha256.Sum256(data[:end])})
	}
	return segments
}

// tails returns some last lines that a stream has had without a line feed.
func tails(t *rapid.T, run domain.RunID, data []byte) (tails []domain.Segment) {
	for _, end := range rapid.SliceOfN(rapid.IntRange(0, len(data)), 0, 2).Draw(t, "ends of tails") {
		if at := bytes.LastIndexByte(data[:end], '\n') + 1; at < end {
			tails = append(tails, domain.Segment{Run: run, Offset: int64(at), Data: data[at:end], SHA256: sha256.Sum256(data[:end]), Tail: true})
		}
	}
	return tails
}

// Where two streams have the id of one run, the rows are those of one of them, as far as
// it was read, and the run is quarantined for the other one: never for lines that are
// malformed, though a segment of the one may begin within a line of the other.
func TestTwoStreamsOfOneRun(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		streams := [][]byte{streamOf(t, "a"), streamOf(t, "b")}
		if rapid.Bool().Draw(t, "of the same form") {
			streams[1] = bytes.ReplaceAll(streams[0], []byte(`"JobID":"a"`), []byte(`"JobID":"b"`))
		}
		segments := append(cut(t, "r", streams[0]), cut(t, "r", streams[1])...)
		differ := false // which is seen where the segments of both end at one place
		for _, segment := range segments {
			differ = differ || segment.End() == int64(len(streams[0])) && segment.SHA256 != sha256.Sum256(streams[0])
		}
		if rapid.Bool().Draw(t, "in any order") {
			for _, stream := range streams {
				segments = append(segments, tails(t, "r", stream)...)
			}
			segments, differ = rapid.Permutation(segments).Draw(t, "segments"), false
		}
		s, retried := memory.New(), rapid.Bool().Draw(t, "retry")
		project(t, s, hasty, func(p *store.Projector) (err error) {
			for _, segment := range segments {
				err = errors.Join(err, p.Apply(context.Background(), segment))
			}
			if retried {
				err = errors.Join(err, p.Retry(context.Background(), "r"))
			}
			return err
		})
		waiting, err := s.Waiting(context.Background())
		require.NoError(t, err)
		if differ && !retried && len(waiting) == 0 {
			t.Error("nobody has seen that there are two streams")
		}
		for _, w := range waiting {
			if w.Quarantine != nil && w.Quarantine.Code != store.OtherStream {
				t.Errorf("the run is quarantined: %+v", w.Quarantine)
			}
		}
		stored, err := s.Checkpoints(context.Background(), []domain.RunID{"r"})
		if err != nil || len(stored) == 0 {
			return
		}
		for _, stream := range streams {
			if end := stored["r"].End.Bytes; end <= int64(len(stream)) && sha256.Sum256(stream[:end]) == stored["r"].End.SHA256 {
				hasRecordOf(t, s, file{"r", stream[:end]})
				return
			}
		}
		t.Errorf("the rows are those of neither stream: %+v", stored["r"].End)
	})
}
