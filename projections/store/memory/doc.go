// Package memory is a [store.Store] in memory. It is for tests, and is the simplest
// implementation of a store's contract.
//
// It is strict: a call that breaks the contract is an error, even where a database would
// accept it. Examples are writing before Lock, adding a row that exists, or two rows at
// one place. The next row overwrites a row that was read.
package memory
