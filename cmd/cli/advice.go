package cli

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"syscall"

	"github.com/quire-ci/quire-project/adapters/brokers"
	"github.com/quire-ci/quire-project/adapters/follow"
	"github.com/quire-ci/quire-project/adapters/jsonl"
	"github.com/quire-ci/quire-project/adapters/report"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/projections/store"
)

// advice says what to do about an error, where its own words do not.
func advice(err error) string {
	var malformed *jsonl.MalformedError
	var compressed *follow.CompressedError
	switch {
	case errors.As(err, &compressed):
		return "; read it with quire-project " + report.Printable(compressed.Path)
	case errors.As(err, &malformed):
		return "; --on-malformed skip reads on past such lines"
	case stores.RefusesConnection(err), brokers.IsUnreachable(err):
		return "; check the address, and that the server is running"
	case errors.Is(err, store.ErrGone):
		return "; put it back or, to make a new one from the streams, run the same again"
	case isStoreError(err):
		return storeAdvice(err)
	case errors.Is(err, store.ErrAway):
		return "; the database holds whole runs, and the same command again completes the work"
	case errors.Is(err, fs.ErrNotExist):
		return "; check the path"
	case errors.Is(err, fs.ErrPermission):
		return "; check the permissions"
	case errors.Is(err, syscall.ENOSPC):
		return "; make room and run the same again"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "; the file has been cut off, fetch it again"
	}
	return ""
}

// storeErrors are those of any store, and what to do about them. An error that
// is not here says so itself.
var storeErrors = []struct {
	err    error
	advice string
}{
	{store.ErrLocked, "run the same again when that is done"},
	{store.ErrReadOnly, "get the right to write to it, or name another"},
	{store.ErrFull, "make room and run the same again"},
}

func isStoreError(err error) bool {
	for _, known := range storeErrors {
		if errors.Is(err, known.err) {
			return true
		}
	}
	return false
}

// storeAdvice is the advice for an error of a store. Some stores know better,
// and have said it.
func storeAdvice(err error) string {
	for _, known := range storeErrors {
		if errors.Is(err, known.err) && !strings.Contains(err.Error(), known.err.Error()+";") {
			return "; " + known.advice
		}
	}
	return ""
}
