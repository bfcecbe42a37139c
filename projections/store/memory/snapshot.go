package memory

import (
	"errors"
	"iter"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

var errOver = errors.New("memory: the snapshot was used after its View had returned")

// snapshot reads a run that never changes.
type snapshot struct {
	rows *run
	over bool
}

func (s *snapshot) Checkpoint() (store.Checkpoint, bool, error) {
	if s.over {
		return store.Checkpoint{}, false, errOver
	}
	return s.rows.known(), s.rows.checkpoint.Valid, nil
}

func (s *snapshot) Rows(of *projections.Definition) iter.Seq2[projections.AnyRow, error] {
	if t, ok := s.rows.tables[of]; ok {
		return t.all(s)
	}
	return newTable(of).all(s)
}
