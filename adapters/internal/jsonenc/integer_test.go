package jsonenc_test

import (
	"math"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/quire-ci/quire-project/adapters/internal/jsonenc"
)

func TestAppendInt(t *testing.T) {
	check := func(n int64) {
		if got, want := string(jsonenc.AppendInt([]byte("x"), n)), "x"+strconv.FormatInt(n, 10); got != want {
			t.Fatalf("AppendInt(%d) = %s", n, got)
		}
	}
	for n := int64(0); n < 30_000; n++ {
		check(n)
	}
	for power := int64(1); power < math.MaxInt64/10; power *= 10 {
		for _, n := range []int64{power - 1, power, power + 1, 9*power + 9, -power} {
			check(n)
		}
	}
	check(math.MaxInt64)
	check(math.MinInt64)
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.IntRange(0, 63).Draw(t, "bits")
		n := rapid.Int64().Draw(t, "n") >> digits
		if got, want := string(jsonenc.AppendInt(nil, n)), strconv.FormatInt(n, 10); got != want {
			t.Fatalf("AppendInt(%d) = %s", n, got)
		}
	})
}

func BenchmarkAppendInt(b *testing.B) {
	buffer := make([]byte, 0, 64)
	b.Run("ours", func(b *testing.B) {
		for n := int64(1795444880217); b.Loop(); n++ {
			buffer = jsonenc.AppendInt(buffer[:0], n)
		}
	})
	b.Run("strconv", func(b *testing.B) {
		for n := int64(1795444880217); b.Loop(); n++ {
			buffer = strconv.AppendInt(buffer[:0], n, 10)
		}
	})
}
