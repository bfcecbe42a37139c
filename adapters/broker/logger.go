package broker

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message/router/middleware"

	"github.com/quire-ci/quire-project/adapters/internal/printable"
	"github.com/quire-ci/quire-project/adapters/internal/throttle"
)

// newLogger returns a logger for Watermill. Watermill logs untrusted names and the values of panics,
// so the logger makes all text printable. While a store is unavailable, Watermill logs an error for
// each of thousands of attempts to handle a message, so the logger writes the same error only once a
// minute.
func newLogger(to *slog.Logger) watermill.LoggerAdapter {
	return logger{watermill.NewSlogLogger(to), &throttle.Texts{}}
}

type logger struct {
	to     watermill.LoggerAdapter
	errors *throttle.Texts
}

func (l logger) Error(msg string, err error, fields watermill.LogFields) {
	err = printableError(err)
	if l.errors.Allow(fmt.Sprint(msg, err)) {
		l.to.Error(printable.Name(msg), err, printableFields(fields))
	}
}

// Info logs as debug output, because it concerns the router itself.
func (l logger) Info(msg string, fields watermill.LogFields) {
	l.to.Debug(printable.Name(msg), printableFields(fields))
}

func (l logger) Debug(msg string, fields watermill.LogFields) {
	l.to.Debug(printable.Name(msg), printableFields(fields))
}

func (l logger) Trace(msg string, fields watermill.LogFields) {
	l.to.Trace(printable.Name(msg), printableFields(fields))
}

func (l logger) With(fields watermill.LogFields) watermill.LoggerAdapter {
	return logger{l.to.With(printableFields(fields)), l.errors}
}

// printableError returns the location of a panic without its value, which may come from a stream.
func printableError(err error) error {
	var panicked middleware.RecoveredPanicError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &panicked):
		return fmt.Errorf("panic of type %T: %s", panicked.V, printable.Name(panicked.Stacktrace))
	}
	return errors.New(printable.Line(err.Error()))
}

func printableFields(fields watermill.LogFields) watermill.LogFields {
	safe := make(watermill.LogFields, len(fields))
	for key, value := range fields {
		if text, ok := value.(string); ok {
			value = printable.Name(text)
		}
		safe[key] = value
	}
	return safe
}
