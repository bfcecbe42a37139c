package jetstream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/internal/natstest"
)

func TestAddress(t *testing.T) {
	for address, want := range map[string]target{
		"nats://host":                         {servers: []string{"nats://host"}},
		"nats://host:4222/ci":                 {servers: []string{"nats://host:4222"}, stream: "ci"},
		"nats://host/":                        {servers: []string{"nats://host"}},
		"tls://a:1,b:2,nats://c:3/x":          {servers: []string{"tls://a:1", "tls://b:2", "nats://c:3"}, stream: "x"},
		"nats://[::1]:4222,10.0.0.1":          {servers: []string{"nats://[::1]:4222", "nats://10.0.0.1"}},
		"nats://me:p%40ss,w%2Frd@host":        {servers: []string{"nats://host"}, user: "me", password: "p@ss,w/rd"},
		"nats://me:a:b@host,host2":            {servers: []string{"nats://host", "nats://host2"}, user: "me", password: "a:b"},
		"nats://t%3Aken@host":                 {servers: []string{"nats://host"}, token: "t:ken"},
		"nats://me:@host":                     {servers: []string{"nats://host"}, user: "me"},
		"nats://nats-0.nats.svc_x:4222/my-ci": {servers: []string{"nats://nats-0.nats.svc_x:4222"}, stream: "my-ci"},
	} {
		got, err := parse(address)
		if err != nil || !slices.Equal(got.servers, want.servers) || got.user != want.user || got.password != want.password || got.token != want.token || got.stream != want.stream {
			t.Errorf("%s: %+v, %v", address, got, err)
		}
	}
	for _, address := range []string{"", "host", "host:4222", "http://host", "nats://", "nats:///ci", "nats://host/a.b", "nats://host/a/b", "nats://host:port", "nats://host?x=y", "nats://host#x", "nats://a,,b", "nats://me:%zz@host", "nats://%zz@host", "nats://a@b,c@d"} {
		if got, err := parse(address); !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %+v, %v", address, got, err)
		}
	}
}

// secretChars are what passwords are made of, with all that an address means
// something by.
const secretChars = `abcXYZ0189-._~!$&'()*+,;=:@/?#[]% "\<>|`

// However a secret gets into an address, escaped or not, in whatever is wrong:
// no error and no line of the log shows it.
func TestSecretsAreNotShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// What is looked for cannot be in an address for another reason.
		secret := "s3c" + rapid.StringOfN(rapid.SampledFrom([]rune(secretChars)), 0, 8, -1).Draw(t, "secret") + "r3t"
		written := secret
		if rapid.Bool().Draw(t, "escaped") {
			written = url.QueryEscape(secret)
		}
		address := rapid.SampledFrom([]string{
			"nats://user:%s@127.0.0.1:1", "nats://%s@127.0.0.1:1/ci", "tls://user:%s@127.0.0.1:1", "nats://user:%s@127.0.0.1:port",
			"nats://user:%s@127.0.0.1:1,127.0.0.1:2", "nats://127.0.0.1:1,user:%s@127.0.0.1:2", "nats://127.0.0.1:1?token=%s", "nats://127.0.0.1:1/ci?x=%s",
			"nats://user:%s@127.0.0.1:99999", "http://user:%s@127.0.0.1:1", "user:%s@127.0.0.1:1", "nats://user:%s", "nats://user:%s@", "nats://user:%s@127.0.0.1:1/a.b",
		}).Draw(t, "address")
		var log lines
		_, err := Open(context.Background(), fmt.Sprintf(address, written), Options{Logger: log.logger()})
		if err == nil {
			t.Fatal("it is open")
		}
		shown := log.String()
		for e := err; e != nil; e = errors.Unwrap(e) {
			shown += fmt.Sprintf("%s\n%+v\n%#v\n", e, e, e)
		}
		for _, part := range []string{"s3c", "r3t"} {
			if strings.Contains(shown, part) {
				t.Fatalf("%q is shown:\n%s", part, shown)
			}
		}
	})
}

