package otlp

import (
	"net/url"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/quire-ci/quire-project/adapters/internal/cicd"
	"github.com/quire-ci/quire-project/domain"
)

// labels are the labels of a run for which the conventions define attributes.
type labels struct {
	repo, ref, sha, url string
	pipeline            string // the pipeline's name
	others              []domain.Label
}

func readLabels(of domain.Labels) (l labels) {
	known := map[string]*string{"repo": &l.repo, "ref": &l.ref, "sha": &l.sha, "url": &l.url, "pipeline": new(string)}
	l.pipeline = clip(cicd.PipelineName(of), maxLabel)
	for label := range of.All() {
		if to := known[label.Key]; to != nil {
			*to = label.Value
		} else {
			l.others = append(l.others, label)
		}
	}
	return l
}

// put sets the attributes of a run's resource.
func (l *labels) put(run domain.RunID, to pcommon.Map) {
	put := func(key, value string) {
		if value != "" {
			to.PutStr(key, value)
		}
	}
	put(attrServiceName, service)
	put(attrPipelineName, l.pipeline)
	to.PutStr(attrRunID, clip(string(run), maxName))
	put(attrRunURL, webAddress(l.url, ""))
	put(attrRepoURL, strings.TrimSuffix(webAddress(l.repo, ""), ".git"))
	put(attrRepoName, clip(cicd.RepoName(l.repo), maxLabel))
	ref, kind := refName(l.ref)
	put(attrRefName, clip(ref, maxLabel))
	put(attrRefType, kind)
	put(attrRefRevision, clip(l.sha, maxLabel))
	for _, label := range l.others {
		to.PutStr(attrLabel+label.Key, clip(label.Value, maxLabel))
	}
}

// refName returns the name of a git reference, and its type if known.
func refName(ref string) (name, kind string) {
	if branch, ok := strings.CutPrefix(ref, "refs/heads/"); ok {
		return branch, "branch"
	}
	if tag, ok := strings.CutPrefix(ref, "refs/tags/"); ok {
		return tag, "tag"
	}
	return ref, ""
}

// webAddress returns an address without user and password, and with the fragment if it is not
// empty. It returns "" if no browser could open the address, or if it is too long: a shortened
// address would be another one.
func webAddress(text, fragment string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	u.User = nil
	if fragment != "" {
		u.Fragment, u.RawFragment = fragment, ""
	}
	if address := u.String(); len(address) <= maxAddress {
		return address
	}
	return ""
}
