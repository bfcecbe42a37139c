//go:build unix

package faults

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/fixtures/synth"
	"github.com/quire-ci/quire-project/projections/store"
)

// folder is a folder of streams. Each of them has several versions.
type folder struct {
	path     string
	streams  []*stream
	versions [][]*version
	now      []*version // of each stream
}

// newFolder makes a folder with the given number of streams.
func newFolder(t testing.TB, runs int) *folder {
	t.Helper()
	f := &folder{path: t.TempDir(), now: make([]*version, runs)}
	for i := range runs {
		s := newStream(f.path, fmt.Sprintf("run-%03d", i))
		one := synthetic(t, synth.Shape{Seed: uint64(2 * i), Jobs: 35, Sh: 110, AtOnce: 3})
		other := synthetic(t, synth.Shape{Seed: uint64(2*i + 1), Jobs: 30, Sh: 90, AtOnce: 2})
		f.streams = append(f.streams, s)
		f.versions = append(f.versions, []*version{
			newVersion(s.run, one[:len(one)/3+i%100]), // it ends inside a line
			newVersion(s.run, wholeLines(one[:len(one)/2])),
			newVersion(s.run, one),
			newVersion(s.run, other),
			newVersion(s.run, wholeLines(other[:len(other)/2])), // it is shorter
		})
		f.becomes(t, i, f.versions[i][2])
	}
	return f
}

func (f *folder) becomes(t testing.TB, i int, v *version) {
	t.Helper()
	f.streams[i].becomes(t, v)
	f.now[i] = v
}

// change gives most streams their next version.
func (f *folder) change(t testing.TB, rnd *rand.Rand) {
	t.Helper()
	for i, versions := range f.versions {
		for j, v := range versions {
			if v == f.now[i] && rnd.IntN(8) > 0 {
				f.becomes(t, i, versions[(j+1)%len(versions)])
				break
			}
		}
	}
}

// folderAt returns the streams of a folder.
func folderAt(path string) store.Sources { return jsonl.Folder(path) }
