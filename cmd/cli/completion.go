package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/stores"
)

// completeTarget completes what --to takes: words such as formats, and how the address of a store
// begins.
func completeTarget(words ...string) cobra.CompletionFunc {
	return completeBeginnings(append(words, stores.Schemes...))
}

// completeBeginnings completes words, and then the beginnings of addresses, after which more
// comes. What follows a beginning is left to the shell: it may be a file.
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

// completeSources completes streams: files by their endings, and folders.
func completeSources(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	for _, sub := range cmd.Commands() { // cobra offers those, which would be taken for endings
		if len(args) == 0 && strings.HasPrefix(sub.Name(), begun) {
			return nil, cobra.ShellCompDirectiveDefault
		}
	}
	return []string{"jsonl", "gz", "zst"}, cobra.ShellCompDirectiveFilterFileExt
}

// completeList completes the last of several values, with commas between them.
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
