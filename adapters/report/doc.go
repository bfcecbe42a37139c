// Package report writes the rows of a run: as JSON, NDJSON or CSV for machines, as a
// table for people, as Markdown for a pull request, and for other
// tools.
//
// [Write] folds one stream and writes its report. The formats for machines are
// stable, and [DocumentSchema] and [RowSchema] describe them. The formats for people show no
// control character of a stream.
package report
