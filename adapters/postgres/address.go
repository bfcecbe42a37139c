package postgres

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrAddress is returned by [Open] for an address that is not understood.
var ErrAddress = errors.New("the address of the database is not understood")

// errAddress does not say what is wrong: where an address is not understood,
// it is not known either which part of it is the password.
var errAddress = fmt.Errorf("%w (it is not shown, as it may hold a password); it looks like postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=require, with %%40 for an @ in a part of it, %%3A for :, %%2F for /, %%3F for ? and %%23 for #", ErrAddress)

// plain are addresses of which it is beyond doubt where the password ends: the
// one @ is behind it, and what follows a host is a number. Whoever writes a
// password that has an @ as it is would otherwise find half of it in an error,
// in the name of a host that does not exist.
var plain = regexp.MustCompile(`^postgres(ql)?://([^@/?#]*@)?` + host + `(,` + host + `)*(/[^@?#]*)?(\?[^@#]*)?$`)

// host is a host, by its name or address or none at all, and its port.
const host = `(\[[^]@/?#]*\]|[^:,@/?#[]*)(:[0-9]*)?`

// parse reads an address. An error does not show a password that is in it.
func parse(address string) (*pgxpool.Config, error) {
	if !plain.MatchString(address) {
		return nil, errAddress
	}
	config, err := pgxpool.ParseConfig(address)
	if err == nil {
		return config, nil
	}
	// What pgx wraps is what is wrong, without the address. A password in the
	// query may have been torn by an & in it.
	if wrong := errors.Unwrap(err); wrong != nil && !strings.Contains(address, "password") {
		return nil, fmt.Errorf("%w: %w", ErrAddress, wrong)
	}
	return nil, errAddress
}
