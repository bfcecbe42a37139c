package jetstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/internal/waittest"
	"github.com/quire-ci/quire-project/adapters/jetstream/natstest"
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

// secretChars are the characters of passwords, among them all that have a meaning in an address.
const secretChars = `abcXYZ0189-._~!$&'()*+,;=:@/?#[]% "\<>|`

// No error and no line of the log shows a secret, wherever it is in an address and whatever is wrong
// with the address.
func TestSecretsAreNotShown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		// The secret cannot appear in an address for another reason.
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
		if address == "nats://user:%s" { // the text after an @ would be the host
			written = strings.ReplaceAll(written, "@", "%40")
		}
		var log lines
		_, err := Open(context.Background(), fmt.Sprintf(address, written), Options{Logger: log.logger()})
		require.Error(t, err, "it is open")
		shown := log.String()
		for e := err; e != nil; e = errors.Unwrap(e) {
			shown += fmt.Sprintf("%s\n%+v\n%#v\n", e, e, e)
		}
		for _, part := range []string{"s3c", "r3t"} {
			require.NotContains(t, shown, part)
		}
	})
}

// Nor do the errors of a server that refuses the client, or of a lost connection.
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
			require.ErrorIs(t, err, c.want)
			shown := fmt.Sprintf("%+v", err)
			if err == nil {
				c.server.Stop()
				eventually(t, "the loss is logged", func() bool { return strings.Contains(log.String(), "lost") })
				c.server.Start()
				eventually(t, "connected again", func() bool { return b.conn.IsConnected() })
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

// The environment identifies the client if address and options do not.
func TestEnvironment(t *testing.T) {
	user := natstest.New(t, natstest.User("me", "secret"))
	token := natstest.New(t, natstest.Token("secret"))
	try := func(address string, want error) {
		t.Helper()
		b, err := Open(context.Background(), address, quick)
		assert.ErrorIs(t, err, want)
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
	server := natstest.New(t, natstest.MutualTLS(t, c))
	address := strings.Replace(server.URL(), "nats://", "tls://", 1)
	o := with(func(o *Options) { o.CAFile, o.CertFile, o.KeyFile = c.CA, c.Cert, c.Key })
	b := openWith(t, address, o)
	publish(t, b, b.Topic(0), numbered(0, 1)...)
	if _, err := Open(context.Background(), address, quick); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("without the authority: %v", err)
	}
	t.Setenv("NATS_CA", c.CA)
	_, err := Open(context.Background(), address, quick)
	assert.Error(t, err, "without a certificate")
	t.Setenv("NATS_CERT", c.Cert)
	t.Setenv("NATS_KEY", c.Key)
	openWith(t, address, quick)
}

// The server's certificate must be signed by the given authority; otherwise the error says clearly
// what is wrong.
func TestAuthority(t *testing.T) {
	c, other := natstest.NewCertificates(t), natstest.NewCertificates(t)
	server := natstest.New(t, natstest.TLS(t, c))
	address := strings.Replace(server.URL(), "nats://", "tls://", 1)
	openWith(t, address, with(func(o *Options) { o.CAFile = c.CA }))
	for _, scheme := range []string{"nats://", "tls://"} {
		for name, file := range map[string]string{"another": other.CA, "none": ""} {
			_, err := Open(context.Background(), scheme+strings.TrimPrefix(address, "tls://"), with(func(o *Options) { o.CAFile = file }))
			if !errors.Is(err, ErrCertificate) || !strings.Contains(err.Error(), "127.0.0.1:") {
				t.Errorf("%s, %s authority: %v", scheme, name, err)
			}
		}
	}
	for name, change := range map[string]func(*Options){
		"missing": func(o *Options) { o.CAFile = filepath.Join(t.TempDir(), "missing.pem") },
		"no PEM":  func(o *Options) { o.CAFile = os.Args[0] },
	} {
		if _, err := Open(context.Background(), address, with(change)); err == nil || errors.Is(err, ErrUnreachable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A .creds file can identify the client. No error shows its contents, even if the file is invalid.
func TestCredentials(t *testing.T) {
	c, other := natstest.NewCredentials(t), natstest.NewCredentials(t)
	server := natstest.New(t, natstest.Accounts(t, c))
	secrets := []string{c.Seed, other.Seed, "s3cr3t", "BEGIN"}
	broken := func(content string) string {
		path := filepath.Join(t.TempDir(), "broken.creds")
		require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
		return path
	}
	for name, file := range map[string]string{
		"right": c.File, "another": other.File, "rubbish": broken("s3cr3t"), "empty": broken(""),
		"no key":    broken("-----BEGIN NATS USER JWT-----\ns3cr3t\n------END NATS USER JWT------\n"),
		"wrong key": broken("-----BEGIN NATS USER JWT-----\ns3cr3t\n------END NATS USER JWT------\n-----BEGIN USER NKEY SEED-----\nSUs3cr3t\n------END USER NKEY SEED------\n"),
	} {
		for _, way := range []string{"option", "environment"} {
			t.Run(name+" by "+way, func(t *testing.T) {
				var log lines
				o := with(func(o *Options) { o.Logger, o.Credentials = log.logger(), file })
				if way == "environment" {
					t.Setenv("NATS_CREDS", file)
					o.Credentials = ""
				}
				b, err := Open(context.Background(), server.URL(), o)
				require.Equal(t, (name == "right"), (err == nil), err)
				if err == nil {
					publish(t, b, b.Topic(0), numbered(0, 1)...)
					b.Close()
				} else if !errors.Is(err, ErrCredentials) && !strings.Contains(err.Error(), file) {
					t.Errorf("it is not clear what is wrong: %v", err)
				}
				shown := fmt.Sprintf("%+v %s", err, log.String())
				for _, secret := range secrets {
					assert.NotContains(t, shown, secret, "shown")
				}
			})
		}
	}
}

// The contents of TLS files are not shown either.
func TestKeyFileIsNotShown(t *testing.T) {
	c := natstest.NewCertificates(t)
	server := natstest.New(t, natstest.MutualTLS(t, c))
	path := filepath.Join(t.TempDir(), "key.pem")
	require.NoError(t, os.WriteFile(path, []byte("-----BEGIN PRIVATE KEY-----\nczNjcjN0\n-----END PRIVATE KEY-----\n"), 0o600))
	_, err := Open(context.Background(), server.URL(), with(func(o *Options) { o.CAFile, o.CertFile, o.KeyFile = c.CA, c.Cert, path }))
	if err == nil || strings.Contains(err.Error(), "czNj") || strings.Contains(err.Error(), "s3cr") {
		t.Error(err)
	}
}

// Open fails at once if the server is not running, and succeeds as soon as it is.
func TestServerAwayAtOpen(t *testing.T) {
	server := natstest.New(t)
	address := server.URL()
	server.Stop()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := Open(ctx, address, quick); !errors.Is(err, ErrUnreachable) || ctx.Err() != nil {
		t.Error(err)
	}
	server.Start()
	openWith(t, address, quick)
	ended, end := context.WithCancel(ctx)
	end()
	_, err := Open(ended, address, quick)
	assert.ErrorIs(t, err, context.Canceled)
}

// FuzzAddress searches for an address whose error shows a possible secret: anything before an @, or
// anything that is no host.
func FuzzAddress(f *testing.F) {
	for _, address := range []string{
		"nats://user:%s@host:4222/ci", "nats://%s@host", "tls://user:%s@[::1]:4222,host", "nats://a,user:%s@b", "nats://host?token=%s", "//%s@host",
		"user:%s@host", "nats://user:%%zz%s@host", "nats:// %s@host", "nats://user:%s@host:99999", "nats://user\n:%s@host", "NATS://u:%s@h",
	} {
		f.Add(address, "s3cr3t")
	}
	f.Fuzz(func(t *testing.T, address, secret string) {
		// The secret cannot appear for another reason.
		secret = "S3c" + secret + "R3t"
		before, after, _ := strings.Cut(address, "%s")
		target, err := parse(before + secret + after)
		if err == nil {
			taken := target.user + target.password + target.token
			if !strings.Contains(taken, "S3c") && !strings.Contains(target.String(), "S3c") {
				t.Errorf("neither secret nor shown: %+v", target)
			}
			if i := strings.LastIndex(before+secret+after, "@"); i > len(before) && strings.Contains(target.String(), "S3c") {
				t.Errorf("the text before an @ is shown: %s", target)
			}
			return
		}
		for _, part := range []string{"S3c", "R3t"} {
			if !errors.Is(err, ErrAddress) || strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), part) {
				t.Errorf("%q: %v", address, err)
			}
		}
	})
}

func TestNoJetStream(t *testing.T) {
	server := natstest.New(t, natstest.WithoutJetStream())
	for range 10 { // a busy machine may need more than one try
		start := time.Now()
		_, err := Open(context.Background(), server.URL(), quick)
		require.ErrorIs(t, err, ErrNoJetStream)
		if time.Since(start) < 14*time.Second { // for 15 s, Open waits for a server
			return
		}
	}
	t.Error("Open waits for a server without JetStream")
}

// lines are the lines of a log.
type lines struct{ waittest.Output }

func (l *lines) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
