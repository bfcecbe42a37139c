// Package report writes the rows of a run: as JSON, NDJSON or CSV for machines, as a table for a
// terminal, as Markdown for a pull request, and in the formats of other tools.
//
// [Write] folds one stream and writes its report. The formats for machines are stable;
// [DocumentSchema] and [RowSchema] describe them. The formats for people escape the control
// characters of a stream.
package report
