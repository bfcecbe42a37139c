package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/quire-ci/quire-project/projections/store"
)

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
		for _, address := range []string{schemeSQLite + ":", schemePostgres + "://"} {
			if strings.HasPrefix(address, begun) {
				found = append(found, address)
			}
		}
		return found, directive
	}
}

// completeTables completes the names of what a store keeps.
func completeTables() cobra.CompletionFunc {
	return cobra.FixedCompletions(store.Projections, cobra.ShellCompDirectiveNoFileComp)
}

// completeBroker completes how the address of a broker begins.
func completeBroker(_ *cobra.Command, _ []string, begun string) ([]string, cobra.ShellCompDirective) {
	var found []string
	for _, scheme := range []string{"nats://", "tls://"} {
		if strings.HasPrefix(scheme, begun) {
			found = append(found, scheme)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
