package otlp

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/adapters/internal/posting"
	"github.com/quire-ci/quire-project/adapters/report"
)

// Syntax describes the syntax of addresses.
const Syntax = "otlp+http://HOST:4318 or otlp+https://HOST"

// Schemes are the prefixes of addresses.
var Schemes = []string{"otlp+http://", "otlp+https://"}

// Format is the name of the format that [NewWriter] writes.
const Format = "otlp"

// Kind describes reports in [Format], and Collector those sent to a collector.
var (
	Kind      = report.Kind{Name: Format, Takes: report.TakesFile | report.TakesCommands, Raw: true}
	Collector = report.Kind{Name: "a collector", Takes: report.TakesCommands}
)

// IsAddress reports whether a text is meant as the address of a collector.
func IsAddress(text string) bool { return strings.HasPrefix(strings.ToLower(text), "otlp+") }

// IsTarget reports whether [Open] is meant to write what a text names.
func IsTarget(text string) bool { return text == Format || IsAddress(text) }

// ConfigError reports an address, or an environment variable, that cannot be used. Its message
// contains no value that could be secret.
type ConfigError struct{ err error }

func (e *ConfigError) Error() string { return e.err.Error() }
func (e *ConfigError) Unwrap() error { return e.err }

func wrong(format string, values ...any) error {
	return &ConfigError{fmt.Errorf(format, values...)}
}

// The default port of OTLP over HTTP, and the path for traces.
const (
	defaultPort = "4318"
	tracesPath  = "/v1/traces"
)

// parseAddress returns the URL to which traces are posted.
func parseAddress(address string) (*url.URL, error) {
	rest, ok := strings.CutPrefix(address, "otlp+")
	u, err := url.Parse(rest)
	switch {
	case !ok || err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https":
		return nil, wrong("this is not the address of a collector; one is %s", Syntax)
	case u.User != nil:
		return nil, wrong("the address of a collector has no user and password; set $OTEL_EXPORTER_OTLP_HEADERS")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, wrong("the address of a collector has nothing after its path; one is %s", Syntax)
	}
	if u.Port() == "" && u.Scheme == "http" {
		u.Host = strings.TrimSuffix(u.Host, ":") + ":" + defaultPort
	}
	if u.Path = strings.TrimRight(u.Path, "/"); !strings.HasSuffix(u.Path, tracesPath) {
		u.Path += tracesPath
	}
	u.RawPath = ""
	return u, nil
}

// environment reads the environment variables that all exporters of OpenTelemetry use, see
// https://opentelemetry.io/docs/specs/otel/protocol/exporter/. A variable for traces takes
// precedence over the general one.
type environment func(string) string

func (e environment) get(name string) (value, variable string) {
	for _, variable := range []string{"OTEL_EXPORTER_OTLP_TRACES_" + name, "OTEL_EXPORTER_OTLP_" + name} {
		if value := e(variable); value != "" {
			return value, "$" + variable
		}
	}
	return "", ""
}

// defaultTimeout is how long to wait for a response.
const defaultTimeout = 10 * time.Second

func (e environment) timeout() (time.Duration, error) {
	value, variable := e.get("TIMEOUT")
	if value == "" {
		return defaultTimeout, nil
	}
	ms, err := strconv.ParseInt(value, 10, 32)
	if err != nil || ms < 0 {
		return 0, wrong("%s is a number of milliseconds, such as 10000", variable)
	}
	return time.Duration(ms) * time.Millisecond, nil // 0 means no limit
}

func (e environment) gzip() (bool, error) {
	switch value, variable := e.get("COMPRESSION"); value {
	case "", "gzip":
		return true, nil
	case "none":
		return false, nil
	default:
		return false, wrong("%s is gzip or none", variable)
	}
}

// headers parses KEY=VALUE,KEY=VALUE, where values may be percent-encoded.
func (e environment) headers() (http.Header, error) {
	value, variable := e.get("HEADERS")
	headers := http.Header{}
	for i, pair := range strings.Split(value, ",") {
		if strings.TrimSpace(pair) == "" {
			continue
		}
		key, value, ok := strings.Cut(pair, "=")
		key = strings.TrimSpace(key)
		value, err := url.PathUnescape(strings.TrimSpace(value))
		if !ok || err != nil || !isToken(key) || !isFieldValue(value) {
			return nil, wrong("%s: entry %d is not KEY=VALUE, the value escaped as in a URL", variable, i+1)
		}
		headers.Set(key, value)
	}
	return headers, nil
}

func isToken(name string) bool {
	return name != "" && strings.IndexFunc(name, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
	}) < 0 && textproto.CanonicalMIMEHeaderKey(name) != "Content-Length"
}

func isFieldValue(value string) bool {
	return strings.IndexFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) < 0
}

// tls returns the trusted certificates and the client certificate.
func (e environment) tls() (*tls.Config, error) {
	file := func(name string) posting.File {
		path, variable := e.get(name)
		return posting.File{Setting: cmp.Or(variable, "$OTEL_EXPORTER_OTLP_"+name), Path: path}
	}
	config, err := posting.TLS(file("CERTIFICATE"), file("CLIENT_CERTIFICATE"), file("CLIENT_KEY"))
	if err != nil {
		return nil, &ConfigError{err}
	}
	return config, nil
}
