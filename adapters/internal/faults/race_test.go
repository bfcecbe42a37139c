//go:build race

package faults

// SQLite is Go code here, so the race detector checks its every access.
func init() { slow = true }
