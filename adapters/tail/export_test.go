package tail

import "time"

// WithTick returns options for a file system whose clock ticks as often.
func (o Options) WithTick(tick time.Duration) Options {
	o.tick = tick
	return o
}
