// Package metrics serves metrics for Prometheus, and the health of a worker. [Metrics] is a [broker.Meter]; what is asked for
// when somebody looks is a [Status]; [Serve] shows both over HTTP.
package metrics
