package kept

import (
	"context"
	"errors"
	"io"

	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// Find is [jsonl.Find], but a path can also be the address of a store that keeps streams. Find
// opens these stores with a set of projections. Close them with the closer after the last read.
func Find(ctx context.Context, paths []string, run domain.RunID, set *projections.Set) (jsonl.Streams, io.Closer, error) {
	archives, opened := map[string]jsonl.Archive{}, closers{}
	for _, path := range paths {
		if !stores.IsStore(path) || archives[path] != nil {
			continue
		}
		s, err := stores.Open(ctx, path, stores.Options{MustExist: true, Projections: set})
		if err != nil {
			return jsonl.Streams{}, opened, err
		}
		opened = append(opened, s)
		if archives[path], err = Open(ctx, s, stores.Name(path)); err != nil {
			return jsonl.Streams{}, opened, err
		}
	}
	streams, err := jsonl.Find(paths, run, archives)
	return streams, opened, err
}

type closers []io.Closer

func (all closers) Close() (err error) {
	for _, one := range all {
		err = errors.Join(err, one.Close())
	}
	return err
}
