package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/quire-ci/quire-project/domain"
)

// ErrChanged is returned by [Switch] without sources if runs have changed since the new rows were
// built.
var ErrChanged = errors.New("runs have changed since the new rows were built; name the folder of their streams as well, to derive these runs again")

const (
	// besidePage is how many runs are looked up, or brought over, at once.
	besidePage = 10_000
	// lastChanges is how many changes a switch brings over itself, while nobody else can write.
	lastChanges = 16
	// maxDrains is how often a switch brings over changes before that.
	maxDrains = 50
	// maxBuilds limits how often the rows are built again because another program has removed them.
	maxBuilds = 3
)

// IsOlder reports whether the rows of a store are of an older version of a projection than the
// program's.
func IsOlder(ctx context.Context, s Store) (bool, error) {
	versions, err := s.Versions(ctx)
	for _, of := range s.Projections().Stored() {
		if version := versions[of.Name]; version > 0 && version < of.Version {
			return true, err
		}
	}
	return false, err
}

// build is the work on a generation beside the live one.
type build struct {
	live    Versioned
	next    Beside
	sources Sources // nil if there are none
	// known are the streams of runs that have changed; nil for a run without one.
	known map[domain.RunID]Source
}

// rebuildBeside derives all rows in a generation beside the live one, and switches to it.
func rebuildBeside(ctx context.Context, s Versioned, sources Sources, options Options) (summary Summary, err error) {
	for tries := 1; ; tries++ {
		var b *build
		if b, summary, err = buildNext(ctx, s, sources, options); err == nil {
			err = b.switchTo(ctx, options.Keep)
		}
		if err == nil || b == nil || tries == maxBuilds || !b.isGone(ctx) {
			break
		}
		if older, failed := IsOlder(ctx, s); failed != nil || !older { // another program has switched
			return IngestAll(ctx, s, sources, options)
		}
	}
	if err != nil || !options.Prune {
		return summary, err
	}
	p := newPipeline(s, sources, options.reporting(summary.add))
	return summary, p.prune(ctx)
}

// Build derives all rows in a generation beside the live one, which stays. [Switch] makes it the
// live one.
func Build(ctx context.Context, s Versioned, sources Sources, options Options) (Summary, error) {
	_, summary, err := buildNext(ctx, s, sources, options)
	return summary, err
}

// isGone reports whether the generation is live now, or was dropped.
func (b *build) isGone(ctx context.Context) bool {
	_, err := b.live.Beside(ctx, b.next.Number())
	return errors.Is(err, ErrNoGeneration)
}

// buildNext builds the next generation. It then has every run, except for changes made meanwhile.
// It returns a build unless there is no generation.
func buildNext(ctx context.Context, s Versioned, sources Sources, options Options) (*build, Summary, error) {
	summary := Summary{Runs: map[Outcome]int{}}
	next, err := s.Next(ctx)
	if err != nil {
		return nil, summary, err
	}
	b := &build{live: s, next: next, sources: sources, known: map[domain.RunID]Source{}}
	options.Prune, options.Force, options.Tables, options.like = false, false, nil, s
	if summary, err = IngestAll(ctx, next, sources, options); err != nil {
		return b, summary, err
	}
	if err := b.carryMissing(ctx); err != nil {
		return b, summary, err
	}
	return b, summary, next.Complete(ctx)
}

// carryMissing carries over the runs whose rows could not be derived, because they have no stream
// or one that is malformed.
func (b *build) carryMissing(ctx context.Context) error {
	for page, err := range Pages(ctx, besidePage, b.live.RunIDs) {
		if err != nil {
			return err
		}
		there, err := b.next.Checkpoints(ctx, page)
		if err != nil {
			return err
		}
		if err := b.carry(ctx, slices.DeleteFunc(page, func(run domain.RunID) bool { _, ok := there[run]; return ok })); err != nil {
			return err
		}
	}
	return nil
}

func (b *build) carry(ctx context.Context, runs []domain.RunID) error {
	for some := range slices.Chunk(runs, groupRuns) {
		if err := b.next.Carry(ctx, some); err != nil {
			return fmt.Errorf("carrying over runs without a stream: %w", err)
		}
	}
	return nil
}

// errManyChanges says that more has changed than a switch should bring over itself.
var errManyChanges = errors.New("too many runs have changed")

