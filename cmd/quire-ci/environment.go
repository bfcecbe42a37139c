package main

import (
	"os"

	"github.com/quire-ci/quire-project/adapters/pipeline"
)

// environment is what commands find in theirs: that of the process, and the
// file's variables instead of those with the same name.
func environment(variables []pipeline.Variable) []string {
	return append(os.Environ(), assignments(variables)...)
}

func assignments(variables []pipeline.Variable) []string {
	var all []string
	for _, variable := range variables {
		all = append(all, variable.Name+"="+variable.Value)
	}
	return all
}

// secrets looks up the secrets that have a value, and the names of those that
// have none.
func secrets(names []pipeline.Text) (values, set, unset []string) {
	for _, name := range names {
		if value := os.Getenv(name.Value); value != "" {
			values, set = append(values, value), append(set, name.Value)
		} else {
			unset = append(unset, name.Value)
		}
	}
	return values, set, unset
}
