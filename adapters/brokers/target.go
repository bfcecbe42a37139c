package brokers

import (
	"context"
	"errors"

	"github.com/quire-ci/quire-project/adapters/publish"
)

// IsTarget reports whether a text is meant to be the address of something to publish to.
func IsTarget(text string) bool { return IsAddress(text) || publish.IsHTTP(text) }

// OpenTarget opens what segments are sent to: a broker or, at an http address, quire-project serve.
// tokenFile has the token of the server, see [publish.HTTPOptions.ReadToken].
func OpenTarget(ctx context.Context, address string, o Options, tokenFile string) (publish.Target, error) {
	if publish.IsHTTP(address) {
		server, err := openServer(address, o, tokenFile)
		if errors.Is(err, publish.ErrHTTP) {
			err = wrongOptions{err}
		}
		if err != nil {
			return nil, err
		}
		return server, nil
	}
	if tokenFile != "" {
		return nil, wrongOptions{errors.New("--token-file is for a server over HTTP, not for a broker")}
	}
	b, err := Open(ctx, address, o)
	if err != nil {
		return nil, err
	}
	return b, nil
}

func openServer(address string, o Options, tokenFile string) (*publish.HTTP, error) {
	if o.Partitions != 0 || o.Replicas != 0 || o.Credentials != "" {
		return nil, wrongOptions{errors.New("--partitions, --replicas and --creds are for a broker, not for a server over HTTP")}
	}
	options := publish.HTTPOptions{CAFile: o.CAFile, CertFile: o.CertFile, KeyFile: o.KeyFile}
	if err := options.ReadToken(tokenFile); err != nil {
		return nil, err
	}
	return publish.NewHTTP(address, options)
}

// wrongOptions is an [ErrOptions].
type wrongOptions struct{ error }

func (wrongOptions) Is(target error) bool { return target == ErrOptions }
