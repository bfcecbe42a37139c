package web

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"github.com/quire-ci/quire-project/adapters/follow"
)

// Site is a server together with the streams that it follows.
type Site struct {
	Options
	Access   Access
	Listener net.Listener
	// Path, if not "", is a stream or a folder of streams to follow into the store, with the
	// options Follow.
	Path   string
	Follow follow.Options
}

// URL returns the address at which the site is served.
func (s *Site) URL() string {
	if s.Access.Certificate != nil {
		return "https://" + s.Listener.Addr().String()
	}
	return "http://" + s.Listener.Addr().String()
}

// Run serves the site until ctx ends, serving or following fails, or the store is newer than this
// program, see [Options.Outdated]. It closes the listener.
func (s *Site) Run(ctx context.Context) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	shown := s.Options
	shown.Outdated = stop
	server := New(shown)
	defer server.Close()
	followed := make(chan struct{})
	go func() {
		defer close(followed)
		if s.Path == "" {
			return
		}
		options := s.Follow
		options.Store, options.Report.Written = s.Store, server.Written
		if _, err := follow.Follow(ctx, s.Path, options); !errors.Is(err, context.Canceled) {
			stop(err)
		}
	}()
	err := Serve(ctx, s.Listener, server, s.Access)
	stop(nil)
	<-followed
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		err = cmp.Or(err, cause)
	}
	return err
}

// Read reads the token, and the certificate with its key, from files. Empty names are skipped.
func (a *Access) Read(token, certificate, key string) (err error) {
	if token != "" {
		if a.Token, err = ReadToken(token); err != nil {
			return fmt.Errorf("--token-file: %w", err)
		}
	}
	if certificate+key == "" {
		return nil
	}
	if certificate == "" || key == "" {
		return errors.New("--tls-cert and --tls-key go together")
	}
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return fmt.Errorf("--tls-cert: %w", err)
	}
	a.Certificate = &pair
	return nil
}
