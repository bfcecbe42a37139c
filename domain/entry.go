package domain

// Position says where a line stands in its stream.
type Position struct {
	// Line counts from 1; blank lines count.
	Line int64
	// Offset is that of the line's first byte, from 0, in the stream as it
	// was before any compression.
	Offset int64
}

// Fault says why a line holds no event.
type Fault uint8

const (
	// Sound is the zero Fault: the line holds an event.
	Sound Fault = iota
	// Malformed is a line that is no event and was skipped.
	Malformed
	// Torn is a malformed last line that no line feed ends: its writer died
	// inside it.
	Torn
)

// Entry is one line of a stream as it was read: the event it holds and where
// it stands. A line that holds none has a Fault, and Kind NoEvent.
type Entry struct {
	Event
	Position
	Fault Fault
}
