package follow

import "time"

// WithQuietAfter returns options that release a stream which has not grown for that long.
func (o Options) WithQuietAfter(d time.Duration) Options {
	o.quietAfter = d
	return o
}
