// Package metrics lets Prometheus, and whoever asks for /healthz, see how
// publishing and projecting go. [Metrics] is a [broker.Meter]; what is asked for
// when somebody looks is a [Status]; [Serve] shows both over HTTP.
package metrics
