//go:build race

package sqlite_test

// SQLite is Go code here, on whose every access the race detector looks.
func init() { slow = true }
