// Package schema holds the JSON Schemas that are written by hand. Those of the document
// and of its rows follow from the projections, see package report.
package schema

import _ "embed"

// Event is the schema of a line of a stream.
//
//go:embed event.json
var Event []byte
