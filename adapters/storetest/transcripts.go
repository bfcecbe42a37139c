package storetest

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// A transcript says what happens to runs that come in segments, and what is stored then: blocks
// of a command and, behind ----, what it prints. Each is a law.
//
//	stream RUN              what follows are the stream's lines from now on; \ at the end of the
//	                        last one stands for a line feed that is not there
//	projector [strict] [impatient]
//	                        closes the projector and opens another one: it stops at malformed
//	                        lines, and does not wait long for segments that are missing
//	apply RUN FIRST[-LAST]  applies a segment of these lines; of none, if it is 0
//	append RUN FIRST[-LAST] the same, and the response says where the sender must continue
//	crash RUN FIRST[-LAST] before|after
//	                        the same, and its commit fails, or the answer to it is lost
//	await RUN CODE          waits until the run is quarantined
//	retry|drop RUN [elsewhere]
//	                        what an operator does, elsewhere by another projector
//	ingest|rebuild RUN LAST reads a file that has the stream up to this line; rebuild derives all
//	sweep RUN               waits until an impatient projector has ended its quarantine
//	forget RUN              loses the state that is stored beside the rows
//	quarantine RUN CODE     is what another projector has done
//	remove RUN              removes the rows
//	rows RUN TABLE...       prints rows
//
// Each command but rows prints what is stored of its run, and the law holds that to one fold of so
// many lines.
//
//go:embed transcripts
var transcripts embed.FS

var update = flag.Bool("storetest.update", false, "write what transcripts print to adapters/storetest/transcripts, where the test has to run")

func transcriptLaws() (laws []law) {
	files, err := transcripts.ReadDir("transcripts")
	must(err)
	for _, file := range files {
		name := path.Join("transcripts", file.Name())
		text := value(transcripts.ReadFile(name))
		laws = append(laws, example(strings.ReplaceAll(strings.TrimSuffix(file.Name(), ".txt"), "-", " "), func(t *trial) {
			played := t.play(string(text))
			if *update {
				must(os.WriteFile(name, []byte(played), 0o644))
			} else if played != string(text) {
				failf("it is not what is stored; with -storetest.update it would be\n%s", played)
			}
		}))
	}
	return laws
}

// stage runs a transcript.
type stage struct {
	*trial
	p       *store.Projector
	crash   atomic.Pointer[string] // the call before which a fault comes
	streams map[string][][]byte
}

// play runs a transcript, and returns it with the actual output.
func (t *trial) play(text string) string {
	s := &stage{trial: t, streams: map[string][][]byte{}}
	s.projector(nil)
	defer func() { must(s.p.Close(t.ctx)) }()
	var played strings.Builder
	for block := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n\n") {
		given, _, ok := strings.Cut(block+"\n", "----\n")
		if !ok {
			fmt.Fprintf(&played, "%s\n\n", block) // a comment
			continue
		}
		command, input, _ := strings.Cut(given, "\n")
		for strings.HasPrefix(command, "#") {
			command, input, _ = strings.Cut(input, "\n")
		}
		var printed string
		must(wrap(command, caught(func() { printed = s.do(strings.Fields(command), input) })))
		fmt.Fprintf(&played, "%s----\n%s\n", given, printed)
	}
	return strings.TrimSuffix(played.String(), "\n")
}

// do executes a command, and returns its output.
func (s *stage) do(args []string, input string) string {
	if args[0] == "projector" {
		must(s.p.Close(s.ctx))
		s.projector(args[1:])
		return ""
	}
	name, run := args[1], domain.RunID(s.prefix+args[1])
	if !slices.Contains(s.runs, run) {
		s.run(name)
	}
	var err error
	switch args[0] {
	case "stream":
		stream := []byte(strings.TrimSuffix(input, "\\\n"))
		s.streams[name] = append(s.streams[name], stream)
		return fmt.Sprintf("%d bytes\n", len(stream))
	case "rows":
		return s.rows(run, args[2:])
	case "crash":
		call := map[string]string{"before": "commit", "after": "response"}[args[3]]
		s.crash.Store(&call)
		fallthrough
	case "apply":
		err = s.p.Apply(s.ctx, s.lines(name, args[2]))
	case "append":
		var refused *store.NotAppendedError
		if err = s.p.Append(s.ctx, s.lines(name, args[2])); errors.As(err, &refused) {
			why := "a gap"
			if refused.Quarantine != nil {
				why = string(refused.Quarantine.Code)
			}
			return fmt.Sprintf("refused, since it is %s; the next one begins at byte %d\n%s", why, refused.Expected, s.state(name, run))
		}
	case "await":
		err = s.until(run, func(w store.Waiting) bool {
			return w.Quarantine != nil && w.Quarantine.Code == store.QuarantineCode(args[2])
		})
	case "retry":
		err = s.p.Retry(s.ctx, run)
	case "drop":
		if slices.Contains(args, "elsewhere") {
			s.project(s.store, skipping(), hasty, func(other *store.Projector) { must(other.Drop(s.ctx, run)) })
		} else {
			err = s.p.Drop(s.ctx, run)
		}
	case "ingest", "rebuild":
		until := s.lines(name, "1-"+args[2])
		file := aligned(run, until.Data)
		file.name = "a file"
		if args[0] == "ingest" {
			_, err = store.Ingest(s.ctx, s.store, file, store.Options{})
		} else {
			err = s.rebuild(file, store.Options{Force: true})
		}
	case "sweep":
		options := hasty
		options.GapTimeout = 40 * time.Millisecond
		s.project(s.store, skipping(), options, func(*store.Projector) { s.untilNoneWaits() })
	case "forget":
		err = s.update([]domain.RunID{run}, func(tx store.Tx) {
			checkpoint := value(s.store.Checkpoints(s.ctx, []domain.RunID{run}))[run]
			checkpoint.State = ""
			must(tx.SetCheckpoint(run, checkpoint))
		})
	case "quarantine":
		err = s.update([]domain.RunID{run}, func(tx store.Tx) {
			must(tx.SetQuarantine(run, &store.Quarantine{Code: store.QuarantineCode(args[2])}))
		})
	case "remove":
		err = s.update([]domain.RunID{run}, func(tx store.Tx) { must(tx.Clear([]domain.RunID{run}, s.of)) })
	default:
		failf("no such command")
	}
	if errors.Is(err, errFault) {
		return "the commit fails\n" + s.state(name, run)
	}
	must(err)
	return s.state(name, run)
}

