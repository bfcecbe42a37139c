//go:build !unix

package signals

// Init is for process 1 of a container, which a system without Unix processes does not have.
func Init() (int, error) { panic("there is no process 1") }
