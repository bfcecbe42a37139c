package report

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/quire-ci/quire-project/adapters/internal/display"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/store"
)

// VerifyOptions are the options of [Verify].
type VerifyOptions struct {
	// Format is Table or JSON. Width is that of the terminal in columns; 0 means no limit.
	Format Format
	Width  int
	// Tables selects the tables to compare; nil means all of them.
	Tables []*projections.Definition
	// Skipped, if set, receives the error of each stream that cannot be compared.
	Skipped func(error)
}

// Verification is the result of comparing rows with their streams.
type Verification struct {
	// Runs counts compared runs, Behind those whose stream has grown, and Skipped streams that
	// could not be compared.
	Runs, Behind, Skipped int
	// Differences counts wrong rows and values, and Differing the runs that have them.
	Differences, Differing int

	force bool
}

// verifySchema is the first member of the JSON document. It changes when a change of the document
// would break its readers.
const verifySchema = "quire-project/verify/v2"

// Verify compares the rows of a store with the streams, and writes the differences as tables or as
// one document, docs/schema/verify.json.
func Verify(ctx context.Context, out io.Writer, s store.Store, sources store.Sources, o VerifyOptions) (Verification, error) {
	v := &verifier{options: o, out: bufio.NewWriter(out), skipped: []skipped{}}
	if o.Format == JSON {
		fmt.Fprintf(v.out, `{"schema":"%s","differences":[`, verifySchema)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	check := func(err error) {
		if err != nil {
			cancel(err)
		}
	}
	err := store.Verify(ctx, s, sources, store.VerifyOptions{
		Tables: o.Tables,
		Found:  func(d store.Difference) { check(v.found(&d)) },
		Done:   func(run store.Verified) { check(v.done(run)) },
	})
	if err != nil {
		_ = v.flush() // write the findings before reporting the error
		return v.Verification, err
	}
	if o.Format == JSON {
		fmt.Fprintf(v.out, "],\"skipped\":%s,\"runs\":%d", compact(v.skipped), v.Runs)
		if repair := v.Repair(); repair != "" {
			fmt.Fprintf(v.out, ",\"repair\":%s", compact(repair))
		}
		v.out.WriteString("}\n")
	}
	return v.Verification, v.flush()
}

// verifier writes differences and counts them.
type verifier struct {
	Verification
	options VerifyOptions
	out     *bufio.Writer
	begun   bool
	rows    [][]string // of the table that is not written yet
	skipped []skipped
}

// skipped is a stream that could not be compared, with the reason.
type skipped struct {
	RunID  domain.RunID `json:"run_id"`
	Source string       `json:"source"`
	Reason string       `json:"reason"`
}

// tableRows is how many differences are gathered for one table.
const tableRows = 200

func (v *verifier) found(d *store.Difference) error {
	if v.options.Format != JSON {
		v.rows = append(v.rows, differenceRow(d))
		if len(v.rows) == tableRows {
			return v.flush()
		}
		return nil
	}
	if v.begun {
		v.out.WriteByte(',')
	}
	v.begun = true
	_, err := v.out.Write(compact(d))
	return err
}

func (v *verifier) done(run store.Verified) error {
	v.Differences += run.Differences
	if run.Differences > 0 {
		v.Differing++
	}
	if run.Behind {
		v.Behind++
	}
	v.force = v.force || run.Force
	if run.Err == nil {
		v.Runs++
		return nil
	}
	v.Verification.Skipped++
	v.skipped = append(v.skipped, skipped{run.RunID, run.Source, run.Err.Error()})
	err := v.flush()
	if v.options.Skipped != nil {
		v.options.Skipped(run.Err)
	}
	return err
}

// flush writes the differences found so far.
func (v *verifier) flush() error {
	if len(v.rows) > 0 {
		if v.begun {
			v.out.WriteByte('\n')
		}
		v.begun = true
		_ = v.table().Write(v.out, v.options.Width) // Flush returns the error
		v.rows = v.rows[:0]
	}
	return v.out.Flush()
}

func differenceRow(d *store.Difference) []string {
	stored, derived := oneLine(d.Stored), oneLine(d.Derived)
	switch {
	case d.Kind == store.Missing:
		stored = "no row"
	case d.Kind == store.Extra:
		derived = "no row"
	case d.Kind == store.Behind && d.Stored == nil:
		stored = "not stored yet"
	case d.Kind == store.Behind:
		derived = "the stream has more"
	}
	return []string{string(d.RunID), d.Table, cmp.Or(d.Key.String(), "–"), cmp.Or(d.Column, "–"), stored, derived}
}

// oneLine formats a value or a whole row in one line.
func oneLine(value any) string { return Printable(string(compact(value))) }

// maxCell is the greatest width of a cell if there is no terminal.
const maxCell = 120

// table returns the gathered differences. It cuts both values so that their difference is visible.
func (v *verifier) table() *Grid {
	g := &Grid{Columns: []Column{
		{Title: "run", Share: 1, Drop: 2}, {Title: "table", Drop: 1}, {Title: "key", Share: 1}, {Title: "column", Share: 1},
		{Title: "stored", Share: 1}, {Title: "derived", Share: 1},
	}}
	for _, row := range v.rows {
		g.add(cmp.Or(v.options.Width, maxCell), row...)
	}
	stored, derived := maxCell, maxCell
	if v.options.Width > 0 {
		widths := g.Widths(v.options.Width)
		stored, derived = widths[4], widths[5]
	}
	for i, row := range v.rows {
		a, b := window(row[4], row[5], stored, derived)
		g.Rows[i][4], g.Rows[i][5] = NewCell(a, stored), NewCell(b, derived)
	}
	return g
}

// window shortens two different values. If a common beginning would hide the difference, window
// leaves it out.
func window(a, b string, widthA, widthB int) (string, string) {
	narrow := min(widthA, widthB)
	if same := common(a, b); text.StringWidth(a[:same]) > narrow-min(8, narrow/2) &&
		(text.StringWidth(a) > widthA || text.StringWidth(b) > widthB) {
		for range min(4, narrow/4) { // the end of it shows the position of the difference
			_, size := utf8.DecodeLastRuneInString(a[:same])
			same -= size
		}
		a, b = "…"+a[same:], "…"+b[same:]
	}
	return text.Snip(a, widthA, "…"), text.Snip(b, widthB, "…")
}

// common returns the length of the common beginning of two texts in bytes, in whole characters.
func common(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	for n > 0 && n < len(a) && !utf8.RuneStart(a[n]) {
		n--
	}
	return n
}

// Repair returns the command that repairs the rows, or "" if none is needed.
func (v *Verification) Repair() string {
	switch {
	case v.force:
		return "rebuild --force"
	case v.Differences > 0 || v.Behind > 0:
		return "rebuild"
	}
	return ""
}

// String returns a line such as "verified 5 runs: 3 differences in 1 run; rebuild puts the rows
// right".
func (v *Verification) String() string {
	var found []string
	if v.Differences > 0 {
		found = append(found, display.Plural(v.Differences, "difference")+" in "+display.Plural(v.Differing, "run"))
	}
	switch {
	case v.Behind == 1:
		found = append(found, "1 run is behind its stream")
	case v.Behind > 1:
		found = append(found, display.Plural(v.Behind, "run")+" are behind their streams")
	}
	words := fmt.Sprintf("verified %s: %s", display.Plural(v.Runs, "run"), cmp.Or(strings.Join(found, ", "), "no difference"))
	switch {
	case v.Differences > 0:
		words += "; " + v.Repair() + " repairs the rows"
	case v.Behind > 0:
		words += "; " + v.Repair() + " reads the rest"
	}
	if v.Skipped > 0 {
		words += fmt.Sprintf("; %d skipped", v.Skipped)
	}
	return words
}

// compact returns a value as JSON, without escapes for HTML.
func compact(value any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic(err) // rows contain only values that JSON can express
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}
