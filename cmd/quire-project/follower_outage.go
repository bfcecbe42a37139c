package main

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/quire-ci/quire-project/projections/store"
)

// outage is that a store is away. Whoever needs the store waits for it; people are
// told when that begins, and when it is over.
type outage struct {
	say func(string)

	mu   sync.Mutex
	away bool
	over time.Time // when the latest one was
}

// How long is waited before a store is tried again.
const (
	firstPause = 50 * time.Millisecond
	maxPause   = time.Second
)

// patiently does something with the store again and again while the store is away,
// until ctx ends. trouble, if it is not nil, is told of each failure.
func (o *outage) patiently(ctx context.Context, trouble func(error), do func() error) error {
	pauses := &backoff.ExponentialBackOff{InitialInterval: firstPause, RandomizationFactor: 0.3, Multiplier: 1.5, MaxInterval: maxPause}
	failed, began := false, time.Now()
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		began = time.Now()
		err := do()
		if err != nil && !isAway(err) {
			err = backoff.Permanent(err)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(pauses), backoff.WithMaxElapsedTime(0), backoff.WithNotify(func(err error, _ time.Duration) {
		failed = true
		o.begins(err, began)
		if trouble != nil {
			trouble(err)
		}
	}))
	if failed && err == nil {
		o.ends()
	}
	return err
}

// begins takes note that the store did not do what it was asked for at a time.
func (o *outage) begins(err error, asked time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !o.away && asked.After(o.over) {
		o.away = true
		o.say(err.Error() + waitingAdvice(err) + "; waiting until it is back")
	}
}

// ends takes note that the store has done what it did not before.
func (o *outage) ends() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.away {
		o.away, o.over = false, time.Now()
		o.say("the store is back; nothing was lost")
	}
}

func (o *outage) isOn() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.away
}

// waitingAdvice says what others than this program can do.
func waitingAdvice(err error) string {
	if errors.Is(err, store.ErrFull) && !strings.Contains(err.Error(), "make room") {
		return "; make room"
	}
	return ""
}

// isUnreachable reports whether a server was not found at its address. Where that is
// so from the start, the address may be a wrong one.
func isUnreachable(err error) bool {
	var said *pgconn.PgError
	return isConnectError(err) && !errors.As(err, &said)
}

// awayCodes begin the SQLSTATEs of what may go away: the connection's class,
// conflicts, a lack of resources, and a server that is going down or coming up.
// See https://www.postgresql.org/docs/current/errcodes-appendix.html.
var awayCodes = []string{"08", "40", "53", "57P", "58030"}

// lost are the errors of connections that are not there any more.
var lost = []error{pgconn.ErrConnClosed, io.ErrUnexpectedEOF, io.EOF, net.ErrClosed, driver.ErrBadConn, sql.ErrConnDone}

// isAway reports whether an error of a store may go away if one waits.
func isAway(err error) bool {
	var said *pgconn.PgError
	switch {
	case errors.Is(err, store.ErrLocked) || errors.Is(err, store.ErrFull):
		return true
	case errors.Is(err, context.Canceled) || errors.Is(err, store.ErrReadOnly):
		return false
	case errors.As(err, &said): // also where it refuses a connection
		return hasPrefix(said.Code, awayCodes)
	}
	var network net.Error
	return isConnectError(err) || errors.As(err, &network) || isAny(err, lost)
}

func hasPrefix(s string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

func isAny(err error, targets []error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
