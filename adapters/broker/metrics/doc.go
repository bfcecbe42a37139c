// Package metrics serves metrics for Prometheus, and pages about a worker's health. [Metrics] is a
// [broker.Meter]; a [Status] answers questions when a page is requested; [Serve] serves both.
package metrics