// projector opens a projector.
func (s *stage) projector(how []string) {
	options, decoder := hasty, jsonl.Options{OnMalformed: jsonl.Skip}
	if slices.Contains(how, "impatient") {
		options.GapTimeout = 40 * time.Millisecond
	}
	if slices.Contains(how, "strict") {
		decoder.OnMalformed = jsonl.Stop
	}
	due := func(call string) bool {
		next := s.crash.Load()
		return next != nil && *next == call && s.crash.CompareAndSwap(next, nil)
	}
	s.p = store.NewProjector(&faulty{Store: s.store, due: due, fault: func() error { return errFault }}, jsonl.NewSegments(decoder), options)
}

// stream returns the current stream of a run.
func (s *stage) stream(name string) []byte { return s.streams[name][len(s.streams[name])-1] }

// lines returns a segment of a stream.
func (s *stage) lines(name, which string) domain.Segment {
	first, last := 0, 0
	if _, err := fmt.Sscanf(which, "%d-%d", &first, &last); err != nil {
		last = first
	}
	stream := s.stream(name)
	from, to := startOf(stream, first), startOf(stream, last+1)
	if first == 0 {
		from = 0
	}
	return segmentOf(domain.RunID(s.prefix+name), stream, from, to, to > from && stream[to-1] != '\n')
}

// startOf returns the offset at which a line begins, or the end of the stream.
func startOf(stream []byte, line int) (at int) {
	for ; line > 1 && at < len(stream); line-- {
		if n := bytes.IndexByte(stream[at:], '\n'); n >= 0 {
			at += n + 1
		} else {
			at = len(stream)
		}
	}
	return at
}

// state returns what is stored of a run. Its rows must be those of one fold.
func (s *stage) state(name string, run domain.RunID) string {
	var b strings.Builder
	stored := value(s.store.Checkpoints(s.ctx, []domain.RunID{run}))
	if checkpoint, ok := stored[run]; ok {
		fmt.Fprintf(&b, "%d lines", checkpoint.Lines)
		if tail := checkpoint.End.Bytes - checkpoint.Bytes; tail > 0 {
			fmt.Fprintf(&b, " and a tail")
		}
		fmt.Fprintf(&b, ", %d events\n", checkpoint.Events)
		s.derivedFrom(run, s.folded(name, checkpoint))
	} else {
		must(s.holds(nothing(run)))
	}
	stream := s.stream(name)
	lineAt := func(offset int64) int { return bytes.Count(stream[:offset], []byte("\n")) + 1 }
	for _, w := range value(s.store.Waiting(s.ctx, run)) {
		if w.Segments > 0 {
			fmt.Fprintf(&b, "parked: %d segments, lines %d to %d\n", w.Segments, lineAt(w.First), lineAt(w.Last-1))
		}
		if w.Quarantine != nil {
			fmt.Fprintf(&b, "quarantined at line %d: %s\n", lineAt(w.Quarantine.Offset), w.Quarantine.Code)
		}
	}
	if b.Len() == 0 {
		return "nothing\n"
	}
	return b.String()
}

// folded returns the beginning of a run's stream that a checkpoint covers.
func (s *stage) folded(name string, checkpoint store.Checkpoint) []byte {
	for _, stream := range s.streams[name] {
		if end := checkpoint.End; end.Bytes <= int64(len(stream)) && end.SHA256 == sha256.Sum256(stream[:end.Bytes]) {
			return stream[:end.Bytes]
		}
	}
	failf("the checkpoint is of another stream")
	return nil
}

// rows prints the rows of some tables.
func (s *stage) rows(run domain.RunID, tables []string) string {
	var b strings.Builder
	c := value(s.read(run))
	for _, of := range s.of {
		if !slices.Contains(tables, of.Table) {
			continue
		}
		for i := range c.of(of).Len() {
			row := c.of(of).At(i)
			fmt.Fprint(&b, of.Table, ":")
			for j := range of.Columns {
				if column := &of.Columns[j]; !column.IsNull(row.Value) {
					fmt.Fprintf(&b, " %s=%v", column.Name, column.Value(row.Value))
				}
			}
			if row.Final {
				fmt.Fprint(&b, " final")
			}
			fmt.Fprintln(&b)
		}
	}
	return b.String()
}
