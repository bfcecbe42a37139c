package store_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// slow is a store that takes a second for each row.
type slow struct{ store.Store }

func (s slow) Update(ctx context.Context, do func(store.Tx) error) error {
	return s.Store.Update(ctx, func(tx store.Tx) error { return do(slowTx{tx, ctx}) })
}

type slowTx struct {
	store.Tx
	ctx context.Context
}

func (t slowTx) Insert(rows *store.Rows) error {
	select {
	case <-time.After(time.Duration(rows.Len()) * time.Second):
		return t.Tx.Insert(rows)
	case <-t.ctx.Done():
		return t.ctx.Err()
	}
}

// Segments that take too long for one transaction are written in several, whether they come at once or
// are parked.
func TestTooMuchForOneTransaction(t *testing.T) {
	var data []byte
	var segments []domain.Segment
	for i := range 100 {
		line := lines(domain.NewJobStarted(int64(i), fmt.Sprint("job ", i)))
		segments = append(segments, domain.Segment{Run: "r", Offset: int64(len(data)), Data: line})
		data = append(data, line...)
	}
	for name, parked := range map[string]bool{"at once": false, "parked": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := slow{memory.New()}
				if parked {
					err := s.Store.Update(t.Context(), func(tx store.Tx) error {
						_, err := tx.Lock([]domain.RunID{"r"})
						return errors.Join(err, tx.Park(segments[1:]))
					})
					require.NoError(t, err)
				}
				p := store.NewProjector(s, wire{}, store.ProjectorOptions{Timeout: 30 * time.Second})
				defer p.Close(context.Background())
				var all sync.WaitGroup
				for _, segment := range segments {
					if parked && segment.Offset > 0 {
						break
					}
					all.Go(func() {
						err := p.Apply(t.Context(), segment)
						for tries := 1; errors.Is(err, store.ErrAway); tries++ { // as a broker does
							if tries == 20 {
								t.Errorf("offset %d: %v", segment.Offset, err)
								return
							}
							time.Sleep(time.Second)
							err = p.Apply(t.Context(), segment)
						}
						assert.NoError(t, err)
					})
				}
				all.Wait()
				synctest.Wait()
				isRecordOf(t, s, file{"r", bytes.Clone(data)})
			})
		})
	}
}

// A segment that is too large for one transaction is applied in parts, whether it comes or is parked. No
// part of a segment of another stream is applied.
func TestTooLongSegment(t *testing.T) {
	var data []byte
	for i := range 100 {
		data = append(data, lines(domain.NewJobStarted(int64(i), fmt.Sprint("job ", i)))...)
	}
	first := lines(domain.NewUnknown(0, "x", ""))
	data = append(first, data...)
	long := domain.Segment{Run: "r", Offset: int64(len(first)), Data: data[len(first):], SHA256: sha256.Sum256(data)}
	for name, parked := range map[string]bool{"it comes": false, "it is parked": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := slow{memory.New()}
				p := store.NewProjector(s, wire{}, store.ProjectorOptions{Timeout: 30 * time.Second})
				defer p.Close(context.Background())
				apply := func(segment domain.Segment) {
					t.Helper()
					for range 20 { // as a broker does
						err := p.Apply(t.Context(), segment)
						if err == nil {
							return
						}
						require.ErrorIs(t, err, store.ErrAway)
						time.Sleep(time.Second)
					}
					t.Fatalf("offset %d: it is never applied", segment.Offset)
				}
				if parked {
					apply(long)
				}
				apply(domain.Segment{Run: "r", Data: first})
				if !parked {
					apply(long)
				}
				synctest.Wait()
				isRecordOf(t, s, file{"r", bytes.Clone(data)})
				other := long
				other.Run, other.SHA256[0] = "other", other.SHA256[0]+1
				apply(domain.Segment{Run: "other", Data: first})
				apply(other)
				waiting, err := s.Waiting(t.Context(), "other")
				if err != nil || len(waiting) != 1 || waiting[0].Quarantine.Code != store.OtherStream {
					t.Errorf("%+v, %v", waiting, err)
				}
				if row, err := store.ReadRun(t.Context(), s, "other"); err != nil || row.Events != 1 {
					t.Errorf("%d events of another stream were applied, %v", row.Events-1, err)
				}
			})
		})
	}
}
