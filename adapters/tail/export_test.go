package tail

import "time"

// WithTick returns options for a file system whose clock ticks as often.
func (o Options) WithTick(tick time.Duration) Options {
	o.tick = tick
	return o
}

// Offset returns the offset at which reading the stream continues.
func (s *Stream) Offset() int64 { return s.offset }

// Idle reports whether Next would wait now.
func (s *Stream) Idle() bool {
	there, err := s.look()
	switch {
	case err != nil:
		return false
	case !there || s.seen.Size() == s.scanned:
		return true
	}
	file, err := s.open()
	if file == nil {
		return err == nil
	}
	defer file.Close()
	found, err := s.scan(file)
	return err == nil && !found
}
