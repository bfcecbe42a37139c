package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path"
	"regexp"
	"strings"

	"github.com/quire-ci/quire-project/domain"
)

// labels returns what a run is of: what the flags say, and what git says of the workspace where
// they do not say it.
func (f *runFlags) labels(ctx context.Context, workspace string) (domain.Labels, error) {
	var labels []domain.Label
	given := map[string]bool{}
	for _, text := range f.label {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return domain.Labels{}, usageError(fmt.Errorf("--label %q has no value; write --label KEY=VALUE", key))
		}
		labels, given[key] = append(labels, domain.Label{Key: key, Value: value}), true
	}
	if f.git {
		found, err := gitLabels(ctx, workspace)
		if err != nil {
			return domain.Labels{}, fmt.Errorf("--git: %w", err)
		}
		for _, label := range found {
			if !given[label.Key] {
				labels = append(labels, label)
			}
		}
	}
	all, err := domain.NewLabels(labels...)
	if err != nil {
		return all, usageError(fmt.Errorf("--label: %w", err))
	}
	return all, nil
}

// gitLabels returns the repository, the ref, unless HEAD is detached, and the commit of a
// folder.
func gitLabels(ctx context.Context, folder string) ([]domain.Label, error) {
	sha, err := git(ctx, folder, "rev-parse", "--verify", "HEAD")
	if err != nil {
		return nil, err
	}
	labels := []domain.Label{{Key: "sha", Value: sha}}
	if ref, err := git(ctx, folder, "symbolic-ref", "--quiet", "HEAD"); err == nil {
		labels = append(labels, domain.Label{Key: "ref", Value: ref})
	}
	remote, err := git(ctx, folder, "config", "--get", "remote.origin.url")
	if err != nil { // there is none
		if remote, err = git(ctx, folder, "rev-parse", "--show-toplevel"); err != nil {
			return nil, err
		}
		remote = path.Base(remote)
	}
	if repo := withoutPassword(remote); repo != "" {
		labels = append(labels, domain.Label{Key: "repo", Value: repo})
	}
	return labels, nil
}

// git asks git about a folder.
func git(ctx context.Context, folder string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", folder}, args...)...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		err = errors.New(strings.TrimSpace(string(exit.Stderr)))
	}
	return strings.TrimSpace(string(out)), err
}

// scpUser is who logs in where a remote is written as scp does: git@host:path.
var scpUser = regexp.MustCompile(`^[A-Za-z0-9._-]+@`)

// withoutPassword returns a remote without what lets people in, and nothing of one that it
// cannot make sense of.
func withoutPassword(remote string) string {
	if strings.Contains(remote, "://") {
		at, err := url.Parse(remote)
		if err != nil {
			return ""
		}
		return (&url.URL{Scheme: at.Scheme, Host: at.Host, Path: at.Path}).String()
	}
	if user := scpUser.FindString(remote); user != "" {
		return user + remote[strings.LastIndexByte(remote, '@')+1:]
	}
	return remote[strings.LastIndexByte(remote, '@')+1:]
}
