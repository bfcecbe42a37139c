package store

import (
	"bytes"
	"crypto/sha256"
	"encoding"
	"errors"
	"fmt"
	"hash"
	"runtime"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// liveRun is a run whose stream comes in segments: the fold, and what is
// stored. It is up to the store's checkpoint whenever a batch has been written.
type liveRun struct {
	id        domain.RunID
	collector *collector
	digest    hash.Hash
	lines     int64 // before position
	reading   string
	// position is up to where whole lines were folded, end the same, and
	// behind a tail that was folded.
	position, end int64
	endSum        [sha256.Size]byte // of the stream until end
	events        int64             // until end

	known  Checkpoint
	stored bool // that there is a checkpoint, which is known
	// torn says that the rows are of a last line, too, that no line feed had ended. The
	// fold is before it: more may come of it.
	torn bool
	// spent says that such a line has been folded. The run is read from the store again,
	// should more come.
	spent bool
	// stuck, if there is any, says why the rows cannot be gone on with.
	stuck   *Quarantine
	waiting Waiting
	// void says that there is a quarantine which does not hold any more.
	void bool

	used int64 // when it was used last, in batches
}

// newLiveRun returns a run of which nothing is stored.
func newLiveRun(run domain.RunID, of []*projections.Definition, reading string) *liveRun {
	l := &liveRun{id: run, collector: newCollector(run, of, of), digest: sha256.New(), endSum: domain.StartMark.SHA256, reading: reading}
	l.collector.keep = true
	l.collector.fold.Mark()
	return l
}

// restore puts the run where its checkpoint is.
func (l *liveRun) restore(rows Snapshot, outdated bool) (err error) {
	l.position, l.lines, l.events = l.known.Bytes, l.known.Lines, l.known.Events
	l.end, l.endSum = l.known.End.Bytes, l.known.End.SHA256
	if l.end > 0 {
		l.reading = l.known.Reading
	}
	switch {
	case outdated:
		l.stick("its rows lack a projection, or were derived by an older version of one")
	case l.end == 0: // an empty stream has rows, too
		l.collector.count()
	case l.known.State == "":
		l.stick("what is needed to go on is not stored, since it was too much, or the rows came from elsewhere")
	default:
		if l.digest, err = restoreState(l.collector.fold, l.known.State, rows); isState(err) {
			l.stick("what was stored to go on cannot be used")
			err = nil
		}
	}
	if l.torn = l.end != l.position; l.torn {
		l.collector.areThere()
	} else {
		l.collector.isStored()
	}
	return err
}

// over reports whether nothing more is expected of the run. If something comes all the
// same, it is read again.
func (l *liveRun) over() bool {
	return l.collector.fold.Run().Ended() && l.waiting.Segments == 0 && l.waiting.Quarantine == nil
}

func (l *liveRun) stick(why string) {
	l.stuck = l.quarantine(CannotGoOn, why+"; derive it from its whole stream, and retry")
}

func (l *liveRun) quarantine(code QuarantineCode, reason string) *Quarantine {
	return &Quarantine{Code: code, Reason: reason, Offset: l.position}
}

// apply folds a segment that begins at or before the position and ends behind
// it, or some of its lines, if it is longer than most. If that is not possible, the run
// is of no use any more.
func (l *liveRun) apply(decoder Decoder, segment *domain.Segment, most int) *Quarantine {
	part := *segment
	part.Data = segment.Data[l.position-segment.Offset:]
	part.Offset = l.position
	if n := someLines(part.Data, most); n < len(part.Data) {
		if !l.wouldAgree(segment, part.Data) {
			return l.quarantine(OtherStream, otherStream)
		}
		part.Data, part.SHA256 = part.Data[:n], [sha256.Size]byte{}
	}
	_, _ = l.digest.Write(part.Data) // a hash never fails
	l.end = part.End()
	l.digest.Sum(l.endSum[:0])
	// A segment of another stream may begin within a line of this one: that it is
	// malformed from there on would be true, but not what is wrong.
	if !l.agrees(&part) {
		return l.quarantine(OtherStream, otherStream)
	}
	l.collector.begin()
	lines, err := decode(decoder, &part, l)
	if err != nil {
		return l.quarantine(MalformedSegment, err.Error())
	}
	l.events = l.collector.fold.Run().Events
	if l.spent = segment.Tail; !l.spent {
		l.position, l.lines = l.end, l.lines+lines
	}
	return nil
}

const otherStream = "the segment is not of the stream that was read so far; two streams have this run's id"

// someLines returns how many bytes the first lines of data have: at most most, but one
// line at least.
func someLines(data []byte, most int) int {
	if len(data) <= most {
		return len(data)
	}
	feed := bytes.LastIndexByte(data[:most], '\n')
	if feed < 0 {
		feed = bytes.IndexByte(data, '\n')
	}
	if feed < 0 { // a tail
		return len(data)
	}
	return feed + 1
}

// wouldAgree reports whether a segment, whose bytes behind the position are rest, is of the
// stream that was read so far, as far as that is known. It is asked before some of its
// lines are applied.
func (l *liveRun) wouldAgree(segment *domain.Segment, rest []byte) bool {
	if segment.SHA256 == [sha256.Size]byte{} {
		return true
	}
	digest, err := l.digest.(hash.Cloner).Clone()
	if err != nil {
		return false
	}
	_, _ = digest.Write(rest) // a hash never fails
	return segment.SHA256 == [sha256.Size]byte(digest.Sum(nil))
}

// decode folds a segment. A panic is no reason to let all other runs wait: who
// sends the segment would send it again and again.
func decode(decoder Decoder, segment *domain.Segment, l *liveRun) (lines int64, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = panicError(value)
		}
	}()
	return decoder.Decode(segment, l.reading, l.lines, l.collector.fold.Apply)
}

