package storetest

import (
	"slices"

	"github.com/quire-ci/quire-project/projections/store"
)

// behind returns the difference that Verify must find for a run whose stream has grown.
func behind(r *recording) store.Difference {
	return store.Difference{Kind: store.Behind, RunID: r.run, Table: "checkpoints", Column: "end_bytes"}
}

// findsBehind cuts a stream anywhere, also within a line, as a reader sees it while its writer is
// writing.
func findsBehind(t *trial) {
	data := slices.Concat(t.stream("stream"), longStream(1), t.stream("rest"))
	cut := t.upTo(len(data), "bytes that are read")
	r := record(t.run("a"), data[:cut])
	r.vague = t.flip("vague")
	t.ingest(r, nil)
	must(t.finds(recordings{r}))
	r.is(data)
	if cut == len(data) {
		must(t.finds(recordings{r}))
		return
	}
	must(t.finds(recordings{r}, behind(r)))
}

// findsChangedAndBehind checks a run with a wrong row and a stream that has grown.
func findsChangedAndBehind(t *trial) {
	var want store.Difference
	r := t.tampered(func(c *content) {
		want = t.changeOne(c)
	})
	want.RunID, want.Kind = r.run, store.Differs
	r.is(slices.Concat(r.bytes(), longStream(1)))
	must(t.finds(recordings{r}, want, behind(r)))
}

// findsWhatMends repairs what Verify finds in the way that Verify names.
func findsWhatMends(t *trial) {
	rowsAreRight := false
	r := t.tampered(func(c *content) {
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
			rowsAreRight = d.Table == "checkpoints" || d.Column == "final" // nobody knows these without a checkpoint
			c.checkpoint.Valid = false
		case "read otherwise":
			t.changeOne(c)
			c.checkpoint.V.ReadOptions = "otherwise"
		}
	})
	then := pick(t, "then the stream", "stays", "grows", "is another one")
	switch then {
	case "grows":
		r.is(slices.Concat(r.bytes(), longStream(1)))
	case "is another one":
		r.is(slices.Concat([]byte("\n"), r.bytes()))
	}
	var found store.Verified
	done := func(v store.Verified) { found = v }
	must(store.Verify(t.ctx, t.store, recordings{r}, store.VerifyOptions{Done: done}))
	failIf(found.Differences == 0 && !found.Behind && !(rowsAreRight && then == "stays"), "store.Verify finds nothing")
	if found.Force && then == "stays" { // a weaker repair must not suffice
		must(t.rebuild(r, store.Options{}))
		failIf(t.agree(r) == nil, "store.Verify says that a rebuild has to be forced, and it has not")
	}
	must(t.rebuild(r, store.Options{Force: found.Force}))
	must(t.agree(r))
}

func (t *trial) rebuild(r *recording, options store.Options) error {
	_, err := store.Rebuild(t.ctx, t.store, recordings{r}, options)
	return err
}
