package store

import (
	"encoding/hex"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// tableComparisons compares the rows of all tables at once.
type tableComparisons struct {
	members []projections.Member
	tables  []tableComparison
	run     Run
	silent  bool
}

// tableComparison is a comparison, whatever its rows are.
type tableComparison interface {
	peek() bool
	end() error
	stop()
}

func newTables(tables Tables, snapshot Snapshot, report func(Difference)) *tableComparisons {
	t := &tableComparisons{}
	t.members = []projections.Member{
		projections.Into(projections.Runs(), func(row *projections.Row[projections.Run]) { t.run.Run = row.Value }),
		projections.Into(projections.RunTimings(), func(row *projections.Row[projections.RunTiming]) { t.run.RunTiming = row.Value }),
	}
	tell := func(d Difference) {
		if !t.silent {
			report(d)
		}
	}
	if tables.Has(TableJobs) {
		addTable(t, projections.Jobs(), compare("jobs", snapshot.Jobs(), jobKey, tell))
	}
	if tables.Has(TableShEvents) {
		addTable(t, projections.ShEvents(), compare("sh_events", snapshot.ShEvents(), shKey, tell))
	}
	if tables.Has(TableTimings) {
		addTable(t, projections.JobTimings(), compare("timings", snapshot.Timings(), timingKey, tell))
	}
	if tables.Has(TableDiagnostics) {
		addTable(t, projections.Diagnostics(), compare("diagnostics", snapshot.Diagnostics(), positionKey, tell))
	}
	return t
}

func addTable[R comparable](t *tableComparisons, p projections.Projection[R], c *comparison[R]) {
	t.members = append(t.members, projections.Into(p, c.take))
	t.tables = append(t.tables, c)
}

func (t *tableComparisons) fold(run domain.RunID) *projections.Fold {
	return projections.NewFold(run, t.members...)
}

// empty reports whether nothing at all is stored.
func (t *tableComparisons) empty() bool {
	for _, table := range t.tables {
		if table.peek() {
			return false
		}
	}
	return true
}

func (t *tableComparisons) end() error {
	for _, table := range t.tables {
		if err := table.end(); err != nil {
			return err
		}
	}
	return nil
}

func (t *tableComparisons) stop() {
	for _, table := range t.tables {
		table.stop()
	}
}

func jobKey(_ int, row projections.Job) Key { return Key{JobID: projections.Some(row.JobID)} }

func shKey(_ int, row projections.ShEvent) Key {
	return Key{JobID: projections.Some(row.JobID), Seq: row.Seq}
}

func timingKey(_ int, row projections.JobTiming) Key {
	return Key{JobID: projections.Some(row.JobID)}
}

func positionKey(index int, _ projections.Diagnostic) Key { return Key{Position: index + 1} }

// compareRow compares a table that has one row for a run.
func compareRow[R comparable](table string, stored R, has bool, derived R, report func(Difference)) {
	if !has {
		report(Difference{Kind: Missing, Table: table, Derived: derived})
		return
	}
	had := columns(stored)
	for i, want := range columns(derived) {
		if had[i].value != want.value {
			report(Difference{Kind: Differs, Table: table, Column: want.name, Stored: had[i].value, Derived: want.value})
		}
	}
}

// provenance is what of a checkpoint follows from the stream.
type provenance struct {
	Bytes     int64  `json:"bytes"`
	Lines     int64  `json:"lines"`
	SHA256    string `json:"sha256"`
	EndBytes  int64  `json:"end_bytes"`
	EndLines  int64  `json:"end_lines"`
	EndSHA256 string `json:"end_sha256"`
	Events    int64  `json:"events"`
	Reducers  int    `json:"reducers"`
}

func provenanceOf(c Checkpoint) provenance {
	return provenance{
		c.Bytes, c.Lines, hex.EncodeToString(c.SHA256[:]),
		c.End.Bytes, c.End.Lines, hex.EncodeToString(c.End.SHA256[:]),
		c.Events, c.Reducers,
	}
}
