// Package tail reads streams while their files grow.
//
// [Follow] finds the stream or the streams to follow, now and later, and hands
// each [Stream] to a function that runs in a goroutine of its own;
// [Stream.Next] waits for whole lines and gives them as the bytes they are.
//
// # How changes are found
//
// The operating system's watcher reports changes in the folders of the streams,
// and wakes the function that waits for a changed stream: it gets a line
// some tenths of a millisecond after it was written. Watchers miss what other machines write to a
// network file system, have limits, and lose events when there are too many.
// So each stream that waits also looks at its file now and then, less often while nothing
// happens, and so does Follow at the folders. A change is then found later,
// but it is found.
//
// # What a stream costs that waits
//
// Its goroutine and a timer. A file is opened when there is something to read
// in it, and closed again; buffers are shared. With [Options.Quiet], a stream that does not
// grow can be released: then it costs only a description of its file.
//
// # When a file has been rewritten
//
// The bytes that were read of a file are compared with those that are in it: by the file's identity,
// its length and the last 64 bytes before more is read, and as a whole, by a digest, when the file has
// changed. To keep appending cheap, comparing takes at most a hundredth of the time, over all
// streams, and continues piece by piece while there is nothing to read. The longer a stream is, the
// longer it takes until a change in its middle is found. This is promised:
//
//   - Another file in the same place, and one with fewer bytes than were read, is found at the next
//     look.
//   - Any other rewriting, to the same size or a larger one, in place or not, is found once the
//     stream is left alone, before [Stream.Rest] says that nothing is left, before a quiet stream
//     is released, and when reading continues.
//   - After [Stream.Next] or Rest has returned [ErrRewritten], reading from 0 gives the new bytes.
//
// This is not promised: that the bytes before a rewriting was found are of one file only; and that a
// rewriting is found which is undone before the file is compared. A rewriting that keeps size and
// times is seen by the time of change, which the system keeps (on Linux, macOS and the BSDs), unless
// it comes within two seconds, a tick of the coarsest clocks: then the file is compared once more
// after these. If the clock of a file server is behind by more, the rewriting may be missed.
package tail