// Nor does a server that refuses, or a connection that is lost.
func TestSecretsOfServers(t *testing.T) {
	token := natstest.New(t, natstest.Token("s3cr3t-token"))
	user := natstest.New(t, natstest.User("me", "s3cr3t:p@ss/w?rd"))
	for name, c := range map[string]struct {
		address string
		server  *natstest.Server
		want    error
	}{
		"token":       {token.URL(), token, nil},
		"wrong token": {strings.Replace(token.URL(), "s3cr3t-", "s3cr3t-not-", 1), token, ErrCredentials},
		"user":        {user.URL(), user, nil},
		"wrong user":  {strings.Replace(user.URL(), "s3cr3t", "s3cr3t-not", 1), user, ErrCredentials},
		"nobody":      {user.Server().ClientURL(), user, ErrCredentials},
		"unreachable": {"nats://me:s3cr3t@127.0.0.1:1", nil, ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			var log lines
			o := quick
			o.Logger = log.logger()
			b, err := Open(context.Background(), c.address, o)
			if !errors.Is(err, c.want) {
				t.Fatal(err)
			}
			shown := fmt.Sprintf("%+v", err)
			if err == nil {
				c.server.Stop()
				eventually(t, "the loss is logged", 5*time.Second, func() bool { return strings.Contains(log.String(), "lost") })
				c.server.Start()
				eventually(t, "connected again", 10*time.Second, func() bool { return b.conn.IsConnected() })
				shown += fmt.Sprintf("%s %v %+v", b, b, b.Publisher().Publish("unknown", numbered(0, 1)...))
				b.Close()
			} else if !strings.Contains(err.Error(), "127.0.0.1:") {
				t.Errorf("the error does not say where: %v", err)
			}
			if shown += log.String(); strings.Contains(shown, "s3cr3t") {
				t.Errorf("shown:\n%s", shown)
			}
		})
	}
}

// The environment says who connects where address and options do not.
func TestEnvironment(t *testing.T) {
	user := natstest.New(t, natstest.User("me", "secret"))
	token := natstest.New(t, natstest.Token("secret"))
	try := func(address string, want error) {
		t.Helper()
		b, err := Open(context.Background(), address, quick)
		if !errors.Is(err, want) {
			t.Error(err)
		}
		if err == nil {
			b.Close()
		}
	}
	t.Setenv("NATS_USER", "me")
	t.Setenv("NATS_PASSWORD", "secret")
	try(user.Server().ClientURL(), nil)
	t.Setenv("NATS_PASSWORD", "wrong")
	try(user.Server().ClientURL(), ErrCredentials)
	try(user.URL(), nil)
	t.Setenv("NATS_USER", "")
	t.Setenv("NATS_TOKEN", "secret")
	try(token.Server().ClientURL(), nil)
	t.Setenv("NATS_TOKEN", "wrong")
	try(token.Server().ClientURL(), ErrCredentials)
	try(token.URL(), nil)
	missing := filepath.Join(t.TempDir(), "missing.creds")
	t.Setenv("NATS_CREDS", missing)
	try(token.Server().ClientURL(), os.ErrNotExist)
}

func TestTLS(t *testing.T) {
	c := natstest.NewCertificates(t)
	server := natstest.New(t, natstest.TLS(t, c))
	address := strings.Replace(server.URL(), "nats://", "tls://", 1)
	o := with(func(o *Options) { o.CAFile, o.CertFile, o.KeyFile = c.CA, c.Cert, c.Key })
	b := openWith(t, address, o)
	publish(t, b, b.Topic(0), numbered(0, 1)...)
	if _, err := Open(context.Background(), address, quick); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without the authority: %v", err)
	}
	t.Setenv("NATS_CA", c.CA)
	if _, err := Open(context.Background(), address, quick); err == nil {
		t.Error("without a certificate")
	}
	t.Setenv("NATS_CERT", c.Cert)
	t.Setenv("NATS_KEY", c.Key)
	openWith(t, address, quick)
}

func TestNoJetStream(t *testing.T) {
	server := natstest.New(t, natstest.WithoutJetStream())
	start := time.Now()
	_, err := Open(context.Background(), server.URL(), quick)
	if !errors.Is(err, ErrNoJetStream) || time.Since(start) > 3*time.Second {
		t.Error(err, time.Since(start))
	}
}

// lines is what is logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
