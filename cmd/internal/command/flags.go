package command

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// strictly makes a command, and all commands below it, refuse a flag that is given
// twice, unless it takes a list, and one whose value is empty, as it is where a
// script's variable is not set. Without it the last value would silently be the one
// that counts.
func strictly(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if _, list := flag.Value.(pflag.SliceValue); list {
			flag.DefValue = "" // nothing is no default worth showing
			flag.Value = &strict{Value: flag.Value, list: true}
		} else {
			if flag.DefValue == "0s" {
				flag.DefValue = "" // as pflag does for 0
			}
			flag.Value = &strict{Value: flag.Value}
		}
	})
	for _, sub := range cmd.Commands() {
		strictly(sub)
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

// explain returns what is wrong with a flag without its value, which could be a password.
func explain(err error) error {
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

// Size is a flag that is a number of bytes as people write it: 4096, 1k or 500kB, which
// are powers of 1000, and 16MiB, which is one of 1024.
type Size struct {
	Bytes int64
	// Min is the least that makes sense, at least 1.
	Min int64
}

// Set reads a size.
func (s *Size) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	switch {
	case err != nil, n > math.MaxInt64:
		return errors.New("takes a number of bytes, as in 1048576, 500kB or 16MiB")
	case n < uint64(max(s.Min, 1)):
		return fmt.Errorf("takes at least %s", humanize.IBytes(uint64(max(s.Min, 1))))
	}
	s.Bytes = int64(n)
	return nil
}

// String writes a size for people.
func (s *Size) String() string { return humanize.IBytes(uint64(s.Bytes)) }

// Type returns what help calls a size.
func (s *Size) Type() string { return "size" }

// Int returns the size as an int, or the largest one there is.
func (s *Size) Int() int { return int(min(s.Bytes, math.MaxInt)) }

// choice is a flag that is one of some words.
type choice struct {
	value   *string
	choices []string
}

// Choice adds a flag that is one of some words. The default, which may be none of them, is value.
func Choice(cmd *cobra.Command, value *string, name, usage string, choices ...string) {
	cmd.Flags().Var(&choice{value, choices}, name, usage)
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
}

func (c *choice) Set(text string) error {
	if !slices.Contains(c.choices, text) {
		last := len(c.choices) - 1
		return fmt.Errorf("is %s or %s, not %q%s", strings.Join(c.choices[:last], ", "), c.choices[last], text, DidYouMean(text, c.choices))
	}
	*c.value = text
	return nil
}

func (c *choice) String() string { return *c.value }
func (c *choice) Type() string   { return "string" }

// DidYouMean returns which of some words could be meant by another one, as the end of
// an error, or nothing.
func DidYouMean(word string, words []string) string {
	known := &cobra.Command{}
	for _, name := range words {
		known.AddCommand(&cobra.Command{Use: name, Run: func(*cobra.Command, []string) {}})
	}
	for known.SuggestionsMinimumDistance = 1; known.SuggestionsMinimumDistance <= 2; known.SuggestionsMinimumDistance++ {
		if near := known.SuggestionsFor(word); len(near) > 0 {
			return "; did you mean " + near[0] + "?"
		}
	}
	return ""
}
