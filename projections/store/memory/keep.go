package memory

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections/store"
)

// KeepStreams makes the store keep streams from now on. It returns the store.
func (s *Store) KeepStreams() *Store {
	s.keeps.Store(true)
	return s
}

// Keeps reports whether the store keeps streams.
func (s *Store) Keeps(ctx context.Context) (bool, error) { return s.keeps.Load(), ctx.Err() }

// Kept returns what is kept of the streams of runs.
func (s *Store) Kept(ctx context.Context, runs []domain.RunID) (map[domain.RunID]store.Kept, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	found := map[domain.RunID]store.Kept{}
	for _, id := range runs {
		if run := (*s.now.Load())[id]; run != nil && run.kept != nil {
			found[id] = run.kept.Kept
		}
	}
	return found, nil
}

// pieceSize is so small that tests have streams of several pieces.
const pieceSize = 100

// Piece returns bytes of a kept stream.
func (s *Store) Piece(ctx context.Context, id domain.RunID, offset int64) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	run := (*s.now.Load())[id]
	if run == nil || run.kept == nil || offset >= run.kept.Bytes {
		return nil, nil
	}
	data := run.kept.data[offset:]
	return slices.Clone(data[:min(len(data), pieceSize)]), nil
}

// known returns the run's checkpoint.
func (r *run) known() store.Checkpoint {
	checkpoint := r.checkpoint.V
	checkpoint.Kept = r.kept != nil && r.kept.Bytes == checkpoint.End.Bytes && r.kept.SHA256 == checkpoint.End.SHA256
	return checkpoint
}

func (t *tx) Keeps() bool { return t.store.keeps.Load() }

func (t *tx) Keep(id domain.RunID, offset int64, data []byte) error {
	if err := t.may(id); err != nil {
		return err
	}
	stream, ok := t.streams[id]
	if kept := t.change(id).kept; !ok && kept != nil {
		stream = kept.data
	}
	switch {
	case !t.Keeps():
		return errors.New("memory: the store keeps no streams")
	case offset > int64(len(stream)):
		return fmt.Errorf("memory: %d bytes of the stream are kept, and the next ones begin at %d", len(stream), offset)
	}
	t.streams[id] = append(stream[:offset:offset], data...)
	return nil
}

// reach notes how far the kept stream of a run reaches.
func (t *tx) reach(id domain.RunID, own *run, end domain.Mark) error {
	stream, ok := t.streams[id]
	if !ok && own.kept != nil {
		stream, ok = own.kept.data, true
	}
	switch {
	case !ok:
		return errors.New("memory: the checkpoint says that the stream is kept, and nothing is")
	case int64(len(stream)) != end.Bytes || sha256.Sum256(stream) != end.SHA256:
		return fmt.Errorf("memory: the checkpoint is at byte %d of another stream than the kept one, which has %d bytes", end.Bytes, len(stream))
	}
	end.Lines = 0
	own.kept = &kept{store.Kept{Mark: end, At: time.Now()}, stream}
	return nil
}

func (t *tx) Discard(runs []domain.RunID) error {
	if err := t.may(runs...); err != nil {
		return err
	}
	for _, id := range runs {
		delete(t.streams, id)
		t.change(id).kept = nil
	}
	return nil
}
