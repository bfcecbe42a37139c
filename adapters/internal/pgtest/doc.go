// Package pgtest runs a real PostgreSQL for tests, with a data folder of its own that
// is removed at the end.
//
//	func TestSomething(t *testing.T) {
//		url := pgtest.Shared(t).NewDatabase(t)
//		...
//	}
//
// The tests of a process share one server, and have a database each. A test
// that stops its server takes one of its own, with [New].
//
// PostgreSQL has to be installed, not running: its programs are looked for in
// $PATH, and where Debian and its kin put them. Where there are none, tests are
// skipped with a message that begins with "needs PostgreSQL".
package pgtest
