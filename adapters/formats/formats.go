// Package formats knows all formats of reports, those of adapters/report and of other packages, and
// everything else that a user can name as the target of a report.
package formats

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/otlp"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/adapters/web"
	"github.com/quire-ci/quire-project/projections"
)

// all are the formats, in the order of help texts.
var all = append(report.Kinds(), otlp.Kind, web.Kind)

// Store describes a store as the target of a report: it receives all rows.
var Store = report.Kind{Name: "a store", Takes: report.TakesStreams}

// Names returns the names of the formats that take one of some options, or of all formats for 0.
func Names(takes report.Takes) (names []string) {
	for _, kind := range append(slices.Clone(all), Store) {
		if takes == 0 && kind.Name != Store.Name || kind.Takes&takes != 0 {
			names = append(names, string(kind.Name))
		}
	}
	return names
}

// word matches a mistyped format that is safe to print: any other text could be an address with a
// password.
var word = regexp.MustCompile(`^[A-Za-z0-9_.-]*$`)

// Parse returns the kind of a target: a format, [otlp.Collector] or [Store].
func Parse(target string) (report.Kind, error) {
	names := strings.Join(Names(0), ", ")
	at := slices.Index(Names(0), target)
	switch {
	case at >= 0:
		return all[at], nil
	case otlp.IsAddress(target):
		return otlp.Collector, nil
	case stores.IsAddress(target):
		return Store, nil
	case !word.MatchString(target):
		return report.Kind{}, fmt.Errorf("--to takes a format (%s) or a store's address (%s)", names, stores.Syntax)
	}
	return report.Kind{}, fmt.Errorf("--to: no format is called %q; there are %s; a store is %s", target, names, stores.Syntax)
}

// Document returns the report that a target of another package than report is, or nil.
func Document(ctx context.Context, target string, out io.Writer, set *projections.Set, options otlp.Options, client otlp.ClientOptions) (report.Document, error) {
	switch {
	case target == web.Format:
		return web.NewFile(out, set), nil
	case otlp.IsTarget(target):
		return otlp.Open(ctx, target, out, options, client)
	}
	return nil, nil
}
