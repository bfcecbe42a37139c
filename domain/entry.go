package domain

// Position is the place of a line in its stream.
type Position struct {
	// Line counts from 1; blank lines count.
	Line int64
	// Offset is the offset of the line's first byte in the uncompressed stream, from 0.
	Offset int64
}

// Fault says why a line holds no event.
type Fault uint8

const (
	// Sound is the zero Fault: the line holds an event.
	Sound Fault = iota
	// Malformed is the fault of a line that is no event and was skipped.
	Malformed
	// Torn is the fault of a malformed last line without a line feed: its writer died inside
	// the line.
	Torn
)

// Entry is one line of a stream: its event and its position. A line that holds no event has
// a Fault and the Kind NoEvent.
type Entry struct {
	Event
	Position
	Fault Fault
}
