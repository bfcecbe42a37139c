package store

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"slices"

	"github.com/quire-ci/quire-project/projections"
)

// runComparison compares one run with a snapshot of the store.
type runComparison struct {
	of       []*projections.Definition // the store's projections
	tables   []*projections.Definition // those to compare
	source   Source
	snapshot Snapshot
	verified *Verified
	report   func(Difference)

	checkpoint Checkpoint
	stored     bool                      // there is a checkpoint
	missing    []*projections.Definition // the rows lack these projections
	silent     bool                      // nothing is stored, which is one difference
	lasting    bool                      // the difference remains when the missing part is derived
}

// run reads the stored rows before it opens the stream. So if another program writes both meanwhile,
// the stream can be ahead of the rows, but never behind. The first error is the stream's, the second
// the store's.
func (c *runComparison) run(ctx context.Context) (failed, err error) {
	if c.checkpoint, c.stored, err = c.snapshot.Checkpoint(); err != nil {
		return nil, err
	}
	c.missing = projections.Missing(c.of, projections.Versions(c.checkpoint.Projections))
	stream, failed := c.open(ctx)
	if failed != nil {
		return failed, nil
	}
	defer stream.Close()
	return c.compare(stream)
}

// open opens the stream as it was when the rows were derived from it.
func (c *runComparison) open(ctx context.Context) (Stream, error) {
	if c.stored {
		c.source = c.source.As(c.checkpoint.ReadOptions)
		return c.source.OpenUntil(ctx, c.checkpoint.End)
	}
	return c.source.Open(ctx, c.checkpoint.End)
}

func (c *runComparison) compare(stream Stream) (failed, err error) {
	// No row is final by a last line without a line feed.
	finals := c.stored && c.checkpoint.Mark == c.checkpoint.End
	var run Run
	members := []projections.Member{projections.RunTable.Into(func(row *projections.Row[Run]) { run = row.Value })}
	var tables []*comparison
	for _, of := range c.tables {
		table := compare(of, c.snapshot.Rows(of), finals, c.differs)
		defer table.quit()
		tables, members = append(tables, table), append(members, of.Member(table.take))
	}
	nothing := !c.stored && !slices.ContainsFunc(tables, (*comparison).peek)
	c.silent = nothing
	fold := projections.NewFold(c.source.Run(), members...)
	if failed := fold.Drain(stream); failed != nil {
		return failed, nil
	}
	fold.Open()
	if nothing {
		c.behind(Difference{Table: projections.RunTable.Table, Derived: run})
	}
	for _, table := range tables {
		if err := table.end(); err != nil {
			return nil, err
		}
	}
	if c.stored {
		c.origin(Checkpoint{
			Mark: stream.Mark(), End: stream.End(), Events: fold.Run().Events,
			Projections: projections.ID(c.of), ReadOptions: c.source.ReadOptions(),
		}, stream.More())
	}
	return nil, nil
}

// origin compares where the rows came from with where rows would come from now.
func (c *runComparison) origin(now Checkpoint, more bool) {
	known := c.checkpoint
	if c.verified.Differences == 0 { // else those say more
		if len(c.missing) == 0 {
			known.Projections = now.Projections // known may name more
		}
		was := provenanceOf(known)
		for i, is := range provenanceOf(now) {
			if was[i].Value != is.Value {
				c.differs(Difference{Kind: Differs, Table: "checkpoints", Column: is.Name, Stored: was[i].Value, Derived: is.Value})
			}
		}
	}
	readOn := !more || len(c.missing) == 0 && known.Mark == known.End // else Ingest replaces all rows
	c.verified.Force = c.lasting && readOn && !c.source.Once() && known.End == now.End && known.ReadOptions == now.ReadOptions
	if more {
		c.behind(Difference{Table: "checkpoints", Column: "end_bytes", Stored: known.End.Bytes})
	}
}

func (c *runComparison) differs(d Difference) {
	if c.silent {
		return
	}
	c.verified.Differences++
	derived := slices.ContainsFunc(c.missing, func(of *projections.Definition) bool {
		return of.Table == d.Table || d.Table == "checkpoints"
	})
	c.lasting = c.lasting || !derived
	c.report(d)
}

func (c *runComparison) behind(d Difference) {
	d.Kind, c.verified.Behind = Behind, true
	c.report(d)
}

// provenanceOf returns the parts of a checkpoint that follow from the stream.
func provenanceOf(c Checkpoint) []KeyColumn {
	return []KeyColumn{
		{"bytes", c.Bytes}, {"lines", c.Lines}, {"sha256", hex.EncodeToString(c.SHA256[:])},
		{"end_bytes", c.End.Bytes}, {"end_lines", c.End.Lines}, {"end_sha256", hex.EncodeToString(c.End.SHA256[:])},
		{"events", c.Events}, {"projections", c.Projections},
	}
}

// compareKept compares the stream that the store keeps with the one from which the rows were
// derived.
func (c *runComparison) compareKept(ctx context.Context, s Store) error {
	keeps, err := s.Keeps(ctx)
	if err != nil || !keeps {
		return err
	}
	differs := Difference{Kind: Differs, Table: "checkpoints", Column: "kept", Stored: false, Derived: true}
	if !c.checkpoint.Kept {
		c.differs(differs)
		return nil
	}
	_, err = io.Copy(io.Discard, KeptReader(ctx, s, c.source.Run(), c.checkpoint.End))
	if errors.Is(err, ErrKept) {
		c.verified.Force, err = true, nil // its length is right, so that Ingest takes it for whole
		c.differs(differs)
	}
	return err
}
