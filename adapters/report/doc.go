// Package report writes what the projections make of a run: as JSON, NDJSON or
// CSV for machines, as a table for people, as Markdown for a pull request.
//
// [Write] folds one stream and writes its report. What is for machines is
// stable, described by schemas that follow from the projections, and written by their
// columns, which a test holds to what encoding/json makes of the same rows. What is for people
// shows no control character that a stream may hold.
package report
