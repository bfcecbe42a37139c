// Package live shows runs while they are running.
//
// [Open] returns a [View], which is shown the rows of each run that have changed. On a
// terminal it is a [Terminal]: a frame that is drawn again whenever something has
// changed. Anywhere else it is [Lines]: a line for each change that people wait for.
// Both keep only the open commands, and a little for each job.
//
// [Board.Frame] alone decides what a frame shows: it depends only on the [Board] and
// the time. Streams are not trusted: no text of a stream reaches the terminal with
// control characters, or wider than there is room.
//
// # Time
//
// How long something has been running is a matter of two clocks: the producer's,
// by which it started, and ours. The present is our time if that is at most a day
// after the run's latest event; else the clocks do not agree, or the run has not
// been heard of since, and the present is the time of the latest event. What would
// be negative is not shown.
//
// # The terminal
//
// A frame is one write. It goes to the normal screen, below what was there, so
// that the last one stays to be read, and scrolled back to, when the program is gone;
// an alternate screen would take the failures with it. Nothing is erased that is
// not written over at once, and terminals that know synchronized output (mode
// 2026) show a frame as a whole. Each write leaves the terminal as it was found,
// cursor and line wrapping included: there is nothing to restore after Ctrl-C, a
// panic or a kill. No key is read, so standard input can be the stream.
package live
