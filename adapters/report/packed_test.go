package report

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/projections"
	"github.com/quire-ci/quire-project/projections/laws"
)

// anyColumns has columns of all types.
type anyColumns struct {
	Name  string                   `json:"name"`
	Text  projections.Null[string] `json:"text"`
	Int   int64                    `json:"int"`
	Small projections.Null[int32]  `json:"small"`
	Wide  projections.Null[int64]  `json:"wide"`
	Bool  bool                     `json:"bool"`
	Maybe projections.Null[bool]   `json:"maybe"`
}

var anyRows = projections.Define(projections.Declaration[anyColumns]{
	Name: "any", Version: 1, Key: []string{"position"}, New: func() projections.Projection[anyColumns] { return nil },
})

// Packed rows give the same JSON as the rows themselves, whatever they contain and however many
// blocks there are.
func TestPackedRows(t *testing.T) {
	text := rapid.OneOf(laws.Text(), rapid.SampledFrom([]string{"", "a", "\xff", strings.Repeat("é\n", 100), strings.Repeat("x", blockSize/2)}))
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(laws.Row(anyRows, text), 0, 8).Draw(t, "rows")
		list := anyRows.List()
		p, e := newPacked(anyRows.Definition), newEncoder(anyRows.Definition, ",", rapid.SampledFrom([]string{"", `"run_id":"r"`}).Draw(t, "members"))
		var want []byte
		for range rapid.SampledFrom([]int{1, 5}).Draw(t, "times") {
			for _, row := range rows {
				list.Reset()
				list.Add(anyRows.List(projections.Row[anyColumns]{Value: row}).At(0))
				p.add(list.At(0).Value)
				want = e.append(want, list.At(0).Value)
			}
		}
		var got bytes.Buffer
		require.NoError(t, p.write(&got, e))
		if want = want[min(1, len(want)):]; !bytes.Equal(want, got.Bytes()) {
			t.Fatalf("%d blocks are\n%.2000s\nand not\n%.2000s", len(p.blocks), got.Bytes(), want)
		}
	})
}

// An error of the output ends the writing, however many blocks are left.
func TestPackedRowsAreNotWritten(t *testing.T) {
	p, e := newPacked(anyRows.Definition), newEncoder(anyRows.Definition, ",", "")
	row := anyRows.List(projections.Row[anyColumns]{Value: anyColumns{Name: strings.Repeat("x", blockSize)}}).At(0)
	for range 100 {
		p.add(row.Value)
		clear(p.before) // otherwise the text would equal the previous one
	}
	require.Len(t, p.blocks, 100)
	assert.ErrorIs(t, p.write(refusing{}, e), io.ErrClosedPipe)
}

type refusing struct{}

func (refusing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
