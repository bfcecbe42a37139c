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
// Otherwise the last value would win without notice. Wrong arguments are wrong usage.
func strictly(cmd *cobra.Command) {
	if accepts := cmd.Args; accepts != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := accepts(cmd, args)
			if err == nil || errors.As(err, new(*StatusError)) {
				return err
			}
			return Usage("%w; see %s --help", err, cmd.CommandPath())
		}
	}
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
	if parsed, ok := errors.AsType[*strconv.NumError](cause); ok {
		cause = fmt.Errorf("takes no such value: %w", parsed.Err)
	}
	return fmt.Errorf("--%s %w", invalid.GetFlag().Name, cause)
}

// parsed is the value of a flag that set parses.
type parsed struct {
	set        func(text string) error
	kind, text string
}

func (p *parsed) Set(text string) error { p.text = text; return p.set(text) }
func (p *parsed) String() string        { return p.text }
func (p *parsed) Type() string          { return p.kind }

// Size adds a flag for a number of bytes: 4096, 1k or 500kB (powers of 1000), or 16MiB (powers of 1024).
// size holds the default.
func Size(cmd *cobra.Command, size *int64, name, usage string, least int64) {
	cmd.Flags().Var(&parsed{func(text string) (err error) {
		*size, err = parseSize(text, least)
		return err
	}, "size", humanize.IBytes(uint64(*size))}, name, usage)
}

func parseSize(text string, least int64) (int64, error) {
	n, err := humanize.ParseBytes(text)
	switch {
	case err != nil, n > math.MaxInt64:
		return 0, errors.New("takes a number of bytes, as in 1048576, 500kB or 16MiB")
	case n < uint64(least):
		return 0, fmt.Errorf("takes at least %s", humanize.IBytes(uint64(least)))
	}
	return int64(n), nil
}

// AboveZero makes a flag with a number or a time refuse values of 0 and below. The error shows an
// example.
func AboveZero(cmd *cobra.Command, name, example string) {
	flag := cmd.Flags().Lookup(name)
	value := flag.Value
	flag.Value = &parsed{func(text string) error {
		err := value.Set(text)
		if set := value.String(); err == nil && (set == "0" || set == "0s" || set[0] == '-') {
			return errors.New("takes a value above 0, such as " + example)
		}
		return err
	}, value.Type(), value.String()}
}

// Choice adds a flag with a fixed set of values. value holds the default, which need not be in the
// set.
func Choice(cmd *cobra.Command, value *string, name, usage string, choices ...string) {
	cmd.Flags().Var(&parsed{func(text string) error {
		if !slices.Contains(choices, text) {
			last := len(choices) - 1
			return fmt.Errorf("is %s or %s, not %q%s", strings.Join(choices[:last], ", "), choices[last], text, DidYouMean(text, choices))
		}
		*value = text
		return nil
	}, "string", *value}, name, usage)
	_ = cmd.RegisterFlagCompletionFunc(name, cobra.FixedCompletions(choices, cobra.ShellCompDirectiveNoFileComp))
}

// Colors adds the flag for colours.
func Colors(cmd *cobra.Command, when *string) {
	*when = "auto"
	Choice(cmd, when, "color", "use colours: always, never, or auto: on a terminal, unless NO_COLOR or\nFORCE_COLOR is set", terminal.When...)
}

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
