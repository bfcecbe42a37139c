// Package pipeline reads the file that says what a run is to do: its jobs,
// what they need, and their commands.
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
// [Parse] gives plain data, and with it all that is wrong with the file's form,
// each problem with its line and column. Whether the jobs fit together is for
// who runs them to say; the data has the positions that are needed for that.
//
// What is told of a problem never has a command in it, nor a part of one that
// was mistaken for something else: a command can hold a secret.
package pipeline
