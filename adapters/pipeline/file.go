package pipeline

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// File is the content of a pipeline file.
type File struct {
	// Secrets are the names of environment variables whose values are secret.
	Secrets []Text
	// Env are variables for all commands. They replace variables of the environment
	// with the same name.
	Env []Variable
	// Shell runs the commands of jobs without a Shell of their own.
	Shell Shell
	// Jobs are in the order of the file.
	Jobs []Job
}

// Job is a job as the file declares it.
type Job struct {
	// At is where the job begins.
	At Position
	// ID names the job. It is empty if the file has no readable id; a problem reports that.
	ID Text
	// Needs are the ids of the jobs that must be complete before this one starts.
	Needs []Text
	// Commands run one after the other.
	Commands []Text
	// Shell runs the job's commands, and Dir is their folder. Both are empty by default.
	Shell Shell
	Dir   Text
	// Env are variables for the job's commands. They replace those of the file with the
	// same name.
	Env []Variable
	// Timeout limits how long the job may take; 0 means no limit.
	Timeout time.Duration
}

// Shell is a program that runs commands, and its arguments.
type Shell []Text

// Command returns the program and the arguments that precede a command. For a program without
// arguments they are "-c" and "--": the shell then never takes a command for options.
func (s Shell) Command() []string {
	var command []string
	for _, text := range s {
		command = append(command, text.Value)
	}
	if len(command) == 1 {
		command = append(command, "-c", "--")
	}
	return command
}

// Text is a text with its position.
type Text struct {
	Value string
	At    Position
}

// Variable is an environment variable.
type Variable struct {
	Name, Value string
	At          Position
}

// Position is a place in the file. Lines and columns count from 1; columns count
// characters.
type Position struct {
	Line, Column int
}

func (p Position) String() string { return fmt.Sprintf("%d:%d", p.Line, p.Column) }

var start = Position{1, 1}

// positionAt returns the position of a byte of data.
func positionAt(data []byte, offset int) Position {
	before := data[:offset]
	line := before[bytes.LastIndexByte(before, '\n')+1:]
	return Position{bytes.Count(before, []byte{'\n'}) + 1, utf8.RuneCount(line) + 1}
}

// Problem is an error in a file.
type Problem struct {
	At Position
	// What describes the problem and how to fix it.
	What string
}

func (p Problem) Error() string { return p.At.String() + ": " + p.What }

// sortProblems sorts problems by position.
func sortProblems(problems []Problem) {
	slices.SortStableFunc(problems, func(a, b Problem) int {
		return cmp.Or(a.At.Line-b.At.Line, a.At.Column-b.At.Column)
	})
}

// didYouMean returns a suggestion to append to a problem with an unknown word: the most
// similar known word, or nothing if none is similar.
func didYouMean(word string, known []string) string {
	nearest, least := "", min(2, len(word)/2)+1
	for _, candidate := range known {
		if distance := editDistance(word, candidate, least); distance < least {
			nearest, least = candidate, distance
		}
	}
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", nearest)
}

// editDistance is the Levenshtein distance of a and b in bytes, or limit if their lengths
// alone show that it is not below limit.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1) // the distances of a's prefix from b's prefixes
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
