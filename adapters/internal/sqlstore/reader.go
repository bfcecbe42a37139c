package sqlstore

import "github.com/quire-ci/quire-project/projections"

// Reader has the reading methods of a store, for queries on a database or in a transaction.
type Reader struct {
	dialect *Dialect
	db      Querier
}

// NewReader returns a Reader that runs its queries on db.
func NewReader(d *Dialect, db Querier) Reader { return Reader{d, db} }

// Projections returns the projections that this program derives rows of.
func (r Reader) Projections() *projections.Set { return r.dialect.Set }
