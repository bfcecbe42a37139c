// Command quire-project derives rows and reports from the event streams of CI runs.
//
//	quire-project run.jsonl --to json
//
// It is package cli with the built-in projections.
package main

import "github.com/quire-ci/quire-project/cmd/cli"

func main() { cli.Main() }
