package main

import (
	"os"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/adapters/pipeline"
)

// environment is what commands find in theirs: that of the process, and the
// file's variables instead of those with the same name.
func environment(variables []pipeline.Variable) []string {
	env := os.Environ()
	for _, variable := range variables {
		env = slices.DeleteFunc(env, func(s string) bool { return strings.HasPrefix(s, variable.Name+"=") })
		env = append(env, variable.Name+"="+variable.Value)
	}
	return env
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
