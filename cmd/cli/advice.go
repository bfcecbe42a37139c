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
	"github.com/quire-ci/quire-project/adapters/runlog"
	"github.com/quire-ci/quire-project/adapters/stores"
	"github.com/quire-ci/quire-project/projections/store"
)

// advice returns what to do about an error, unless the error's text already says so.
func advice(err error) string {
	var compressed *follow.CompressedError
	switch {
	case errors.As(err, &compressed):
		return "; read it with quire-project " + report.Printable(compressed.Path)
	case errors.As(err, new(*jsonl.MalformedError)):
		return "; --on-malformed skip reads on past such lines"
	case stores.RefusesConnection(err), brokers.IsUnreachable(err):
		return "; check the address, and that the server is running"
	}
	for _, known := range advices {
		switch {
		case !errors.Is(err, known.err):
		case strings.Contains(err.Error(), known.err.Error()+";"): // some stores give more specific advice
			return ""
		default:
			return "; " + known.advice
		}
	}
	return ""
}

var advices = []struct {
	err    error
	advice string
}{
	{store.ErrGone, "put it back or, to make a new one from the streams, run the same again"},
	{store.ErrLocked, "run the same again when that is done"},
	{store.ErrReadOnly, "get the right to write to it, or name another"},
	{store.ErrFull, "make room and run the same again"},
	{store.ErrAway, "the database holds whole runs, and the same command again completes the work"},
	{runlog.ErrNoLogs, "name their folder with --logs"},
	{fs.ErrNotExist, "check the path"},
	{fs.ErrPermission, "check the permissions"},
	{syscall.ENOSPC, "make room and run the same again"},
	{io.ErrUnexpectedEOF, "the file has been cut off, fetch it again"},
}
