package store_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// changing is a file that others write, after it has been compared with what was read.
type changing struct {
	*file
	after []byte
}

func (c changing) Ends(ctx context.Context, end domain.Mark) (bool, error) {
	same, err := c.file.Ends(ctx, end)
	c.data = c.after
	return same, err
}

func (c changing) As(string) store.Source { return c }

// Rows that are derived again stand beside others that are not. They are of the same
// moment, though the stream has grown since it was compared, or is another one.
func TestSomeTablesOfStreamThatChanges(t *testing.T) {
	for _, commands := range []int{3, 20_000} { // of which the rows come at once, or in batches
		var events []domain.Event
		for i := range commands {
			events = append(events, domain.NewShStarted(int64(i), "a", fmt.Sprint(i)))
		}
		before := lines(events...)
		for name, after := range map[string][]byte{
			"grown":   append(before[:len(before):len(before)], lines(domain.NewShFinished(9, "a", 0), domain.NewJobStarted(9, "b"))...),
			"another": lines(domain.NewJobStarted(1, "b")),
		} {
			s := memory.New()
			_, err := store.Ingest(t.Context(), s, file{"r", before}, store.Options{})
			require.NoError(t, err)
			some := store.Options{Tables: []*projections.Definition{projections.Jobs.Definition, projections.ShEvents.Definition}}
			source := changing{&file{"r", before}, after}
			_, err = store.Ingest(t.Context(), s, source, some)
			require.NoError(t, err)
			derived := file{"r", before}
			if name == "another" {
				derived.data = after
			}
			t.Logf("%d commands, %s", commands, name)
			isRecordOf(t, s, derived)
			_, err = store.Ingest(t.Context(), s, *source.file, store.Options{})
			require.NoError(t, err)
			isRecordOf(t, s, *source.file)
		}
	}
}
