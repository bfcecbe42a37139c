package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/adapters/brokers"
	"github.com/quire-ci/quire-project/adapters/stores"
)

const sqliteScheme = "sqlite:"

// completeTarget completes what --to takes: formats and how the address of a
// store begins. More is to come behind that, so no space follows it.
func completeTarget(formats ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		var found []string
		directive := cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		for _, format := range formats {
			if strings.HasPrefix(format, begun) {
				found = append(found, format)
				directive = cobra.ShellCompDirectiveNoFileComp
			}
		}
		if strings.HasPrefix(begun, sqliteScheme) {
			return completeFiles(begun), directive
		}
		for _, address := range stores.Schemes {
			if strings.HasPrefix(address, begun) {
				found = append(found, address)
			}
		}
		return found, directive
	}
}

// completeSources completes streams: files by their endings, and folders.
func completeSources(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	for _, sub := range cmd.Commands() { // cobra offers those, which would be taken for endings
		if len(args) == 0 && strings.HasPrefix(sub.Name(), begun) {
			return nil, cobra.ShellCompDirectiveDefault
		}
	}
	return streamEndings, cobra.ShellCompDirectiveFilterFileExt
}

// streamEndings are how the names of streams end. Shells show folders, too.
var streamEndings = []string{"jsonl", "gz", "zst"}

// completeList completes the last of several values, with commas between them.
func completeList(values []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
		before := begun[:strings.LastIndexByte(begun, ',')+1]
		given := strings.Split(before, ",")
		var found []string
		for _, value := range values {
			if !slices.Contains(given, value) && strings.HasPrefix(before+value, begun) {
				found = append(found, before+value)
			}
		}
		return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

// completeFiles completes the file behind the scheme of an address.
func completeFiles(begun string) []string {
	paths, _ := filepath.Glob(globQuote.Replace(strings.TrimPrefix(begun, sqliteScheme)) + "*") // it is well-formed
	var found []string
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
		case info.IsDir():
			found = append(found, sqliteScheme+path+string(filepath.Separator))
		case stores.IsAddress(path):
			found = append(found, sqliteScheme+path)
		}
	}
	return found
}

// globQuote makes what was typed stand for itself.
var globQuote = strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]")

// completeBroker completes how the address of a broker begins.
func completeBroker(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	var found []string
	for _, scheme := range brokers.Schemes {
		if strings.HasPrefix(scheme, begun) {
			found = append(found, scheme)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
