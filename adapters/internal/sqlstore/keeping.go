package sqlstore

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// maxPending is how many bytes of streams a transaction has in memory, compressed or not yet,
// before it writes them.
const maxPending = 8 << 20

// KeepStreams makes a store keep streams from now on.
const KeepStreams = `UPDATE quire_project_store SET keeps_streams = true WHERE NOT keeps_streams`

// SelectKeeps says whether a store keeps streams.
const SelectKeeps = `SELECT keeps_streams FROM quire_project_store`

// Keeps reports whether the store keeps streams. They go with the live rows: rows beside them are
// written without.
func (r Reader) Keeps(ctx context.Context) (bool, error) {
	if r.dialect.Prefix != "" {
		return false, nil
	}
	found, err := list(ctx, r, "whether streams are kept", func(_ *Dialect, keeps *bool) []any { return []any{boolean(keeps)} }, SelectKeeps)
	return len(found) > 0 && found[0], err
}

type keptRow struct {
	run domain.RunID
	at  int64
	store.Kept
}

func keptColumns(d *Dialect, k *keptRow) []any {
	return []any{text(d, &k.run), &k.Bytes, digest(&k.SHA256), &k.at}
}

// Kept describes the kept streams of runs.
func (r Reader) Kept(ctx context.Context, runs []domain.RunID) (map[domain.RunID]store.Kept, error) {
	kept := map[domain.RunID]store.Kept{}
	for some := range slices.Chunk(runs, MaxList) {
		condition, args := r.dialect.In(some)
		found, err := list(ctx, r, "the kept streams", keptColumns, `SELECT run_id, bytes, sha256, kept_at_ms FROM quire_project_streams WHERE run_id `+condition, args...)
		if err != nil {
			return nil, err
		}
		for _, row := range found {
			row.At = time.UnixMilli(row.at)
			kept[row.run] = row.Kept
		}
	}
	return kept, nil
}

func pieceColumns(_ *Dialect, p *piece) []any { return []any{&p.offset, &p.bytes, &p.data} }

const selectPiece = `SELECT "offset", bytes, data FROM quire_project_pieces WHERE run_id = ?1 AND "offset" <= ?2 ORDER BY "offset" DESC LIMIT 1`

// Piece returns bytes of a kept stream.
func (r Reader) Piece(ctx context.Context, run domain.RunID, offset int64) ([]byte, error) {
	found, err := list(ctx, r, "a piece of a stream", pieceColumns, selectPiece, r.dialect.encode(string(run)), offset)
	if err != nil || len(found) == 0 || found[0].offset+found[0].bytes <= offset {
		return nil, err
	}
	data, err := found[0].unpack()
	if err != nil {
		return nil, r.dialect.error("a piece of a stream", err)
	}
	return data[offset-found[0].offset:], nil
}

// Keeping has the methods of a transaction for kept streams. It collects the bytes to keep, and
// writes them when there are many, or in [Keeping.Flush]. Other goroutines compress pieces
// meanwhile, because rows wait for the caller.
type Keeping struct {
	Dialect *Dialect
	// Query runs statements in order, and calls scan with the rows of each.
	Query func(scan func(i int, rows Rows) error, statements ...Statement) error
	// Exec runs statements in order.
	Exec func(statements ...Statement) error
	// On says that the store keeps streams.
	On bool

	growing  map[domain.RunID]*growing
	replaced []domain.RunID // whose pieces of before are to be removed
	packing  []*packing     // in the order of their bytes
	ends     map[domain.RunID]domain.Mark
	pending  int
}

// growing is a stream to which a transaction adds bytes.
type growing struct {
	run  domain.RunID
	id   string
	at   int64 // of data
	data []byte
	// joined says that nothing before data can be joined with it. Only then is it cut into pieces.
	joined bool
}

// Keeps reports whether the store keeps streams.
func (k *Keeping) Keeps() bool { return k.On }

// Keep adds data to the kept stream of a run.
func (k *Keeping) Keep(run domain.RunID, offset int64, data []byte) error {
	g := k.growing[run]
	if g == nil {
		g = k.grow(run, offset)
	}
	if end := g.at + int64(len(g.data)); end != offset {
		return fmt.Errorf("keep the stream of run %q: the next byte is %d, not %d", run, end, offset)
	}
	k.add(g, data)
	if k.pending += len(data); k.pending < maxPending {
		return nil
	}
	return k.write(false)
}

