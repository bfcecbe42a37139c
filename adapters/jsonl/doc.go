// Package jsonl reads and writes streams: JSON Lines, one event on each line.
//
//	{"at_ms":90,"type":"run_started","labels":{"ref":"main"}}
//	{"at_ms":100,"type":"job_started","job_id":"build"}
//	{"at_ms":110,"type":"sh_started","job_id":"build","cmd":"echo hi"}
//	{"at_ms":190,"type":"sh_finished","job_id":"build","exit_code":0}
//	{"at_ms":250,"type":"job_finished","job_id":"build","outcome":"complete"}
//	{"at_ms":300,"type":"run_finished","outcome":"succeeded"}
//
// It writes exactly this form. It reads any JSON form of these events (any order of keys,
// white space, escapes, unknown keys and types, CRLF, a byte order mark), and is strict
// about their meaning. docs/wire.md has the rules.
//
// The first of three decoders that accepts a line decodes it:
//
//   - canonical.go accepts the form above, also with additional members at the end, at
//     memory speed;
//   - loose.go accepts events in any order and spacing, of any type and with any
//     members, at a third of that speed;
//   - general.go decides about all other lines. It uses a complete JSON parser, and alone
//     decides what is malformed, where and why.
//
// The first two accept a line only if the third would return the same event. A law and a
// fuzz target check that.
//
// [Reader] reads a stream. [Locate] and [Walk] find streams in files and folders. [Ahead]
// decodes on another core. [Sink] writes events.
package jsonl
