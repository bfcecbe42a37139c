package jetstream

import "log/slog"

// trouble logs a failure when it begins and when it is over, and not for each retry.
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
		t.log.Info("no longer: " + t.what)
	}
	t.on = err != nil
}
