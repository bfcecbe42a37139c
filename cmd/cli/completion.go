package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/stores"
)

// completeTarget completes --to: words such as formats, and the schemes of store addresses.
func completeTarget(words ...string) cobra.CompletionFunc {
	return completeBeginnings(append(words, stores.Schemes...))
}

// completeBeginnings completes words, and prefixes of addresses. The shell completes the rest of an
// address, which may be a file.
func completeBeginnings(words []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		found := slices.DeleteFunc(slices.Clone(words), func(word string) bool { return word == begun || !strings.HasPrefix(word, begun) })
		switch {
		case len(found) == 0:
			return nil, cobra.ShellCompDirectiveDefault
		case strings.Contains(found[0], ":"):
			return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeSources completes streams: files by their extensions, and folders.
func completeSources(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	for _, sub := range cmd.Commands() { // cobra adds subcommands to the result, where they would count as extensions
		if len(args) == 0 && strings.HasPrefix(sub.Name(), begun) {
			return nil, cobra.ShellCompDirectiveDefault
		}
	}
	return []string{"jsonl", "gz", "zst"}, cobra.ShellCompDirectiveFilterFileExt
}

// completeList completes the last value of a comma-separated list.
func completeList(values []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begun string) (found []string, _ cobra.ShellCompDirective) {
		before := begun[:strings.LastIndexByte(begun, ',')+1]
		for _, value := range values {
			if !slices.Contains(strings.Split(before, ","), value) && strings.HasPrefix(before+value, begun) {
				found = append(found, before+value)
			}
		}
		return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}
