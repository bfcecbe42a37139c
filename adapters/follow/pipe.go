package follow

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/tail"
	"github.com/quire-ci/quire-project/domain"
)

// Read is like [Follow], for a stream from a pipe. It returns when src ends or ctx is done; it does
// not wait for a read of src that is then in progress. A pipe cannot be read again, so the sink
// must accept each line as part of a segment. Without a sink, lines of any length are accepted;
// otherwise, a line that is too long is an error, and so is another stream with the id of the run.
func Read(ctx context.Context, src io.Reader, source jsonl.Location, options Options) (Summary, error) {
	f := newFollower(ctx, options)
	f.path = source.Path
	err := f.pipe(ctx, src, source)
	if f.sink != nil {
		err = cmp.Or(err, f.sink.Close())
	}
	return f.summary(), err
}

func (f *follower) pipe(ctx context.Context, src io.Reader, source jsonl.Location) error {
	run, _, err := f.claim(source)
	if err != nil {
		f.skip(source.Path, "", err)
		return nil
	}
	r := &reader{follower: f, ctx: ctx, source: source, run: run}
	reading, leave := context.WithCancel(ctx)
	defer leave()
	r.lines = newPipe(reading, src, source.Path, r.maxLine())
	err = r.readPipe()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		r.letGo()
		return ctx.Err()
	}
	return r.fails(err)
}

// readPipe reads the stream until the pipe ends.
func (r *reader) readPipe() error {
	if err := r.begin(domain.Mark{}); err != nil {
		return err
	}
	for {
		chunk, err := r.lines.Next(r.ctx, r.limit())
		if errors.Is(err, io.EOF) && r.at.Bytes < r.sunk.Bytes {
			return r.derive(r.sunk.Bytes, r.rewritten(notThere))
		}
		if errors.Is(err, io.EOF) {
			return r.finish()
		}
		if err := r.took(chunk, err); err != nil {
			return err
		}
	}
}

// pipe reads lines from a pipe.
type pipe struct {
	path    string
	maxLine int
	reads   chan read

	offset int64
	given  int // how many bytes of rest the latest chunk has
	rest   []byte
	err    error // the end of the pipe
	digest hash.Hash
	long   int64 // how many bytes of a line that is too long were dropped from rest
	first  []byte
}

type read struct {
	data []byte
	err  error
}

// The size of one read, and the number of reads ahead.
const (
	readSize  = 64 << 10
	readAhead = 64
)

func newPipe(ctx context.Context, src io.Reader, path string, maxLine int) *pipe {
	p := &pipe{path: path, maxLine: maxLine, reads: make(chan read, readAhead), digest: sha256.New()}
	go func() {
		buffer := make([]byte, readSize)
		for {
			n, err := src.Read(buffer)
			select {
			case p.reads <- read{bytes.Clone(buffer[:n]), err}:
			case <-ctx.Done():
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return p
}

// Next waits for whole lines, see [tail.Stream.Next], and returns io.EOF at the end of the pipe.
func (p *pipe) Next(ctx context.Context, limit int) (tail.Chunk, error) {
	p.rest, p.given = append(p.rest[:0], p.rest[p.given:]...), 0
	for len(p.rest) < limit && p.err == nil && len(p.reads) > 0 { // a slow sink gets fewer, larger segments
		p.add(<-p.reads)
	}
	for {
		limit := min(limit, p.maxLine+1, len(p.rest)) // so that no line in the chunk is too long
		if n := bytes.LastIndexByte(p.rest[:limit], '\n') + 1; n > 0 && p.long == 0 {
			return p.give(n, false), nil
		}
		if n := bytes.IndexByte(p.rest, '\n') + 1; n > 0 {
			return p.line(n)
		}
		switch {
		case len(p.rest) > p.maxLine+len("\r\n"):
			p.leaveOut(len(p.rest))
		case p.err == nil:
		case !errors.Is(p.err, io.EOF) || len(p.rest) == 0 && p.long == 0:
			return tail.Chunk{}, p.err
		case p.long > 0 || len(bytes.TrimSuffix(p.rest, []byte{'\r'})) > p.maxLine:
			p.rest, p.long = p.rest[:0], 0
			return tail.Chunk{Offset: p.offset, Tail: true}, nil
		default:
			return p.give(len(p.rest), true), nil
		}
		if p.err != nil {
			continue
		}
		select {
		case <-ctx.Done():
			return tail.Chunk{}, ctx.Err()
		case more := <-p.reads:
			p.add(more)
		}
	}
}

func (p *pipe) add(r read) { p.rest, p.err = append(p.rest, r.data...), r.err }

// line returns the next line, whose last n bytes are in rest.
func (p *pipe) line(n int) (tail.Chunk, error) {
	line := bytes.TrimSuffix(bytes.TrimSuffix(p.rest[:n], []byte{'\n'}), []byte{'\r'})
	if p.long == 0 && len(line) <= p.maxLine {
		return p.give(n, false), nil
	}
	p.leaveOut(n)
	long := &tail.LineTooLongError{Path: p.path, Offset: p.offset, First: p.first, Max: p.maxLine, End: p.offset + p.long}
	p.offset, p.long = long.End, 0
	return tail.Chunk{}, long
}

// leaveOut drops n bytes of a line that is too long from rest.
func (p *pipe) leaveOut(n int) {
	if p.long == 0 {
		p.first = bytes.Clone(p.rest[:min(4, n)])
	}
	_, _ = p.digest.Write(p.rest[:n]) // a hash never fails
	p.long += int64(n)
	p.rest = append(p.rest[:0], p.rest[n:]...)
}

func (p *pipe) give(n int, tailed bool) tail.Chunk {
	chunk := tail.Chunk{Offset: p.offset, Data: p.rest[:n], Tail: tailed}
	_, _ = p.digest.Write(chunk.Data) // a hash never fails
	p.digest.Sum(chunk.SHA256[:0])
	p.offset, p.given = chunk.End(), n
	return chunk
}

// Pass returns the digest of the stream up to the end of the line that was too long.
func (p *pipe) Pass(*tail.LineTooLongError) (sum [sha256.Size]byte, err error) {
	p.digest.Sum(sum[:0])
	return sum, nil
}
