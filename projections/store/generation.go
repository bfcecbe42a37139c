package store

import (
	"context"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// A store has one or more generations of rows. Everybody reads and writes the live one. When a
// projection has a new version, another generation is built beside it, and replaces it in one
// transaction. Each generation has the table of every projection, the checkpoints, and the versions
// of its projections. Parked segments and quarantines belong to the store.

// Versioned is a [Store] that can have several generations of rows. Its own methods use the live
// one.
type Versioned interface {
	Store
	// Generations returns the generations that have rows, in the order of their numbers.
	Generations(ctx context.Context) ([]Generation, error)
	// Next returns the generation for this program's projections, finished or not. It creates one
	// if there is none, and drops the previous one and any for other projections or versions. From
	// then on, the store records which runs change in the live one.
	Next(ctx context.Context) (Beside, error)
	// Beside returns a generation that is not live, to read it and to carry runs over to it.
	// You can write it otherwise only if it has the versions of this program's projections.
	Beside(ctx context.Context, number int) (Beside, error)
	// Leniently returns the live generation for comparing it with others: a column that a table
	// does not have reads as its zero value. lacks names those columns, and more those that
	// only the table has.
	Leniently(ctx context.Context) (s Store, lacks, more map[*projections.Definition][]string, err error)
	// Switch makes a generation the live one, in one transaction: nobody can write meanwhile, and
	// nobody sees a part of it. It calls last with the generation in this transaction, to carry
	// over the latest changes; if last fails, so does the transaction. If keep is set, the live
	// generation becomes the previous one; otherwise it is dropped.
	Switch(ctx context.Context, number int, keep bool, last func(Beside) error) error
	// Drop drops generations, which must not be live. Without arguments, it removes the remains of
	// dropped generations.
	Drop(ctx context.Context, numbers ...int) error
}

// Beside is a generation that is not live. Its methods as a [Store] read and write its own rows.
type Beside interface {
	Store
	// Number returns its number, which no other generation of the store ever has.
	Number() int
	// Carry replaces its rows of runs by those of the live generation, in the columns that both
	// have. A new column that cannot be null gets its zero value. The checkpoints of the runs keep
	// the versions that derived the rows. Carry removes a run that is not live.
	Carry(ctx context.Context, runs []domain.RunID) error
	// Same returns, for each of runs that covers the same bytes in the live generation, and whose
	// rows here have this generation's versions, the projections whose rows equal the live ones, in
	// the columns that both have. It may omit some that do: for many runs at once, a store finds
	// most equal rows faster than you compare them.
	Same(ctx context.Context, runs []domain.RunID) (map[domain.RunID][]*projections.Definition, error)
	// Changes returns at most limit of the runs that have changed in the live generation, each
	// once, those first that changed first.
	Changes(ctx context.Context, limit int) ([]Change, error)
	// Forget removes changes that are brought over. If a run has changed again since, that is
	// another change.
	Forget(ctx context.Context, changes []Change) error
	// Complete records that the generation has every run, except for changes made meanwhile.
	Complete(ctx context.Context) error
}

// Change says that a run has changed in the live generation.
type Change struct {
	ID  int64
	Run domain.RunID
}

// Generation describes a generation.
type Generation struct {
	// Number counts up: no two generations of a store have the same.
	Number int
	State  GenerationState
	// Versions are the versions of its projections, by name.
	Versions map[string]int
}

// GenerationState is the purpose of a generation.
type GenerationState string

// The states.
const (
	// LiveGeneration: everybody reads and writes it.
	LiveGeneration GenerationState = "live"
	// BuildingGeneration: it is being built, and runs are missing.
	BuildingGeneration GenerationState = "building"
	// BuiltGeneration: it has every run, and can become the live one.
	BuiltGeneration GenerationState = "built"
	// PreviousGeneration: it was live before, and can become so again.
	PreviousGeneration GenerationState = "previous"
)
