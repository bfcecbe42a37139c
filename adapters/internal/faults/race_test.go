//go:build race

package faults

// SQLite is Go code here, on which the race detector looks at every access.
func init() { slow = true }