// grow begins to add bytes to the kept stream of a run, or to replace it.
func (k *Keeping) grow(run domain.RunID, offset int64) *growing {
	g := &growing{run: run, id: k.Dialect.encode(string(run)), at: offset, joined: offset == 0}
	if g.joined {
		k.replaced = append(k.replaced, run)
	}
	if k.growing == nil {
		k.growing = map[domain.RunID]*growing{}
	}
	k.growing[run] = g
	return g
}

// add adds bytes to a stream, and cuts off the pieces that are whole.
func (k *Keeping) add(g *growing, data []byte) {
	if !g.joined {
		g.data = append(g.data, data...)
		return
	}
	for len(data) > 0 {
		n := min(len(data), maxPiece-len(g.data))
		g.data, data = append(g.data, data[:n]...), data[n:]
		if len(g.data) == maxPiece {
			k.cut(g)
			g.data = buffers.Get().(*[maxPiece]byte)[:0]
		}
	}
}

// cut makes a piece of the bytes of a stream.
func (k *Keeping) cut(g *growing) {
	if len(g.data) == 0 {
		return
	}
	p := &packing{run: g.run, id: g.id, offset: g.at, bytes: len(g.data), done: make(chan struct{})}
	go p.pack(g.data)
	k.packing = append(k.packing, p)
	g.at, g.data = g.at+int64(len(g.data)), nil
}

// Reach notes that the kept stream of a run ends at a mark when the transaction commits.
func (k *Keeping) Reach(run domain.RunID, end domain.Mark) {
	if k.ends == nil {
		k.ends = map[domain.RunID]domain.Mark{}
	}
	k.ends[run] = end
	if g := k.growing[run]; g != nil && g.joined {
		k.cut(g) // so that Flush has less to wait for
	}
}

// Flush writes the collected bytes.
func (k *Keeping) Flush() error {
	if err := k.write(true); err != nil {
		return err
	}
	var rows [][]any
	for run, end := range k.ends {
		rows = append(rows, []any{k.Dialect.encode(string(run)), end.Bytes, hex.EncodeToString(end.SHA256[:])})
	}
	clear(k.ends)
	return k.exec(k.inserts(`INSERT INTO quire_project_streams (run_id, bytes, sha256, kept_at_ms) VALUES `, rows, `, `+k.Dialect.nowMs(),
		` ON CONFLICT (run_id) DO UPDATE SET bytes = excluded.bytes, sha256 = excluded.sha256, kept_at_ms = excluded.kept_at_ms`))
}

// insertRows is how many rows a statement inserts at most.
const insertRows = 64

// inserts returns the statements that insert rows, each with a last value in SQL.
func (k *Keeping) inserts(begin string, rows [][]any, last, end string) (all []Statement) {
	for some := range slices.Chunk(rows, insertRows) {
		query, args := strings.Builder{}, []any(nil)
		query.WriteString(begin)
		for i, row := range some {
			if i > 0 {
				query.WriteString(", ")
			}
			for j := range row {
				fmt.Fprintf(&query, "%c?%d", "(,"[min(j, 1)], len(args)+j+1)
			}
			query.WriteString(last + ")")
			args = append(args, row...)
		}
		all = append(all, k.statement(query.String()+end, args...))
	}
	return all
}

// Discard removes the kept streams of runs.
func (k *Keeping) Discard(runs []domain.RunID) error {
	var all []Statement
	for _, run := range runs {
		delete(k.growing, run)
		delete(k.ends, run)
	}
	k.packing = slices.DeleteFunc(k.packing, func(p *packing) bool { return slices.Contains(runs, p.run) })
	for some := range slices.Chunk(runs, MaxList) {
		condition, args := k.Dialect.In(some)
		all = append(all,
			k.statement(`DELETE FROM quire_project_pieces WHERE run_id `+condition, args...),
			k.statement(`DELETE FROM quire_project_streams WHERE run_id `+condition, args...))
	}
	return k.exec(all)
}

func (k *Keeping) statement(query string, args ...any) Statement {
	return Statement{k.Dialect.SQL(query), args}
}

func (k *Keeping) exec(statements []Statement) error {
	if len(statements) == 0 {
		return nil
	}
	return wrap(k.Exec(statements...))
}

