package follow

import (
	"crypto/sha256"
	"io"

	"github.com/quire-ci/quire-project/adapters/tail"
)

// pass reads past a line that is too long to be held, and is to be skipped. The rows are
// brought up to it as those of a file are, piece by piece.
func (f *followed) pass(long *tail.LineTooLongError) error {
	read := io.Discard
	if f.digest != nil {
		read = f.digest
	}
	if err := f.stream.Pass(long, read); err != nil {
		return err
	}
	f.lines++
	if f.keeper != nil && long.End > f.kept.Bytes {
		at, err := f.keeper.begin(f.ctx, f.source.Run, f.recording().WholeLines(), false, true, f.waiting)
		if err != nil {
			return err
		}
		f.unborn, f.wrote = false, true
		f.keptUpTo(at.Mark)
	}
	if f.keeper != nil && (f.kept.Bytes < long.End || f.kept.Bytes == long.End && !f.isKept()) {
		return tail.ErrRewritten
	}
	return nil
}

// isKept reports whether what was read is what the rows are of, which end where it does.
func (f *followed) isKept() bool {
	return f.digest == nil || [sha256.Size]byte(f.digest.Sum(nil)) == f.kept.SHA256
}
