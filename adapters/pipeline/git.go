package pipeline

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/quire-ci/quire-project/domain"
)

// ErrLabel is in the error of [Labels] for a label that is not valid.
var ErrLabel = errors.New("--label")

// Labels returns labels for a run of a workspace: those that are given as KEY=VALUE and, with fromGit,
// those from git whose keys are not given.
func Labels(ctx context.Context, workspace string, given []string, fromGit bool) (domain.Labels, error) {
	var labels []domain.Label
	for _, text := range given {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return domain.Labels{}, fmt.Errorf("%w %q has no value; write --label KEY=VALUE", ErrLabel, key)
		}
		labels = append(labels, domain.Label{Key: key, Value: value})
	}
	if fromGit {
		found, err := gitLabels(ctx, workspace)
		if err != nil {
			return domain.Labels{}, fmt.Errorf("--git: %w", err)
		}
		mine := labels
		for _, label := range found {
			if !slices.ContainsFunc(mine, func(l domain.Label) bool { return l.Key == label.Key }) {
				labels = append(labels, label)
			}
		}
	}
	all, err := domain.NewLabels(labels...)
	if err != nil {
		return all, fmt.Errorf("%w: %w", ErrLabel, err)
	}
	return all, nil
}

// gitLabels returns labels of a folder from git: the repository, the ref unless HEAD is
// detached, and the commit. No label contains a password.
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
	if err != nil { // no remote
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

// git runs git in a folder, and returns its output.
func git(ctx context.Context, folder string, args ...string) (string, error) {
	out, err := exec.CommandContext(ctx, "git", append([]string{"-C", folder}, args...)...).Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && len(exit.Stderr) > 0 {
		err = errors.New(strings.TrimSpace(string(exit.Stderr)))
	}
	return strings.TrimSpace(string(out)), err
}

// scpUser matches the user in a remote of the form git@host:path.
var scpUser = regexp.MustCompile(`^[A-Za-z0-9._-]+@`)

// withoutPassword returns a remote without its password, or "" for a URL that is not valid.
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
