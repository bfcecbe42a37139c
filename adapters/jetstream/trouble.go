package jetstream

import "log/slog"

// trouble is logged when it begins and when it is over, and not each time that
// something is tried again.
type trouble struct {
	log  *slog.Logger
	what string
	on   bool
}

func (t *trouble) note(err error) {
	switch {
	case err != nil && !t.on:
		t.log.Warn(t.what, "error", err)
	case err == nil && t.on:
		t.log.Info("over: " + t.what)
	}
	t.on = err != nil
}
