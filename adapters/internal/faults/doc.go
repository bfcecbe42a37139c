// Package faults has tests only: real faults that stores must survive. The tests build,
// run and kill the program; they fill the disk under a database, stop PostgreSQL in the
// middle of the work, let several programs write at once, hold a lock, take away the
// right to write, and overwrite a part of the file.
//
// After each fault, a reader must find whole runs, each as before or as after; the error
// must say what to do; and the same command must complete the work, so that verify finds
// no difference.
//
// Moments are random. A test that fails prints its seed:
//
//	go test ./adapters/internal/faults -run TestKilledRebuild -faults.seed 7
//
// Filling a disk needs a disk for the test, and so root.
package faults
