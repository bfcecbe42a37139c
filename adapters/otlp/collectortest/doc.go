// Package collectortest tests package otlp with the receivers of the OpenTelemetry Collector, for
// spans sent over HTTP and for lines in files. It is a module of its own, because a collector has
// many dependencies.
package collectortest
