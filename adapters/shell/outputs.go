package shell

import (
	"errors"
	"os"
	"sync/atomic"
	"time"
)

// outputs reads what a command writes, from the pipes into the log.
type outputs struct {
	pipes [2]*os.File
	ended chan struct{} // gets one element for each that has ended
	begun int
	done  int

	// abandoned is set when nothing that comes is waited for any more.
	abandoned atomic.Bool
}

func newOutputs() *outputs { return &outputs{ended: make(chan struct{}, 2)} }

// read begins to read an output into its stream.
func (o *outputs) read(pipe *os.File, to *stream) {
	o.pipes[o.begun] = pipe
	o.begun++
	go func() {
		o.pump(pipe, to)
		pipe.Close() // it was read only
		o.ended <- struct{}{}
	}()
}

// wait waits until all outputs have ended, but no longer than that, or until hurry is
// closed, and reports whether they have.
func (o *outputs) wait(atMost time.Duration, hurry <-chan struct{}) bool {
	var tooLong <-chan time.Time
	for o.done < o.begun {
		select {
		case <-o.ended:
			o.done++
			continue
		default:
		}
		if tooLong == nil {
			tooLong = time.After(atMost)
		}
		select {
		case <-o.ended:
			o.done++
		case <-tooLong:
			return false
		case <-hurry:
			return false
		}
	}
	return true
}

// abandon ends the reading of outputs that others than the command's group
// hold. What they hold now is still read.
func (o *outputs) abandon() {
	o.abandoned.Store(true)
	for _, pipe := range o.pipes[:o.begun] {
		_ = pipe.SetReadDeadline(past) // it may be closed already
	}
	for ; o.done < o.begun; o.done++ {
		<-o.ended
	}
}

var past = time.Unix(1, 0)

// pump takes what comes out of a pipe to its end, or until nobody waits for
// that any more.
func (o *outputs) pump(pipe *os.File, to *stream) {
	defer to.end()
	var alarm time.Time // when the pipe's deadline is
	for {
		n, err := pipe.Read(to.buffer)
		to.write(to.buffer[:n])
		switch {
		case err == nil:
		case !errors.Is(err, os.ErrDeadlineExceeded): // the end
			return
		case o.abandoned.Load():
			drain(pipe, to)
			return
		default:
			to.flush()
		}
		if to.due != alarm {
			alarm = to.due
			o.setAlarm(pipe, alarm)
		}
	}
}

// setAlarm sets a pipe's deadline, unless it is to be left.
func (o *outputs) setAlarm(pipe *os.File, alarm time.Time) {
	_ = pipe.SetReadDeadline(alarm) // pipes have deadlines
	if o.abandoned.Load() {
		_ = pipe.SetReadDeadline(past)
	}
}

// pipeSize is how much a pipe holds.
const pipeSize = 64 << 10

// drain takes what is in a pipe, but not what somebody goes on to write.
func drain(pipe *os.File, to *stream) {
	for left := pipeSize; left > 0; {
		n, err := readNow(pipe, to.buffer[:min(left, len(to.buffer))])
		if err != nil {
			return
		}
		to.write(to.buffer[:n])
		left -= n
	}
}
