package follow_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store/memory"
)

// removing is a view that does something when it is shown the first event, and when the run is released.
type removing struct {
	*screen
	take, release func()
}

func (r removing) Show(run domain.RunID, whole bool, each func(func(*projections.Definition, projections.AnyRow))) {
	if r.screen.Show(run, whole, each); r.lines(run) > 0 {
		r.take()
	}
}
func (r removing) Release(domain.RunID) { r.release() }

// A single stream that is removed before its run has finished is an error, however following
// ends, and whether the stream was released or not. A stream that is removed from a folder is none.
func TestRemovedStream(t *testing.T) {
	for _, when := range []string{"take", "release"} {
		for _, end := range []string{"idle", "writer"} {
			for _, single := range []bool{true, false} {
				if end == "idle" && (when == "release" || !single) {
					continue // it is not released before, and a folder has no end
				}
				t.Run(fmt.Sprint(when, end, single), func(t *testing.T) { testRemoved(t, when, end, single) })
			}
		}
	}
}

func testRemoved(t *testing.T, when, end string, single bool) {
	for _, keeps := range []bool{false, true} {
		folder := t.TempDir()
		path := filepath.Join(folder, "run.jsonl")
		add(t, path, started)
		gone := make(chan struct{})
		remove := func() {
			_ = os.Remove(path)
			close(gone)
		}
		view := removing{newScreen(), func() {}, func() {}}
		options := follow.Options{}.WithQuietAfter(time.Millisecond)
		if when == "take" {
			view.take = remove
		} else {
			view.release = remove
		}
		if options.View = view; keeps {
			options.Store = memory.New()
		}
		if end == "idle" {
			options.IdleTimeout = 20 * time.Millisecond
		} else {
			options.WriterGone = gone
		}
		root := folder
		if single {
			root = path
		}
		summary, err := follow.Follow(t.Context(), root, options)
		if got := errors.Join(append(summary.Skipped, err)...); single != errors.Is(got, fs.ErrNotExist) || !single && got != nil {
			t.Errorf("rows %v: it ends with %+v, %v", keeps, summary, err)
		}
	}
}
