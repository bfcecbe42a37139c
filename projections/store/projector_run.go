package store

import (
	"cmp"
	"crypto/sha256"
	"encoding"
	"fmt"
	"hash"
	"runtime"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// liveRun is a run whose stream arrives in segments: the fold, and what is stored. Between batches,
// the fold is at the store's checkpoint.
type liveRun struct {
	*collector
	id      domain.RunID
	digest  hash.Hash
	reading string
	// mark is the end of the folded whole lines; end is the same, or the end of a folded tail
	mark, end domain.Mark

	known  Checkpoint
	stored bool // there is a checkpoint, which is loaded
	// torn says that some stored rows are of a last line without a line feed. The fold is
	// before that line: more of it may come.
	torn bool
	// spent means that such a line was folded. If more of it arrives, the run is read from the
	// store again.
	spent bool
	// notResumable, if set, says why the stored rows cannot be continued.
	notResumable *Quarantine
	waiting      Waiting
	// void means that there is a quarantine that no longer applies.
	void bool

	used int64 // the batch that used it last
}

// newLiveRun returns a run that is not stored.
func newLiveRun(run domain.RunID, of []*projections.Definition, reading string) *liveRun {
	l := &liveRun{collector: newCollector(run, of, of), id: run, digest: sha256.New(), reading: reading, mark: domain.StartMark, end: domain.StartMark}
	l.keep = true
	l.fold.Mark()
	return l
}

// restore puts the run where its checkpoint is.
func (l *liveRun) restore(rows Snapshot) (err error) {
	l.mark, l.end = l.known.Mark, l.known.End
	if l.end.Bytes > 0 {
		l.reading = l.known.ReadOptions
	}
	switch {
	case len(projections.Missing(l.of, projections.Versions(l.known.Projections))) > 0:
		l.setNotResumable("its rows lack a projection, or have another version of one")
	case l.end.Bytes == 0: // an empty stream has rows, too
		l.count()
	case l.known.State == "":
		l.setNotResumable("the state of its fold is not stored: it was too large, or another program has written the rows")
	default:
		if l.digest, err = restoreState(l.fold, l.known.State, rows); isState(err) {
			l.setNotResumable("the stored state of its fold cannot be used")
			err = nil
		}
	}
	if l.torn = l.end.Bytes != l.mark.Bytes; l.torn {
		l.countStored()
	} else {
		l.markStored()
	}
	return err
}

// over reports whether nothing more is expected of the run. If more comes all the same, the
// run is read from the store again.
func (l *liveRun) over() bool {
	return l.fold.Run().Ended() && l.waiting.Segments == 0 && l.waiting.Quarantine == nil
}

func (l *liveRun) setNotResumable(why string) {
	l.notResumable = l.quarantine(NotResumable, why+"; ingest its whole stream, and retry")
}

func (l *liveRun) quarantine(code QuarantineCode, reason string) *Quarantine {
	return &Quarantine{Code: code, Reason: reason, Offset: l.mark.Bytes}
}

// apply folds a segment that begins at or before the end and extends beyond it; of a segment longer
// than most, it folds only some lines. If it returns an error, the run's fold is unusable.
func (l *liveRun) apply(decoder Decoder, segment *domain.Segment, most int) (*Quarantine, error) {
	if segment.Offset > l.mark.Bytes { // within a last line that has no line feed
		return l.quarantine(OtherStream, otherStream), nil
	}
	part := *segment
	part.Data = segment.Data[l.mark.Bytes-segment.Offset:]
	part.Offset = l.mark.Bytes
	if n := cmp.Or(domain.WholeLines(part.Data, most), len(part.Data)); n < len(part.Data) {
		if !l.wouldAgree(segment, part.Data) {
			return l.quarantine(OtherStream, otherStream), nil
		}
		part.Data, part.SHA256 = part.Data[:n], [sha256.Size]byte{}
	}
	if l.spent = part.Tail; l.spent {
		if err := l.beginTail(l.saveDigest); err != nil {
			return nil, err
		}
	}
	_, _ = l.digest.Write(part.Data) // a hash never fails
	l.end.Bytes, l.end.Lines = part.End(), l.mark.Lines
	l.digest.Sum(l.end.SHA256[:0])
	// A segment of another stream may begin within a line of this one. Reporting a malformed line
	// would then hide the actual problem.
	if !l.agrees(&part) {
		return l.quarantine(OtherStream, otherStream), nil
	}
	l.begin()
	lines, err := l.decode(decoder, &part)
	if err != nil {
		q := l.quarantine(MalformedSegment, err.Error())
		q.cause = err
		return q, nil
	}
	if !l.spent {
		l.end.Lines += lines
		l.mark = l.end
	}
	return nil, nil
}

const otherStream = "the segment is not of the stream that was read so far; two streams have this run's id"

// wouldAgree reports whether a segment continues the stream read so far, as far as its digest
// tells; rest has its bytes after the mark. Call it before applying only some of its lines.
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

// decode folds a segment. A panic becomes an error, so that other runs do not wait for a
// segment that is sent again and again.
func (l *liveRun) decode(decoder Decoder, segment *domain.Segment) (lines int64, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = panicError(value)
		}
	}()
	return decoder.Decode(segment, l.reading, l.mark.Lines, l.fold.Apply)
}

// panicError describes a panic without quoting the stream.
func panicError(value any) error {
	what := fmt.Sprintf("%T", value)
	if failed, ok := value.(runtime.Error); ok {
		what = failed.Error()
	}
	return fmt.Errorf("this program has a bug and cannot read the segment (panic: %s); use another version, and retry", what)
}

// agrees reports whether the stream up to the end of segment is the one that its sender has, as
// far as its digest tells.
func (l *liveRun) agrees(segment *domain.Segment) bool {
	return segment.SHA256 == [sha256.Size]byte{} || segment.End() != l.end.Bytes || segment.SHA256 == l.end.SHA256
}

// saveDigest returns the state of the digest.
func (l *liveRun) saveDigest() ([]byte, error) {
	return l.digest.(encoding.BinaryMarshaler).MarshalBinary()
}
