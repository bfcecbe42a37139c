// Package otlp exports runs to OpenTelemetry as traces: to a collector with OTLP over HTTP, or to a
// file as OTLP/JSON lines.
//
// A run is a trace. Its span is of kind SERVER, and those of its jobs and commands, of kind
// INTERNAL, are below it, with the names and values of OpenTelemetry's semantic conventions for
// CI/CD. The version of the conventions is [SchemaURL].
//
// The ids of a span are derived from the run, the job and the number of the command. The same
// stream gives the same spans, so sending it again adds nothing to a collector.
//
// A span is sent when its row is final. One exception: a command with an exit code other than 0
// waits for the end of its job, because only the job's outcome tells whether it failed. At the end
// of the stream, the spans of open jobs and commands follow, and the run's own span is last. So
// memory is proportional to what is open.
//
//   - span.go, resource.go: the content of a span
//   - id.go: its ids
//   - fold.go: when a span is made
//   - batch.go: how spans are gathered
//   - writer.go: to a file, or to a collector
//   - address.go, client.go, response.go: how they are sent
//   - sink.go: for growing streams
package otlp
