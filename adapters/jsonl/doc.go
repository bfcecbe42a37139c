// Package jsonl reads and writes a run's stream as the wire has it: one JSON
// object a line (JSONL), the producer's clock first, the rest flat.
//
//	{"at_ms":90,"type":"run_started","labels":{"ref":"main"}}
//	{"at_ms":100,"type":"job_started","job_id":"build"}
//	{"at_ms":110,"type":"sh_started","job_id":"build","cmd":"echo hi"}
//	{"at_ms":190,"type":"sh_finished","job_id":"build","exit_code":0}
//	{"at_ms":250,"type":"job_finished","job_id":"build","outcome":"complete"}
//	{"at_ms":300,"type":"run_finished","outcome":"succeeded"}
//
// What is written is that, to the byte. Reading is tolerant in form (any key
// order, white space, escapes, unknown keys and types, CRLF, a byte order
// mark) and strict in meaning; docs/wire.md has the rules.
//
// A line is decoded by the first of three decoders that takes it:
//
//   - canonical.go takes the exact form above, at memory speed, with whatever
//     members a later producer adds behind it;
//   - loose.go takes events in any key order and spacing, of any type and with
//     any members, at a third of that speed;
//   - general.go takes or refuses everything else: it stands on a complete
//     JSON parser, and alone decides what is malformed, where and why.
//
// The first two take a line only if the third would make the same of it, which
// a law and a fuzz target hold them to.
//
// [Reader] reads a stream, [Locate] and [Walk] find streams in files and folders,
// [Ahead] decodes on another core, [Sink] writes.
package jsonl
