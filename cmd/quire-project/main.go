// Command quire-project turns the event stream of a CI run into its record:
// the rows of its jobs, its commands and their timings.
//
//	quire-project run.jsonl --to json
//
// It is package cli with the built-in projections.
package main

import "github.com/quire-ci/quire-project/cmd/cli"

func main() { cli.Main() }
