// Package waittest helps tests to wait, however busy the machine is.
package waittest

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

// Patience is how long a test waits for something that must happen.
const Patience = 5 * time.Minute

// Until waits until holds returns true. It returns false if that takes too long.
func Until(holds func() bool) bool {
	for end := time.Now().Add(Patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if holds() {
			return true
		}
	}
	return false
}

// Output is text that several goroutines write and read.
type Output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *Output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// String returns the text so far.
func (o *Output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// Main runs the tests of a package and returns their exit code. The tests fail if they leave
// goroutines or open files behind.
func Main(m *testing.M) int {
	files := OpenFiles()
	code := m.Run()
	// The goroutines and files of main, of signals, and a few of the runtime remain.
	none := func() bool { return runtime.NumGoroutine() <= 3 && OpenFiles() <= files+3 }
	if code == 0 && !Until(none) {
		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		fmt.Fprintf(os.Stderr, "leaked: %d files, %d goroutines\n%s\n", OpenFiles()-files, runtime.NumGoroutine(), stacks)
		code = 1
	}
	return code
}

// OpenFiles counts the open files of this process. It returns 0 if the system does not list them.
func OpenFiles() int {
	files, _ := os.ReadDir("/proc/self/fd")
	return len(files)
}
