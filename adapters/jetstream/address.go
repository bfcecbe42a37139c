package jetstream

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
)

// target is a parsed address.
type target struct {
	servers               []string // URLs, without any secret
	user, password, token string
	stream                string
}

// String is the address without its secrets.
func (t target) String() string {
	s := strings.Join(t.servers, ",")
	if t.stream != "" {
		s += "/" + t.stream
	}
	return s
}

// plain matches addresses in which the end of the secrets is certain: there is only one @, and each
// port is a number. In other addresses, a part of a password with an unescaped @ or / could be shown
// as a host name.
var plain = regexp.MustCompile(`^(nats|tls)://(?:([^@/?#]*)@)?(` + host + `(?:,(?:(?:nats|tls)://)?` + host + `)*)(?:/([A-Za-z0-9_-]*))?$`)

// host is a host, by its name or address, and its port.
const host = `(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?`

// errAddress does not show the address, because it is unknown which part is the password.
var errAddress = fmt.Errorf("%w (it is not shown, as it may hold a password); it looks like nats://USER:PASSWORD@HOST:4222,HOST:4222/STREAM or tls://TOKEN@HOST, with user and password once, %%40 for an @ in them, %%3A for :, %%2F for /, %%3F for ? and %%23 for #", ErrAddress)

func parse(address string) (target, error) {
	parts := plain.FindStringSubmatch(address)
	if parts == nil {
		return target{}, errAddress
	}
	scheme, secrets, hosts, stream := parts[1], parts[2], parts[3], parts[4]
	t := target{stream: stream}
	if err := t.identify(secrets); err != nil {
		return target{}, err
	}
	for server := range strings.SplitSeq(hosts, ",") {
		if !strings.Contains(server, "://") {
			server = scheme + "://" + server
		}
		t.servers = append(t.servers, server)
	}
	return t, nil
}

// identify parses a user with a password, or a token.
func (t *target) identify(secrets string) (err error) {
	user, password, both := strings.Cut(secrets, ":")
	if !both {
		t.token, err = url.PathUnescape(secrets)
	} else if t.user, err = url.PathUnescape(user); err == nil {
		t.password, err = url.PathUnescape(password)
	}
	if err != nil {
		return errAddress
	}
	return nil
}
