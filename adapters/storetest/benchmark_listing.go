package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// listedRuns is the number of runs that [Listable] writes.
const listedRuns = 100_000

// Pages returns a page for each combination of filters, places and directions, for tests of
// query plans.
func Pages() (pages []store.Page) {
	timed, untimed := store.Run{}, store.Run{}
	timed.StartedAtMs = some(int64(5))
	for i := range 16 {
		var page store.Page
		if i&1 != 0 {
			page.State = projections.Failed
		}
		if i&2 != 0 {
			page.Ended = some(false)
		}
		if i&4 != 0 {
			page.Label = &projections.Label{Key: "ref", Value: "main"}
		}
		if i&8 != 0 {
			page.Text = "m"
		}
		pages = append(pages, page)
		for _, at := range []*store.Run{&timed, &untimed} {
			after, before := page, page
			after.After, before.Before = at, at
			pages = append(pages, after, before)
		}
	}
	return pages
}

// Listable fills a store for [BenchmarkListing] with runs that have common labels, rare ones, and
// labels that only old runs have.
func Listable(b *testing.B, s store.Store) {
	all := make([]int, listedRuns)
	for i := range all {
		all[i] = i
	}
	for some := range slices.Chunk(all, 2000) {
		err := s.Update(context.Background(), func(tx store.Tx) error {
			for _, i := range some {
				run, labels := listable(i)
				rows := &store.Rows{RunID: run.RunID, Tables: []store.TableRows{
					store.RowsOf(projections.RunTable, projections.Row[store.Run]{Value: run}), store.RowsOf(projections.LabelRows, labels...),
				}}
				if err := tx.Insert(rows); err != nil {
					return err
				}
				if err := tx.SetCheckpoint(run.RunID, store.Checkpoint{Source: "runs/" + string(run.RunID) + ".jsonl"}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// listable returns run number i; a higher number is newer.
func listable(i int) (run store.Run, labels []projections.Row[projections.Label]) {
	run.RunID = domain.RunID(fmt.Sprintf("%08x-run", uint32(i)*2654435761))
	run.State, run.Ended, run.StartedAtMs = projections.Complete, true, some(1_795_444_880_000+int64(i)*10_000)
	switch {
	case i > listedRuns-30:
		run.State, run.Ended = projections.Active, false
	case i%10 == 3:
		run.State = projections.Failed
	case i%100 == 7:
		run.Ended = false
	}
	label := func(key, value string) {
		labels = append(labels, projections.Row[projections.Label]{Index: len(labels), Final: true, Value: projections.Label{Key: key, Value: value}})
	}
	if i < listedRuns/2 {
		label("era", "old")
	}
	ref := "main"
	if i%3 == 0 {
		ref = fmt.Sprintf("feature-%d", i/30)
	}
	label("ref", ref)
	repo := fmt.Sprintf("team/repo-%d", i%50)
	if i < 5000 {
		repo = "retired/repo"
	}
	label("repo", repo)
	label("sha", fmt.Sprintf("%08x%032x", uint32(i)*40503, i))
	return run, labels
}

// BenchmarkListing reads pages of a store filled by [Listable]: one after the other, and from 20
// clients at once.
func BenchmarkListing(b *testing.B, s store.Store) {
	place := func(i int) *store.Run { run, _ := listable(i); return &run }
	is := func(key, value string) *projections.Label { return &projections.Label{Key: key, Value: value} }
	pages := []struct {
		name string
		page store.Page
	}{
		{"newest", store.Page{}},
		{"deep", store.Page{After: place(20_000)}},
		{"before", store.Page{Before: place(20_000)}},
		{"failed", store.Page{State: projections.Failed}},
		{"failed, deep", store.Page{State: projections.Failed, After: place(20_000)}},
		{"active", store.Page{State: projections.Active}},
		{"open", store.Page{Ended: some(false)}},
		{"open, deep", store.Page{Ended: some(false), Before: place(20_000)}},
		{"failed and open", store.Page{State: projections.Failed, Ended: some(false)}},
		{"common label", store.Page{Label: is("ref", "main")}},
		{"common label, deep", store.Page{Label: is("ref", "main"), After: place(20_000)}},
		{"label of 2 %", store.Page{Label: is("repo", "team/repo-7")}},
		{"label of 2 %, deep", store.Page{Label: is("repo", "team/repo-7"), Before: place(20_000)}},
		{"label of 2 %, failed", store.Page{Label: is("repo", "team/repo-3"), State: projections.Failed}},
		{"rare label", store.Page{Label: is("ref", "feature-77")}},
		{"label of 5,000 old runs", store.Page{Label: is("repo", "retired/repo")}},
		{"label of the older half", store.Page{Label: is("era", "old")}},
		{"common label, active", store.Page{Label: is("era", "old"), State: projections.Active}},
		{"no such label", store.Page{Label: is("ref", "nowhere")}},
		{"common text", store.Page{Text: "m"}},
		{"text of all", store.Page{Text: "team/"}},
		{"text, 1 letter of ids", store.Page{Text: "a"}},
		{"text, 2 letters of ids", store.Page{Text: "ab"}},
		{"text, 4 letters of ids", store.Page{Text: "ab12"}},
		{"text of 5,000 old runs", store.Page{Text: "retired"}},
		{"no such text", store.Page{Text: "nowhere"}},
		{"text and label", store.Page{Text: "feature-1", Label: is("repo", "team/repo-7")}},
	}
	for _, bench := range pages {
		b.Run(bench.name, func(b *testing.B) { listAtOnce(b, s, 1, bench.page) })
	}
	var all []store.Page
	for _, bench := range pages {
		all = append(all, bench.page)
	}
	b.Run("newest, by 20 clients", func(b *testing.B) { listAtOnce(b, s, 20, store.Page{}) })
	b.Run("all, by 20 clients", func(b *testing.B) { listAtOnce(b, s, 20, all...) })
}

// listAtOnce lists pages.
func listAtOnce(b *testing.B, s store.Store, clients int, pages ...store.Page) {
	AtOnce(b, clients, 0, func(i int) error {
		_, err := s.Runs(context.Background(), pages[i%len(pages)])
		return err
	})
}

// AtOnce runs clients that call ask, b.N times in all. Each client asks again when it has its
// answer or, if every is not 0, that long after it asked before. AtOnce reports the median and the
// 99th percentile of the time to an answer.
func AtOnce(b *testing.B, clients int, every time.Duration, ask func(i int) error) {
	var asked atomic.Int64
	took := make([]time.Duration, b.N)
	var all sync.WaitGroup
	for client := range clients {
		all.Go(func() {
			next := time.Now().Add(every * time.Duration(client) / time.Duration(clients))
			for {
				i := int(asked.Add(1)) - 1
				if i >= b.N {
					return
				}
				time.Sleep(time.Until(next))
				begin := time.Now()
				if err := ask(i); err != nil {
					b.Error(err)
					return
				}
				took[i], next = time.Since(begin), next.Add(every)
			}
		})
	}
	all.Wait()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
