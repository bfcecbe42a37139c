// Package memory is a [store.Store] that keeps its rows in memory: for tests of
// what stands on a store, and as the plainest reading of a store's contract.
//
// It is strict. What the contract asks of a caller is checked, and a call that
// breaks it is an error, even where a database would let it pass: writing before
// Lock, adding a row that is there, or two rows at one place. A row that is read is
// overwritten by the next one.
package memory
