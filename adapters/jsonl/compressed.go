package jsonl

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/quire-ci/quire-project/adapters/internal/layout"
)

// ErrGarbage is returned for a compressed file with other data after the compressed data.
var ErrGarbage = errors.New("trailing garbage: the bytes after the compressed data are neither compressed nor zeros; cut them off, or fetch the file again")

// ErrWindow is returned for a file whose decompression needs too much memory.
var ErrWindow = errors.New("the window is larger than 128 MiB; compress the file again without --long and --ultra, or read it with zstd -dc --long=31 FILE | quire-project -")

// maxWindow is the largest window that the program zstd decompresses by default.
const maxWindow = 128 << 20

// cutMark takes the place of the missing end of compressed data that was cut off. It makes
// the last line a torn tail, since no event contains it.
const cutMark = "\x1a"

// compressed decompresses gzip or zstd: any number of members or frames in sequence.
type compressed struct {
	in   *bufio.Reader
	kind string // one of package layout
	open func() (io.Reader, error)
	part io.Reader // nil between members
	cut  *atomic.Bool
	err  error // the error at the end
}

func newCompressed(kind string, src io.Reader, cut *atomic.Bool) *compressed {
	c := &compressed{in: bufio.NewReaderSize(src, minBuffer), kind: kind, cut: cut}
	if c.open = c.gzip(); kind == layout.Zstd {
		c.open = c.zstd()
	}
	return c
}

func (c *compressed) Read(p []byte) (int, error) {
	for c.err == nil && len(p) > 0 {
		n, err := c.read(p)
		if n > 0 {
			return n, nil // the next read returns the error
		}
		if c.err = err; err == io.ErrUnexpectedEOF {
			c.cut.Store(true)
			c.err = io.EOF
			return copy(p, cutMark), nil
		}
	}
	return 0, c.err
}

// read reads from the current member. It returns io.EOF after the last one.
func (c *compressed) read(p []byte) (int, error) {
	if c.part == nil {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n, err := c.part.Read(p)
	if err == io.EOF {
		c.part, err = nil, nil
	}
	return n, err
}

// next opens the next member. It skips zeros before it: tapes and disks fill blocks with
// zeros.
func (c *compressed) next() error {
	begin, err := c.in.Peek(layout.MagicSize)
	for len(begin) > 0 && begin[0] == 0 {
		_, _ = c.in.Discard(1) // it is there
		begin, err = c.in.Peek(layout.MagicSize)
	}
	switch {
	case len(begin) > 0 && layout.Begins(c.kind, begin):
		c.part, err = c.open()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	case len(begin) > 0:
		return ErrGarbage
	}
	return err
}

func (c *compressed) gzip() func() (io.Reader, error) {
	unzip := new(gzip.Reader)
	return func() (io.Reader, error) {
		if err := unzip.Reset(c.in); err != nil {
			return nil, err
		}
		unzip.Multistream(false)
		return unzip, nil
	}
}

func (c *compressed) zstd() func() (io.Reader, error) {
	// With a concurrency of one, the decoder has no goroutines, and no Close is needed:
	// another goroutine may still read from it when the file is closed.
	unzstd, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	return func() (io.Reader, error) {
		if err != nil {
			return nil, err
		}
		frame := &zstdFrame{in: c.in, decoder: unzstd}
		return frame, frame.begin()
	}
}

// zstdFrame decompresses one frame of zstd (RFC 8878, 3.1). The decoder gets the blocks of
// the frame only, and zstdFrame compares the checksum itself: so it knows the end of the
// frame, and if only that end is missing, it returns all of the data before.
type zstdFrame struct {
	in      *bufio.Reader
	decoder *zstd.Decoder
	sum     *xxhash.Digest // nil if the frame has no checksum
	err     error
}

// hasChecksum is the bit in the header of a frame that says that a checksum follows, and
// descriptor the index of its byte.
const hasChecksum, descriptor = 1 << 2, 4

func (f *zstdFrame) begin() error {
	var header zstd.Header
	begin, _ := f.in.Peek(zstd.HeaderMaxSize) // it may be shorter
	if err := header.Decode(begin); err != nil {
		return err
	}
	switch {
	case header.Skippable:
		f.err = discard(f.in, int64(header.HeaderSize)+int64(header.SkippableSize))
		if f.err == nil {
			f.err = io.EOF
		}
		return nil
	case header.WindowSize > maxWindow, header.SingleSegment && header.FrameContentSize > maxWindow:
		return ErrWindow
	}
	blocks := &zstdBlocks{in: f.in, header: bytes.Clone(begin[:header.HeaderSize])}
	if header.HasCheckSum {
		blocks.header[descriptor] &^= hasChecksum
		f.sum = xxhash.New()
	}
	_, _ = f.in.Discard(header.HeaderSize) // it is there
	return f.decoder.Reset(blocks)
}

func (f *zstdFrame) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	n, err := f.decoder.Read(p)
	if f.sum != nil {
		_, _ = f.sum.Write(p[:n]) // a hash never fails
		if err == io.EOF {
			err = f.compare()
		}
	}
	f.err = err
	return n, err
}

// compare returns io.EOF if the checksum is right.
func (f *zstdFrame) compare() error {
	var sum [4]byte
	if _, err := io.ReadFull(f.in, sum[:]); err != nil {
		return unexpected(err)
	}
	if binary.LittleEndian.Uint32(sum[:]) != uint32(f.sum.Sum64()) {
		return zstd.ErrCRCMismatch
	}
	return io.EOF
}

// zstdBlocks reads the header and the blocks of a frame, as they are.
type zstdBlocks struct {
	in     *bufio.Reader
	header []byte // the part that has not been read
	left   int    // bytes of the current block
	last   bool
}

func (b *zstdBlocks) Read(p []byte) (int, error) {
	if len(b.header) > 0 {
		n := copy(p, b.header)
		b.header = b.header[n:]
		return n, nil
	}
	for b.left == 0 {
		if b.last {
			return 0, io.EOF
		}
		if err := b.next(); err != nil {
			return 0, err
		}
	}
	n, err := b.in.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, unexpected(err)
}

// next reads the header of the next block.
func (b *zstdBlocks) next() error {
	const size, repeated = 3, 1 // the size of the header, and the type of a block that repeats one byte
	header, err := b.in.Peek(size)
	if err != nil {
		return unexpected(err)
	}
	block := int(header[0]) | int(header[1])<<8 | int(header[2])<<16
	if b.last, b.left = block&1 == 1, size+block>>3; block>>1&3 == repeated {
		b.left = size + 1
	}
	return nil
}

// discard skips n bytes.
func discard(in *bufio.Reader, n int64) error {
	_, err := io.CopyN(io.Discard, in, n)
	return unexpected(err)
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
