package tail_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/quire-ci/quire-project/adapters/tail"
)

// A stream is read until its run ends, while its writer adds to it.
func ExampleFollow() {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	path := filepath.Join(folder, "run.jsonl")
	go os.WriteFile(path, []byte(`{"at_ms":300,"type":"run_finished","outcome":"succeeded"}`+"\n"), 0o666)

	err = tail.Follow(context.Background(), path, tail.Options{}, func(ctx context.Context, stream *tail.Stream) error {
		chunk, err := stream.Next(ctx, 1<<20)
		fmt.Printf("at %d: %s", chunk.Offset, chunk.Data)
		return err
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output: at 0: {"at_ms":300,"type":"run_finished","outcome":"succeeded"}
}
