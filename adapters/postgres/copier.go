package postgres

import (
	"bytes"
	"context"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/quire-ci/quire-project/projections"
)

// flushSize is how much of a table is sent at once. Small runs share a COPY,
// and a large run has many of them, each taken in by the server while the next
// one is encoded.
const flushSize = 1 << 20

// copier sends the rows of a transaction by COPY, of which a connection does
// one at a time.
type copier struct {
	ctx    context.Context
	conn   *pgconn.PgConn
	tables []outgoing
	sent   chan error // gets the result of the COPY under way; nil if there is none
	spare  []byte     // what that COPY sends, to be used again
	err    error      // the first one, which ends the transaction
}

func newCopier(ctx context.Context, tables []*table, conn *pgconn.PgConn) copier {
	c := copier{ctx: ctx, conn: conn}
	for _, table := range tables {
		c.tables = append(c.tables, outgoing{table: table})
	}
	return c
}

func (c *copier) table(of *projections.Definition) *outgoing {
	return &c.tables[slices.IndexFunc(c.tables, func(out outgoing) bool { return out.of == of })]
}

// full reports whether there is much of a table.
func (c *copier) full() bool {
	return slices.ContainsFunc(c.tables, func(out outgoing) bool { return len(out.data) >= flushSize })
}

// sendFull sends the tables of which there is much.
func (c *copier) sendFull() error { return c.sendFrom(flushSize) }

// flush sends everything, and waits until the server has it.
func (c *copier) flush() error {
	if err := c.sendFrom(1); err != nil {
		return err
	}
	return c.wait()
}

// sendFrom sends the tables that have so many bytes to be sent.
func (c *copier) sendFrom(size int) error {
	for table := range c.tables {
		if len(c.tables[table].data) >= size {
			if err := c.send(table); err != nil {
				return err
			}
		}
	}
	return c.err
}

// send begins a COPY of what there is of a table, as soon as the one before is
// done.
func (c *copier) send(table int) error {
	if err := c.wait(); err != nil {
		return err
	}
	out := &c.tables[table]
	full := out.end()
	out.data = c.spare[:0]
	c.spare = full
	c.sent = make(chan error, 1)
	go func(sent chan<- error) {
		_, err := c.conn.CopyFrom(c.ctx, bytes.NewReader(full), out.copy)
		sent <- err
	}(c.sent)
	return nil
}

// wait waits until the connection is free, and returns what went wrong so far.
func (c *copier) wait() error {
	if c.sent != nil {
		if err := <-c.sent; c.err == nil {
			c.err = err
		}
		c.sent = nil
	}
	return c.err
}
