package storetest

import (
	"fmt"
	"slices"

	"github.com/quire-ci/quire-project/projections/store"
)

// behind is what Verify finds of a run whose stream has grown.
func behind(r *recording) store.Difference {
	return store.Difference{Kind: store.Behind, RunID: r.run, Table: "checkpoints", Column: "end_bytes"}
}

// findsBehind cuts a stream anywhere, also within a line, as a reader does that comes
// while its writer is at it.
func findsBehind(t *trial) error {
	data := slices.Concat(t.stream("stream"), longStream(1), t.stream("rest"))
	cut := t.upTo(len(data), "bytes that are read")
	r := record(t.run("a"), data[:cut])
	r.vague = t.flip("vague")
	if err := t.ingest(r, nil); err != nil {
		return err
	}
	if err := t.finds(recordings{r}); err != nil {
		return err
	}
	r.is(data)
	if cut == len(data) {
		return t.finds(recordings{r})
	}
	return t.finds(recordings{r}, behind(r))
}

// findsChangedAndBehind has a row that is wrong, and a stream that has grown.
func findsChangedAndBehind(t *trial) error {
	var want store.Difference
	r, err := t.tampered(func(c *content) error {
		want = t.changeOne(c)
		return nil
	})
	if err != nil {
		return err
	}
	want.RunID, want.Kind = r.run, store.Differs
	r.is(slices.Concat(r.bytes(), longStream(1)))
	return t.finds(recordings{r}, want, behind(r))
}

// findsWhatMends rebuilds what Verify finds, in the way that it names.
func findsWhatMends(t *trial) error {
	rowsAreRight := false
	r, err := t.tampered(func(c *content) error {
		switch pick(t, "what", "changed", "removed", "added", "older", "without a checkpoint", "read otherwise") {
		case "changed":
			t.changeOne(c)
		case "removed":
			t.removeOne(c)
		case "added":
			t.addOne(c)
		case "older":
			t.changeOne(c)
			c.checkpoint.V.Projections = t.older()
		case "without a checkpoint":
			d := t.changeOne(c)
			rowsAreRight = d.Table == "checkpoints" || d.Column == "final" // which nobody knows without one
			c.checkpoint.Valid = false
		case "read otherwise":
			t.changeOne(c)
			c.checkpoint.V.Reading = "otherwise"
		}
		return nil
	})
	if err != nil {
		return err
	}
	then := pick(t, "then the stream", "stays", "grows", "is another one")
	switch then {
	case "grows":
		r.is(slices.Concat(r.bytes(), longStream(1)))
	case "is another one":
		r.is(slices.Concat([]byte("\n"), r.bytes()))
	}
	var found store.Verified
	done := func(v store.Verified) { found = v }
	if err := store.Verify(t.ctx, t.store, recordings{r}, store.VerifyOptions{Done: done}); err != nil {
		return err
	}
	if found.Differences == 0 && !found.Behind && !(rowsAreRight && then == "stays") {
		return fmt.Errorf("store.Verify finds nothing")
	}
	if found.Force && then == "stays" { // then less does not do it
		if err := t.rebuild(r, store.Options{}); err != nil {
			return err
		}
		if t.agree(r) == nil {
			return fmt.Errorf("store.Verify says that a rebuild has to be forced, and it has not")
		}
	}
	if err := t.rebuild(r, store.Options{Force: found.Force}); err != nil {
		return err
	}
	return t.agree(r)
}

func (t *trial) rebuild(r *recording, options store.Options) error {
	_, err := store.Rebuild(t.ctx, t.store, recordings{r}, options)
	return err
}
