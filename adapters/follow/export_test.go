package follow

import "time"

// WithQuietAfter returns options that let go of a stream that does not grow for so long.
func (o Options) WithQuietAfter(d time.Duration) Options {
	o.quietAfter = d
	return o
}
