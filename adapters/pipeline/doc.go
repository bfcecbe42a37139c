// Package pipeline reads a pipeline file: the jobs of a run, their dependencies
// and their commands.
//
//	secrets: [DEPLOY_TOKEN]
//	env:
//	  GOFLAGS: -count=1
//	jobs:
//	  - id: build
//	    sh: go build ./...
//	  - id: test
//	    needs: [build]
//	    sh:
//	      - go vet ./...
//	      - go test ./...
//
// [Parse] returns plain data and all problems with the form of the file, each with
// its line and column. [Load] also checks whether the jobs fit together, and returns a
// pipeline for package shell to run.
//
// A problem never quotes a command, nor text that may be a misplaced piece of one,
// because a command can contain a secret.
package pipeline
