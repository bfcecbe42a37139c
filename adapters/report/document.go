package report

import (
	"bytes"
	"cmp"
	"encoding/json"
	"io"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// SchemaVersion is the first member of every document. It changes when a
// reader of the document would have to.
const SchemaVersion = "quire-project/v1"

// document is a JSON document in the making: rows are encoded as soon as those
// before them are, so that nothing but their text is kept.
type document struct {
	relay                                          *relay
	run, runTiming                                 []byte
	jobs, sh, jobTimings, shTimings, slow, oddness array
}

func writeJSON(out io.Writer, run domain.RunID, stream projections.Stream, options Options) (projections.Run, error) {
	d := document{relay: newRelay(func() error { return nil })}
	var row projections.Run
	members := []projections.Member{
		projections.Into(projections.Runs(), func(r *projections.Row[projections.Run]) { row = r.Value }),
	}
	add := func(section Section, member func() projections.Member) {
		if options.Sections.Has(section) {
			members = append(members, member())
		}
	}
	add(Jobs, func() projections.Member { return into(d.relay, &d.jobs, projections.Jobs(), appendJob) })
	add(ShEvents, func() projections.Member { return into(d.relay, &d.sh, projections.ShEvents(), appendShEvent) })
	add(TimingsJobs, func() projections.Member {
		return into(d.relay, &d.jobTimings, projections.JobTimings(), appendJobTiming)
	})
	add(TimingsSh, func() projections.Member { return into(d.relay, &d.shTimings, projections.ShTimings(), appendShTiming) })
	add(TimingsSlowest, func() projections.Member { return into(d.relay, &d.slow, projections.Slowest(), appendSlowSh) })
	add(Diagnostics, func() projections.Member {
		return into(d.relay, &d.oddness, projections.Diagnostics(), appendDiagnostic)
	})
	add(TimingsRun, func() projections.Member {
		return projections.Into(projections.RunTimings(), func(r *projections.Row[projections.RunTiming]) {
			d.runTiming = appendRunTiming(d.runTiming[:0], &r.Value)
		})
	})
	fold := projections.NewFold(run, members...)
	d.relay.start()
	err := fold.Drain(stream)
	if err == nil {
		fold.Open()
	}
	if err := cmp.Or(err, d.relay.stop()); err != nil {
		return projections.Run{}, err
	}
	d.run = appendRun(nil, &row)
	if options.Pretty {
		return row, d.writePretty(out, options.Sections)
	}
	return row, d.write(out, options.Sections)
}

// into makes a projection a member of the fold that fills an array.
func into[R comparable](r *relay, a *array, p projections.Projection[R], encode func([]byte, *R) []byte) projections.Member {
	rows := ordered[R]{emit: func(row *R) { a.end(append(encode(a.begin(), row), '}')) }}
	return projections.Into(p, through(r, rows.take))
}

// write writes the document, and a line feed behind it.
func (d *document) write(out io.Writer, sections Selection) error {
	w := &pieces{out: out}
	w.text(`{"schema":"` + SchemaVersion + `"`)
	if sections.Has(Run) {
		w.text(`,"run":{`)
		w.bytes(d.run)
		w.text(`}`)
	}
	w.section(sections, Jobs, `,"jobs":`, &d.jobs)
	w.section(sections, ShEvents, `,"sh_events":`, &d.sh)
	if sections.hasTimings() {
		w.text(`,"timings":{`)
		comma := ""
		if sections.Has(TimingsRun) {
			w.text(`"run":{`)
			w.bytes(d.runTiming)
			w.text(`}`)
			comma = ","
		}
		for _, part := range []struct {
			section Section
			name    string
			rows    *array
		}{
			{TimingsJobs, `"jobs":`, &d.jobTimings},
			{TimingsSh, `"sh_events":`, &d.shTimings},
			{TimingsSlowest, `"slowest":`, &d.slow},
		} {
			if sections.Has(part.section) {
				w.section(sections, part.section, comma+part.name, part.rows)
				comma = ","
			}
		}
		w.text(`}`)
	}
	w.section(sections, Diagnostics, `,"diagnostics":`, &d.oddness)
	w.text("}\n")
	return w.flush()
}

func (d *document) writePretty(out io.Writer, sections Selection) error {
	var compact, pretty bytes.Buffer
	if err := d.write(&compact, sections); err != nil {
		return err
	}
	if err := json.Indent(&pretty, compact.Bytes(), "", "  "); err != nil {
		return err
	}
	_, err := out.Write(pretty.Bytes())
	return err
}
