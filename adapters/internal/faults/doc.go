// Package faults holds tests, and nothing else: the faults that a store has to
// survive, real ones, against real stores. The program is built, run and
// killed; the disk under a database is full; PostgreSQL is stopped in the
// middle of the work; several programs write at once; somebody holds a lock,
// takes the right to write away, or overwrites a part of the file.
//
// After each of them the same is asked for: a reader finds whole runs, each in
// the version of before or in that of after, the error says what to do, and the
// same command again completes the work, so that verify finds nothing.
//
// Moments are drawn at random, from a seed that a test that fails tells:
//
//	go test ./adapters/internal/faults -run TestKilledRebuild -faults.seed 7
//
// A disk of its own, which is needed to fill it, takes root.
package faults
