package pipeline

import (
	"context"
	"errors"
	"net/url"
	"os/exec"
	"path"
	"regexp"
	"strings"

	"github.com/quire-ci/quire-project/domain"
)

// GitLabels returns labels of a folder from git: the repository, the ref unless HEAD is
// detached, and the commit. No label contains a password.
func GitLabels(ctx context.Context, folder string) ([]domain.Label, error) {
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
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
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
