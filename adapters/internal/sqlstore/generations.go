package sqlstore

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"

	"github.com/quire-ci/quire-project/projections/store"
)

// Prefix returns the prefix of the tables of a generation that is not live.
func Prefix(number int) string { return fmt.Sprintf("quire_project_g%d_", number) }

var prefixed = regexp.MustCompile(`^quire_project_g([0-9]+)_`)

// NumberIn returns the number of the generation that has a table of this name, or 0.
func NumberIn(table string) int {
	if match := prefixed.FindStringSubmatch(table); match != nil {
		number, _ := strconv.Atoi(match[1]) // 0 if it is too long
		return number
	}
	return 0
}

// Dropped is the state of a generation whose tables are, or are about to be, removed. The number
// stays, so that it is never used again.
const Dropped = store.GenerationState("dropped")

// All returns all generations, those that are dropped included, without their versions.
func (r Reader) All(ctx context.Context) ([]store.Generation, error) {
	columns := func(d *Dialect, g *store.Generation) []any { return []any{&g.Number, text(d, &g.State)} }
	return list(ctx, r, "the generations", columns, `SELECT number, state FROM quire_project_generations ORDER BY number`)
}

// Generations returns the generations that have rows.
func (r Reader) Generations(ctx context.Context) ([]store.Generation, error) {
	all, err := r.All(ctx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(g store.Generation) bool { return g.State == Dropped })
	for i := range all {
		if all[i].Versions, err = r.of(all[i]).Versions(ctx); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// of returns the reader of a generation.
func (r Reader) of(g store.Generation) Reader {
	if g.State == store.LiveGeneration {
		return r.with("")
	}
	return r.with(Prefix(g.Number))
}

// with returns the reader of the tables with a prefix.
func (r Reader) with(prefix string) Reader {
	d := *r.dialect
	d.Prefix = prefix
	return Reader{&d, r.db}
}

// isFor reports whether a generation that is not live has the tables of exactly these projections.
func (r Reader) isFor(ctx context.Context, g store.Generation) (bool, error) {
	all, err := r.of(g).registered(ctx)
	same := err == nil && len(all) == len(r.dialect.Set.Stored())
	for _, of := range r.dialect.Set.Stored() {
		same = same && all[of.Name] == registered{of.Name, of.Version, of.Describe()}
	}
	return same, err
}

// noGeneration is the error for a generation that is not there, or is live.
func noGeneration(number int) error {
	return fmt.Errorf("%w: generation %d of the rows", store.ErrNoGeneration, number)
}

// NotLive returns a generation that is not live.
func (r Reader) NotLive(ctx context.Context, number int) (store.Generation, error) {
	all, err := r.All(ctx)
	if err != nil {
		return store.Generation{}, err
	}
	for _, g := range all {
		if g.Number == number && g.State != store.LiveGeneration && g.State != Dropped {
			return g, nil
		}
	}
	return store.Generation{}, noGeneration(number)
}

// Changes returns the runs that have changed, those first that changed first.
func (r Reader) Changes(ctx context.Context, limit int) ([]store.Change, error) {
	columns := func(d *Dialect, c *store.Change) []any { return []any{&c.ID, text(d, &c.Run)} }
	return list(ctx, r, "the changes", columns, `SELECT id, run_id FROM quire_project_changes ORDER BY id LIMIT ?1`, int64(limit))
}

// Swap says which tables change their names when a generation becomes the live one. Tables of
// projections that the generation does not have stay.
type Swap struct {
	// Aside has the live tables that get the prefix of the live generation; Into has the tables
	// that lose the prefix of the other one.
	Aside, Into []string
	// Was has, for each table in Into, the live table that it replaces, if any.
	Was map[string]string
	// Live and Next are the numbers of the two.
	Live, Next int
}

// fixedTables are the tables of a generation that do not depend on its projections.
var fixedTables = []string{"checkpoints", "quire_project_projections"}

// Swap computes which tables a switch to a generation has to rename. An error means that the
// generation cannot become live.
func (r Reader) Swap(ctx context.Context, number int) (s Swap, err error) {
	all, err := r.All(ctx)
	if err != nil {
		return s, err
	}
	state := Dropped
	for _, g := range all {
		switch {
		case g.State == store.LiveGeneration:
			s.Live = g.Number
		case g.Number == number:
			s.Next, state = number, g.State
		}
	}
	switch state {
	case Dropped:
		return s, noGeneration(number)
	case store.BuildingGeneration:
		return s, fmt.Errorf("%w; complete it with rebuild", store.ErrNotBuilt)
	}
	existing, err := r.existing(ctx)
	if err != nil {
		return s, err
	}
	s.Was = map[string]string{}
	live, err := r.with("").registered(ctx)
	if err != nil {
		return s, err
	}
	next, err := r.with(Prefix(number)).registered(ctx)
	if err != nil {
		return s, err
	}
	for _, name := range slices.Sorted(maps.Keys(next)) {
		own := parseTable(next[name].columns).name
		if !existing[Prefix(number)+own] {
			continue
		}
		s.Into = append(s.Into, own)
		if was, ok := live[name]; ok {
			s.Was[own] = parseTable(was.columns).name
			s.Aside = append(s.Aside, s.Was[own])
		}
	}
	s.Aside, s.Into = append(s.Aside, fixedTables...), append(s.Into, fixedTables...)
	for _, table := range fixedTables {
		s.Was[table] = table
	}
	for _, table := range s.Into {
		if existing[table] && !slices.Contains(s.Aside, table) {
			return s, foreign(table)
		}
	}
	return s, nil
}

// Statements returns the statements of a switch: the registration of projections that the
// generation does not have, the new names, and the states.
func (s Swap) Statements(keep bool) (all []string) {
	all = append(all, fmt.Sprintf(`INSERT INTO %[1]q SELECT * FROM quire_project_projections AS p WHERE NOT EXISTS (SELECT 1 FROM %[1]q AS o WHERE o.name = p.name)`,
		Prefix(s.Next)+"quire_project_projections"))
	for _, table := range s.Aside {
		all = append(all, fmt.Sprintf(`ALTER TABLE %q RENAME TO %q`, table, Prefix(s.Live)+table))
	}
	for _, table := range s.Into {
		all = append(all, fmt.Sprintf(`ALTER TABLE %q RENAME TO %q`, Prefix(s.Next)+table, table))
	}
	was := Dropped
	if keep {
		was = store.PreviousGeneration
	}
	return append(all,
		setState(s.Live, was), setState(s.Next, store.LiveGeneration),
		`DELETE FROM quire_project_changes`)
}

// setState returns the statement that sets the state of a generation.
func setState(number int, state store.GenerationState) string {
	return fmt.Sprintf(`UPDATE quire_project_generations SET state = '%s' WHERE number = %d`, state, number)
}

// next returns the next generation: an existing one, if it is for the projections of this program,
// or the number of a new one and the generations that it replaces.
func (r Reader) next(ctx context.Context) (number int, isThere bool, replaced []int, err error) {
	all, err := r.All(ctx)
	for _, g := range all {
		number = max(number, g.Number+1)
		if g.State == Dropped || g.State == store.LiveGeneration {
			continue
		}
		if replaced = append(replaced, g.Number); g.State == store.PreviousGeneration {
			continue
		}
		same, err := r.isFor(ctx, g)
		if err != nil || same {
			return g.Number, same, nil, err
		}
	}
	return number, false, replaced, err
}

// checkForeign returns an error if a table of a projection is there that the store has not made.
func (r Reader) checkForeign(ctx context.Context) error {
	live, err := r.with("").registered(ctx)
	if err != nil {
		return err
	}
	existing, err := r.existing(ctx)
	known := map[string]bool{}
	for _, was := range live {
		known[parseTable(was.columns).name] = true
	}
	for _, of := range r.dialect.Set.Stored() {
		if existing[of.Table] && !known[of.Table] {
			return foreign(of.Table)
		}
	}
	return err
}

func foreign(table string) error {
	return fmt.Errorf("%w: %s; name another table for the projection", store.ErrForeign, table)
}

// existing returns the names of the tables that are in the database.
func (r Reader) existing(ctx context.Context) (map[string]bool, error) {
	names := map[string]bool{}
	open := func() (Rows, error) {
		return r.db.QueryContext(ctx, r.dialect.Existing.Query, r.dialect.Existing.Args...)
	}
	for name, err := range each(&Dialect{Error: r.dialect.Error}, "the tables", oneText[string], open) {
		if err != nil {
			return nil, err
		}
		names[name] = true
	}
	return names, nil
}

// Changing is a transaction that changes the generations.
type Changing interface {
	Querier
	Exec(ctx context.Context, statements ...string) error
}

// Generations changes the generations of a store.
type Generations struct {
	Reader
	// Change calls do with a transaction, and commits it. what says in errors what do does.
	Change func(ctx context.Context, what string, do func(Changing) error) error
	// DropTable drops a table of a generation that was dropped, if that is possible now.
	DropTable func(ctx context.Context, table string) error
}

// Next returns the number of the generation that is being built, and makes it if there is none.
func (g Generations) Next(ctx context.Context) (next int, err error) {
	err = g.Change(ctx, "make the next generation of rows", func(c Changing) error {
		r := Reader{g.dialect, c}
		number, isThere, replaced, err := r.next(ctx)
		if next = number; err != nil || isThere {
			return err
		}
		if err := r.checkForeign(ctx); err != nil {
			return err
		}
		var all []string
		for _, other := range replaced {
			all = append(all, setState(other, Dropped))
		}
		return c.Exec(ctx, slices.Concat(all, g.dialect.makeGeneration(number), g.dialect.NoteChanges)...)
	})
	if err == nil {
		err = g.Drop(ctx)
	}
	return next, err
}

// makeGeneration returns the statements that make a generation for the projections of this program.
// It has their versions from the start.
func (d *Dialect) makeGeneration(number int) []string {
	own := *d
	own.Prefix = Prefix(number)
	all := []string{fmt.Sprintf(`INSERT INTO quire_project_generations (number, state) VALUES (%d, '%s')`, number, store.BuildingGeneration)}
	for _, statement := range append(d.MakeFixed, `CREATE INDEX `+own.Own("checkpoints_projections")+` ON {checkpoints} (projections, run_id)`) {
		all = append(all, own.SQL(statement))
	}
	for _, of := range d.Set.Stored() {
		all = append(append(all, d.MakeTable(&own, of)...), own.RegisterTable(of), own.RegisterVersion(of, of.Version))
	}
	return all
}

// Complete notes that a generation has every run.
func (g Generations) Complete(ctx context.Context, number int) error {
	return g.Change(ctx, "complete the next generation of rows", func(c Changing) error {
		is, err := Reader{g.dialect, c}.NotLive(ctx, number)
		if err != nil || is.State != store.BuildingGeneration {
			return err
		}
		return c.Exec(ctx, setState(number, store.BuiltGeneration))
	})
}

// Drop drops generations, and what is left of others. If there is nothing to drop, it only reads.
func (g Generations) Drop(ctx context.Context, numbers ...int) error {
	left, err := g.leftovers(ctx)
	if err != nil || len(numbers) == 0 && len(left) == 0 {
		return err
	}
	err = g.Change(ctx, "drop rows", func(c Changing) error {
		r := Reader{g.dialect, c}
		for _, number := range numbers {
			if _, err := r.NotLive(ctx, number); err != nil {
				return err
			}
			if err := c.Exec(ctx, setState(number, Dropped)); err != nil {
				return err
			}
		}
		all, err := r.Generations(ctx)
		if err != nil || len(all) > 1 {
			return err
		}
		return c.Exec(ctx, g.dialect.DropNotes, `DELETE FROM quire_project_changes`)
	})
	if err == nil {
		left, err = g.leftovers(ctx)
	}
	for _, table := range left { // each takes a while
		if err == nil {
			err = g.DropTable(ctx, table)
		}
	}
	return err
}

// leftovers returns the tables of generations that were dropped.
func (g Generations) leftovers(ctx context.Context) (left []string, err error) {
	all, err := g.All(ctx)
	dropped := map[int]bool{}
	for _, g := range all {
		if g.State == Dropped {
			dropped[g.Number] = true
		}
	}
	if err != nil || len(dropped) == 0 {
		return nil, err
	}
	existing, err := g.existing(ctx)
	for table := range existing {
		if dropped[NumberIn(table)] {
			left = append(left, table)
		}
	}
	slices.Sort(left)
	return left, err
}
