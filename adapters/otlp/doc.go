// Package otlp gives the runs of streams to OpenTelemetry, as traces: to a collector with OTLP
// over HTTP, or to a file as OTLP/JSON lines.
//
// A run is a trace. Its span is of kind SERVER, and those of its jobs and commands, of kind
// INTERNAL, are below it, with the names and values of OpenTelemetry's semantic conventions for
// CI/CD. The conventions have one version, [SchemaURL].
//
// The ids of a span derive from the run, the job and the number of the command. The same stream
// gives the same spans, and sending it again gives a collector nothing new.
//
// A span is sent when its row is final. One exception: a command with an exit code other than 0
// waits for the end of its job, because only then it is known whether it failed. What is open at
// the end of the stream follows then, and the span of the run itself is last. So memory follows
// what is open.
//
//   - span.go, resource.go: what a span says
//   - id.go: which ids it has
//   - fold.go: when there is a span
//   - batch.go: how spans are gathered
//   - writer.go: to a file, or to a collector
//   - address.go, client.go, response.go: how they are sent
//   - sink.go: for streams that grow
package otlp