// switchTo makes the generation the live one once little is left to be brought over.
func (b *build) switchTo(ctx context.Context, keep bool) error {
	for drains := 0; ; drains++ {
		left, err := b.drain(ctx)
		if err != nil {
			return err
		}
		if left >= lastChanges && drains < maxDrains {
			continue
		}
		err = b.live.Switch(ctx, b.next.Number(), keep, func(inside Beside) error {
			return b.last(ctx, inside, drains >= maxDrains)
		})
		if !errors.Is(err, errManyChanges) {
			if err == nil && !keep {
				err = b.live.Drop(ctx) // the previously live generation
			}
			return err
		}
	}
}

// drain brings over the runs that have changed in the live generation, and returns how many they
// were.
func (b *build) drain(ctx context.Context) (int, error) {
	changes, err := b.next.Changes(ctx, besidePage)
	if err != nil || len(changes) == 0 {
		return 0, err
	}
	changed := map[domain.RunID]bool{}
	for _, c := range changes {
		changed[c.Run], b.known[c.Run] = true, nil
	}
	var found sources
	if b.sources != nil {
		for source, err := range b.sources.All() {
			if err == nil && changed[source.Run()] {
				b.known[source.Run()] = source
				if found = append(found, source); source.Once() { // which cannot be read again
					found = found[:len(found)-1]
				}
				delete(changed, source.Run())
			}
		}
	}
	if len(found) > 0 { // else the generation may be of other versions than the program's
		_, err = IngestAll(ctx, b.next, found, Options{like: b.live, Done: func(result Result) {
			if result.Outcome == Skipped {
				changed[result.RunID] = true
			}
		}})
	}
	if err == nil {
		err = b.carry(ctx, slices.Sorted(maps.Keys(changed)))
	}
	if err == nil {
		err = b.next.Forget(ctx, changes)
	}
	return len(changes), err
}

// last carries over the remaining changes, while nobody else can write. It does not read the list
// of streams.
func (b *build) last(ctx context.Context, inside Beside, atAnyCost bool) error {
	limit := lastChanges
	if atAnyCost {
		limit = besidePage
	}
	changes, err := inside.Changes(ctx, limit+1)
	switch {
	case err != nil:
		return err
	case len(changes) > limit:
		return errManyChanges
	}
	var without []domain.RunID
	for _, c := range changes {
		source, known := b.known[c.Run]
		switch {
		case !known && b.sources != nil && !atAnyCost:
			return errManyChanges // it may have a stream
		case source == nil:
			without = append(without, c.Run)
			continue
		case source.Once():
			continue
		}
		result, err := Ingest(ctx, inside, source, Options{})
		switch {
		case result.Outcome == Skipped && !isStoreError(err):
			without = append(without, c.Run)
		case err != nil:
			return err
		}
	}
	return inside.Carry(ctx, without)
}

// Switch switches to the rows that were built beside the live ones, without deriving them again.
// sources may be nil if no run has changed since.
func Switch(ctx context.Context, s Versioned, sources Sources, keep bool) error {
	b, err := besides(ctx, s, BuiltGeneration, "no new rows are built; build them with rebuild --compare")
	if err != nil {
		return err
	}
	changes, err := b.next.Changes(ctx, 1)
	if err != nil {
		return err
	}
	if b.sources = sources; len(changes) > 0 && sources == nil {
		return ErrChanged
	}
	return b.switchTo(ctx, keep)
}

// Rollback switches to the rows that were kept by an earlier switch. Runs that have changed since
// are carried over as they are.
func Rollback(ctx context.Context, s Versioned, keep bool) error {
	b, err := besides(ctx, s, PreviousGeneration, "no previous rows are kept; switch with --keep to keep them")
	if err != nil {
		return err
	}
	return b.switchTo(ctx, keep)
}

// besides returns the work on the generation in a state.
func besides(ctx context.Context, s Versioned, state GenerationState, none string) (*build, error) {
	all, err := s.Generations(ctx)
	if err != nil {
		return nil, err
	}
	for _, g := range all {
		if g.State == state {
			next, err := s.Beside(ctx, g.Number)
			return &build{live: s, next: next, known: map[domain.RunID]Source{}}, err
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrNoGeneration, none)
}