func wrap(err error) error {
	if err != nil {
		return fmt.Errorf("keep streams: %w", err)
	}
	return nil
}

// write writes whole pieces or, at the end, all bytes.
func (k *Keeping) write(end bool) error {
	if err := k.join(); err != nil {
		return wrap(err)
	}
	k.pending = 0
	for _, g := range k.growing {
		if end {
			k.cut(g)
		}
		k.pending += len(g.data)
	}
	if end {
		clear(k.growing)
	}
	var rows [][]any
	for _, p := range k.packing {
		if <-p.done; p.err != nil {
			return wrap(p.err)
		}
		rows = append(rows, []any{p.id, p.offset, int64(p.bytes), p.packed})
	}
	k.packing = nil
	return k.exec(k.inserts(`INSERT INTO quire_project_pieces (run_id, "offset", bytes, data) VALUES `, rows, "", ""))
}

// join joins the bytes with the pieces that they replace or take in, and removes those.
func (k *Keeping) join() error {
	var fresh []*growing
	var ends, reads, removes []Statement
	for _, g := range k.growing {
		if !g.joined {
			fresh = append(fresh, g)
			// No piece that begins before can reach beyond, or be taken in.
			ends = append(ends, k.statement(`SELECT "offset", bytes, '' AS data FROM quire_project_pieces WHERE run_id = ?1 AND "offset" > ?2 AND "offset" < ?3 ORDER BY "offset" DESC`, g.id, g.at-2*maxPiece, g.at))
		}
	}
	for some := range slices.Chunk(k.replaced, MaxList) {
		condition, args := k.Dialect.In(some)
		removes = append(removes, k.statement(`DELETE FROM quire_project_pieces WHERE run_id `+condition, args...))
	}
	k.replaced = nil
	from := make([]int64, len(fresh))
	err := k.each(ends, func(i int, pieces []piece) error {
		from[i] = fresh[i].takesIn(pieces)
		return nil
	})
	if err != nil {
		return err
	}
	for i, g := range fresh {
		reads = append(reads, k.statement(`SELECT "offset", bytes, data FROM quire_project_pieces WHERE run_id = ?1 AND "offset" >= ?2 AND "offset" < ?3 ORDER BY "offset"`, g.id, from[i], g.at))
		removes = append(removes, k.statement(`DELETE FROM quire_project_pieces WHERE run_id = ?1 AND "offset" >= ?2`, g.id, from[i]))
	}
	err = k.each(reads, func(i int, pieces []piece) error { return k.prepend(fresh[i], from[i], pieces) })
	if err != nil || len(removes) == 0 {
		return err
	}
	return k.Exec(removes...)
}

// each runs queries for pieces.
func (k *Keeping) each(queries []Statement, do func(i int, pieces []piece) error) error {
	if len(queries) == 0 {
		return nil
	}
	return k.Query(func(i int, rows Rows) error {
		var pieces []piece
		for rows.Next() {
			var p piece
			if err := rows.Scan(pieceColumns(k.Dialect, &p)...); err != nil {
				return err
			}
			pieces = append(pieces, p)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		return do(i, pieces)
	}, queries...)
}

// takesIn returns where the first of the pieces before the bytes begins that they take in.
func (g *growing) takesIn(pieces []piece) int64 {
	from, size := g.at, int64(len(g.data))
	for _, p := range pieces {
		cut := p.offset+p.bytes > g.at
		if !cut && (p.bytes > size || p.bytes+size > maxPiece) {
			break
		}
		size += from - p.offset
		from = p.offset
	}
	return from
}

// prepend puts the bytes of pieces before the others, and cuts off the pieces that are whole.
func (k *Keeping) prepend(g *growing, from int64, pieces []piece) error {
	var before []byte
	for _, p := range pieces {
		data, err := p.unpack()
		if err != nil {
			return err
		}
		before = append(before, data...)
	}
	missing := g.at - from
	if int64(len(before)) < missing {
		return fmt.Errorf("run %q: %d bytes before byte %d are not there", g.run, missing-int64(len(before)), g.at)
	}
	data := g.data
	g.at, g.data, g.joined = from, nil, true
	k.add(g, before[:missing])
	k.add(g, data)
	return nil
}
