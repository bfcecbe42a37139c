package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/quire-ci/quire-project/domain"
	"github.com/quire-ci/quire-project/projections"
)

// ErrOtherVersion is returned by functions that write to a store whose rows have another version
// of a projection than the program. Nothing is written. It wraps a *[projections.NewerError] if
// the store is newer, and a *[projections.OlderError] if it is older. It is also in
// [ErrNewerSchema].
var ErrOtherVersion = errors.New("the store has another version")

// CheckVersions returns an [ErrOtherVersion] if this program cannot write to the store because
// the store's rows are of other versions of the program's projections.
func CheckVersions(ctx context.Context, s Store) error {
	versions, err := s.Versions(ctx)
	if err != nil {
		return err
	}
	return checkVersions(s.Projections().Stored(), versions)
}

// versionPause is how long AwaitVersions waits before it looks again.
const versionPause = time.Second

// AwaitVersions is CheckVersions, but waits while the store is older, until a rebuild has brought
// it up to date. It calls waiting once, with that error.
func AwaitVersions(ctx context.Context, s Store, waiting func(error)) error {
	for warned := false; ; {
		err := CheckVersions(ctx, s)
		older := errors.As(err, new(*projections.OlderError))
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case !older && !(warned && IsAway(err)):
			return err
		case !warned:
			warned = true
			waiting(err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(versionPause):
		}
	}
}

// checkVersions compares projections with the versions of a store. A projection that the store
// has no rows of has no version, or version 0. If some rows are newer and others are older, the
// newer ones count, because a rebuild would not help.
func checkVersions(of []*projections.Definition, versions map[string]int) error {
	var older error
	for _, d := range of {
		switch stored := versions[d.Name]; {
		case stored > d.Version:
			return fmt.Errorf("%w: %w", ErrOtherVersion, &projections.NewerError{Name: d.Name, Stored: stored, Known: d.Version})
		case stored != 0 && stored < d.Version && older == nil:
			older = fmt.Errorf("%w: %w", ErrOtherVersion, &projections.OlderError{Name: d.Name, Stored: stored, Known: d.Version})
		}
	}
	return older
}

// versionsPage is how many runs OtherVersions looks up at once.
const versionsPage = 500

// OtherVersions calls found with the runs whose rows are of other versions than the store's, or
// lack a projection that it has, and with the versions that they are of, in the order of the bytes
// of their ids. Such runs have no stream any more, or a malformed one. It reads all checkpoints if
// the store is not of this program's versions.
func OtherVersions(ctx context.Context, s Store, found func(run domain.RunID, versions map[string]int)) error {
	of, err := s.Versions(ctx)
	if err != nil {
		return err
	}
	list := s.RunIDs
	if checkVersions(s.Projections().Stored(), of) == nil {
		list = s.Outdated // among which those are
	}
	for page, err := range Pages(ctx, versionsPage, list) {
		if err != nil {
			return err
		}
		checkpoints, err := s.Checkpoints(ctx, page)
		if err != nil {
			return err
		}
		for _, run := range page {
			checkpoint, ok := checkpoints[run]
			versions := projections.Versions(checkpoint.Projections)
			other := func(d *projections.Definition) bool { return versions[d.Name] != of[d.Name] }
			if ok && slices.ContainsFunc(s.Projections().Stored(), other) {
				found(run, versions)
			}
		}
	}
	return nil
}
