// Package natstest runs NATS servers with JetStream inside of the process of a
// test. Nothing has to be installed; each server has a folder of its own and
// is gone with the test.
//
//	func TestSomething(t *testing.T) {
//		url := natstest.New(t).URL()
//		...
//	}
//
// A server can be stopped and started again, on the same port and with what it
// has stored. It can also be started as a process of its own, to be killed.
package natstest
