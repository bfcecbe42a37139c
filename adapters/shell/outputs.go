package shell

import (
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// outputs copies the output of a command from its pipes into the log.
type outputs struct {
	pipes []*os.File
	ended chan struct{} // closed when all outputs have ended
	// abandoned means: read what is in the pipes, but do not wait for more.
	abandoned atomic.Bool
}

// read starts to read pipes into streams, and closes each pipe at its end.
func (o *outputs) read(streams map[*os.File]*stream) {
	var reading sync.WaitGroup
	for pipe, to := range streams {
		o.pipes = append(o.pipes, pipe)
		reading.Go(func() {
			o.pump(pipe, to)
			pipe.Close() // nothing was written to it
		})
	}
	go func() {
		reading.Wait()
		close(o.ended)
	}()
}

// wait waits until all outputs have ended, at most for a duration and until hurry is
// closed, and reports whether they have ended.
func (o *outputs) wait(atMost time.Duration, hurry <-chan struct{}) bool {
	select {
	case <-o.ended:
		return true
	case <-time.After(atMost):
	case <-hurry:
	}
	return false
}

// abandon ends the reading of outputs that processes outside the command's group hold open. It
// still reads what is in the pipes now.
func (o *outputs) abandon() {
	o.abandoned.Store(true)
	for _, pipe := range o.pipes {
		_ = pipe.SetReadDeadline(past) // the pipe may be closed already
	}
	<-o.ended
}

var past = time.Unix(1, 0)

// pump reads a pipe to its end, or until it is abandoned.
func (o *outputs) pump(pipe *os.File, to *stream) {
	defer to.end()
	var alarm time.Time // the pipe's deadline
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

// setAlarm sets a pipe's deadline, unless the pipe is abandoned.
func (o *outputs) setAlarm(pipe *os.File, alarm time.Time) {
	_ = pipe.SetReadDeadline(alarm) // pipes have deadlines
	if o.abandoned.Load() {
		_ = pipe.SetReadDeadline(past)
	}
}

// pipeSize is the capacity of a pipe on Linux.
const pipeSize = 64 << 10

// drain reads what is in a pipe now, but not what is written later.
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
