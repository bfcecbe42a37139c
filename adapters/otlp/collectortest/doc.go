// Package collectortest holds package otlp to the OpenTelemetry Collector: its receiver takes what
// is sent, and the lines that are written. It is a module of its own, because a collector brings many others.
package collectortest
