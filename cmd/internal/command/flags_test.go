package command

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/assert"
)

func TestSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "4096": 4096, "12B": 12, "1k": 1000, "1kB": 1000, "1KiB": 1 << 10, "16MiB": 16 << 20, "16 MiB": 16 << 20,
		"2GB": 2_000_000_000, "1.5k": 1500, "1TiB": 1 << 40,
	} {
		if got, err := parseSize(text, 1); err != nil || got != want {
			t.Errorf("%s: got %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"0", "-1", "k", "1x", "0x10", "16EiB", "1e3"} {
		got, err := parseSize(text, 1)
		assert.Error(t, err, "%q is read as %d", text, got)
	}
	_, err := parseSize("1000", 1<<10)
	assert.EqualError(t, err, "takes at least 1.0 KiB")
}

// A flag that is one of some words names them, and what was meant.
func TestChoice(t *testing.T) {
	value := "text"
	cmd := &cobra.Command{}
	Choice(cmd, &value, "log", "", "text", "json", "none")
	c := cmd.Flags().Lookup("log").Value
	if err := c.Set("jsn"); err == nil || err.Error() != `is text, json or none, not "jsn"; did you mean json?` || value != "text" {
		t.Error(value, err)
	}
	if err := c.Set("none"); err != nil || value != "none" || c.String() != "none" {
		t.Error(value, err)
	}
}

// Help texts are found by the names of their commands.
func TestParseHelp(t *testing.T) {
	help := ParseHelp("== root FILE\n\nDo it\n\nOne.\n\nTwo.\n\nExamples:\n  root a\n\n== below\n\nDo that\n\nThree.\n\nExamples:\n  root below\n")
	root, below := help.Command("root", nil, nil), help.Command("below", nil, nil)
	if root.Use != "root FILE" || root.Short != "Do it" || root.Long != "One.\n\nTwo." || root.Example != "  root a" || below.Long != "Three." || below.Example != "  root below" {
		t.Errorf("%+v\n%+v", root, below)
	}
}

// Of all kinds of flags, one value counts or the flag takes a list; and nothing is empty.
func TestStrict(t *testing.T) {
	for _, test := range []struct {
		args, says string
	}{
		{"--text a --number 1 --yes --list a,b --list c", ""},
		{"--text a --text a", "--text is given twice"},
		{"-t a --text=b", "--text is given twice"},
		{"--number 1 --number 2", "--number is given twice"},
		{"--yes --yes=false", "--yes is given twice"},
		{"--size 1k --size 2k", "--size is given twice"},
		{"--text=", "--text is given an empty value"},
		{"--number=", "--number is given an empty value"},
		{"--yes=", "--yes is given an empty value"},
		{"--list a --list=", "--list is given an empty value"},
		{"--number secret", "--number takes no such value: invalid syntax"},
		{"--yes=secret", "--yes takes no such value: invalid syntax"},
		{"more", "accepts at most 0 arg(s), received 1; see root below --help"},
	} {
		root, below := &cobra.Command{Use: "root"}, &cobra.Command{Use: "below", Args: cobra.MaximumNArgs(0), RunE: func(*cobra.Command, []string) error { return nil }}
		root.AddCommand(below)
		below.Flags().StringP("text", "t", "", "")
		below.Flags().Int("number", 0, "")
		below.Flags().Bool("yes", false, "")
		below.Flags().Duration("long", 0, "")
		below.Flags().StringSlice("list", nil, "")
		size := int64(16 << 20)
		Size(below, &size, "size", "", 1)
		strictly(root)
		if usage := below.Flags().FlagUsages(); strings.Count(usage, "default") != 1 || !strings.Contains(usage, "(default 16 MiB)") {
			t.Errorf("the help is\n%s", usage)
		}
		root.SetArgs(append([]string{"below"}, strings.Fields(test.args)...))
		root.SilenceErrors, root.SilenceUsage = true, true
		err := root.Execute()
		if (err == nil) != (test.says == "") || err != nil && !strings.HasPrefix(explain(err).Error(), test.says) {
			t.Errorf("%s: got %v", test.args, err)
		}
		if err != nil && strings.Contains(explain(err).Error(), "invalid argument") {
			t.Errorf("%v: the value is shown", explain(err))
		}
	}
}
