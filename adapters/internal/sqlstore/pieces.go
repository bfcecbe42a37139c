package sqlstore

import (
	"fmt"
	"slices"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// A kept stream is stored in pieces, each compressed by itself, of at most maxPiece bytes. A
// piece takes in the one before it, while that is not larger than itself. So a stream that
// comes line by line has few pieces, and each of its bytes is compressed again only as often as
// the size of its piece has doubled.
const maxPiece = 512 << 10

// packers is how many pieces are compressed at once. Each takes a buffer.
const packers = 2

var turns = make(chan struct{}, packers)

// buffers are free buffers of maxPiece bytes, for pieces before and after compression.
var buffers = sync.Pool{New: func() any { return new([maxPiece]byte) }}

// piece is a piece of a stream, compressed.
type piece struct {
	offset, bytes int64
	data          []byte
}

// Encoders and decoders are expensive to make. They can be used by many at once.
var (
	packer = sync.OnceValues(func() (*zstd.Encoder, error) {
		// On streams, slower levels are hardly better.
		return zstd.NewWriter(nil, zstd.WithEncoderConcurrency(packers), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(maxPiece))
	})
	unpacker = sync.OnceValues(func() (*zstd.Decoder, error) {
		return zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxPiece))
	})
)

func pack(data []byte) ([]byte, error) {
	encoder, err := packer()
	if err != nil {
		return nil, err
	}
	turns <- struct{}{}
	defer func() { <-turns }()
	buffer := buffers.Get().(*[maxPiece]byte)
	defer buffers.Put(buffer)
	return slices.Clone(encoder.EncodeAll(data, buffer[:0])), nil
}

func (p *piece) unpack() ([]byte, error) {
	decoder, err := unpacker()
	if err != nil {
		return nil, err
	}
	data, err := decoder.DecodeAll(p.data, nil)
	if err == nil && int64(len(data)) != p.bytes {
		err = fmt.Errorf("it has %d bytes instead of %d", len(data), p.bytes)
	}
	if err != nil {
		return nil, fmt.Errorf("the piece at byte %d: %w: %w", p.offset, store.ErrKept, err)
	}
	return data, nil
}

// packing is a piece on the way to its compressed bytes.
type packing struct {
	run    domain.RunID
	id     string
	offset int64
	bytes  int
	packed []byte
	err    error
	done   chan struct{}
}

// pack compresses the bytes of a piece.
func (p *packing) pack(data []byte) {
	defer close(p.done)
	if p.packed, p.err = pack(data); cap(data) == maxPiece {
		buffers.Put((*[maxPiece]byte)(data[:maxPiece]))
	}
}
