// Package flags holds what the flags of both programs have in common.
package flags

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Strict makes a command, and all commands below it, refuse a flag that is given
// twice, unless it takes a list, and one whose value is empty, as it is where a
// script's variable is not set. Without it the last value would silently be the one
// that counts.
func Strict(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if _, list := flag.Value.(pflag.SliceValue); list {
			flag.DefValue = "" // nothing is no default worth showing
			flag.Value = &strict{Value: flag.Value, list: true}
		} else {
			flag.Value = &strict{Value: flag.Value}
		}
	})
	for _, sub := range cmd.Commands() {
		Strict(sub)
	}
}

type strict struct {
	pflag.Value
	list, given bool
}

var (
	errEmpty = errors.New("is given an empty value; give it one, or leave the flag out")
	errTwice = errors.New("is given twice, and one value counts; give it once")
)

// Set sets the value.
func (s *strict) Set(value string) error {
	switch {
	case value == "":
		return errEmpty
	case s.given && !s.list:
		return errTwice
	}
	s.given = true
	return s.Value.Set(value)
}

// Explain returns what is wrong with a flag without its value, which could be a password.
func Explain(err error) error {
	var invalid *pflag.InvalidValueError
	if !errors.As(err, &invalid) {
		return err
	}
	cause := errors.Unwrap(invalid)
	var parsed *strconv.NumError
	if errors.As(cause, &parsed) {
		cause = fmt.Errorf("takes no such value: %w", parsed.Err)
	}
	return fmt.Errorf("--%s %w", invalid.GetFlag().Name, cause)
}
