// Package tail reads streams on as their files grow.
//
// [Follow] finds the stream or the streams to follow, now and later, and hands
// each [Stream] to a function that runs in a goroutine of its own;
// [Stream.Next] waits for whole lines and gives them as the bytes they are.
//
// # How changes are found
//
// One watcher, the operating system's, tells of changes in the folders that
// streams stand in, and wakes whoever waits for that stream: a line is there
// some tenths of a millisecond after it was written. Watchers miss what other machines write to a
// network file system, have limits, and lose events when there are too many.
// So each stream that waits also looks at its file now and then, less often while nothing
// happens, and so does Follow at the folders. A change is then found later,
// but it is found.
//
// # What a stream costs that waits
//
// Its goroutine and a timer. A file is opened when there is something to read
// in it, and closed again; buffers are shared.
//
// # How it is known that a file is still the same
//
// By what the operating system takes for the identity of a file, by its
// length, and by the last bytes that were read, which are compared whenever
// there is more to read: so a file that was cut and written anew is found out
// even when it is longer than before. One that has been changed in place
// elsewhere is not; who has to know that compares digests.
package tail
