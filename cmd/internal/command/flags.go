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

	"github.com/quire-ci/quire-project/adapters/terminal"
)

// strictly makes a command, and all of its subcommands, refuse a flag that is given twice (unless it
// takes a list), and a flag with an empty value, which a script passes if a variable is unset.
// Otherwise the last value would win without notice.
func strictly(cmd *cobra.Command) {
	cmd.Flags().VisitAll(func(flag *pflag.Flag) {
		if _, list := flag.Value.(pflag.SliceValue); list {
			flag.DefValue = "" // an empty default is not worth showing
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

// explain returns the error of a flag without the flag's value, which could be a password.
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

// Size is a flag for a number of bytes: 4096, 1k or 500kB (powers of 1000), or 16MiB (powers of 1024).
type Size struct {
	Bytes int64
	// Min is the smallest valid value, at least 1.
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

// Type returns the name of the type in help.
func (s *Size) Type() string { return "size" }

// Int returns the size as an int, limited to the largest int.
func (s *Size) Int() int { return int(min(s.Bytes, math.MaxInt)) }

// AboveZero makes a flag of a number or a time refuse 0 and what is below. The error shows an example.
func AboveZero(cmd *cobra.Command, name, example string) {
	flag := cmd.Flags().Lookup(name)
	flag.Value = &aboveZero{flag.Value, example}
}

type aboveZero struct {
	pflag.Value
	example string
}

func (a *aboveZero) Set(text string) error {
	err := a.Value.Set(text)
	if set := a.String(); err == nil && (set == "0" || set == "0s" || set[0] == '-') {
		return errors.New("takes a value above 0, such as " + a.example)
	}
	return err
}

// choice is a flag with a fixed set of values.
type choice struct {
	value   *string
	choices []string
}

// Choice adds a flag with a fixed set of values. value holds the default, which need not be in the
// set.
func Choice(cmd *cobra.Command, value *string, name, usage string, choices ...string) {
	cmd.Flags().Var(&choice{value, choices}, name, usage)
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
}

// Colors adds the flag for colours.
func Colors(cmd *cobra.Command, when *string) {
	*when = "auto"
	Choice(cmd, when, "color", "use colours: always, never, or auto: on a terminal, unless NO_COLOR or\nFORCE_COLOR is set", terminal.When...)
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

// DidYouMean returns a suggestion among some words for a mistyped word, as the end of an error
// message, or "".
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