// panicError says what a panic was, but not what may quote the stream.
func panicError(value any) error {
	what := fmt.Sprintf("%T", value)
	if failed, ok := value.(runtime.Error); ok {
		what = failed.Error()
	}
	return fmt.Errorf("reading the segment has met with a bug of this program (panic: %s); use another version of it, and retry", what)
}

// agrees reports whether what was read until the end of segment is what its
// sender has read, as far as that is known.
func (l *liveRun) agrees(segment *domain.Segment) bool {
	return segment.SHA256 == [sha256.Size]byte{} || segment.End() != l.end || segment.SHA256 == l.endSum
}

// beforeTail returns mark, and has what is folded next be a tail.
func (l *liveRun) beforeTail() (domain.Mark, string, error) {
	l.collector.count()
	l.collector.provisional = true
	return l.mark()
}

// mark returns how far the stream was read, and the state in which to go on.
func (l *liveRun) mark() (domain.Mark, string, error) {
	digest, err := l.digest.(encoding.BinaryMarshaler).MarshalBinary()
	if err != nil {
		return domain.Mark{}, "", err
	}
	state, err := saveState(l.collector.fold, digest)
	return domain.Mark{Bytes: l.position, Lines: l.lines, SHA256: [sha256.Size]byte(l.digest.Sum(nil))}, state, err
}

// ErrSegment is returned for a segment that no sender may send.
var ErrSegment = errors.New("this is no segment of a stream")

// checkSegment refuses what no sender may send.
func checkSegment(s *domain.Segment) error {
	if err := CheckRunID(s.Run); err != nil {
		return fmt.Errorf("%w: %w", ErrSegment, err)
	}
	wrong := ""
	switch feed := bytes.LastIndexByte(s.Data, '\n'); {
	case s.Offset < 0 || s.End() < s.Offset:
		wrong = "it cannot begin there"
	case len(s.Data) == 0 && (s.Offset > 0 || s.Tail || s.SHA256 != [sha256.Size]byte{} && s.SHA256 != domain.StartMark.SHA256):
		wrong = "it is empty, and not the start of a stream"
	case len(s.Data) == 0:
		return nil
	case s.Tail && feed >= 0:
		wrong = "a tail has no line feed"
	case !s.Tail && feed != len(s.Data)-1:
		wrong = "its last line has no line feed"
	default:
		return nil
	}
	return fmt.Errorf("run %q, offset %d: %w: %s", s.Run, s.Offset, ErrSegment, wrong)
}
