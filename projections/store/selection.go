package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quire-ci/quire-project/projections"
)

// MostSelected is how many runs a selection has at most.
const MostSelected = 1000

// Selection says which runs of a store are meant: the latest ones that meet all conditions. The
// zero value means none.
type Selection struct {
	// Labels are the labels that the runs must have.
	Labels []projections.Label
	// State is the state of the runs; empty means any.
	State projections.State
	// Since and Before limit the time of the runs' first events, in milliseconds: Since is the first
	// one that is meant, Before the first one that no longer is.
	Since, Before projections.Null[int64]
	// Last is how many runs are meant at most.
	Last int
}

// ParseSelection parses conditions KEY=VALUE, separated by commas:
//
//	state=complete      the state: active, complete, failed or any
//	last=20             at most the latest 20
//	since=2026-11-20    the run began then or later
//	before=7d           the run began before that
//	ref=main            any other key: the run has that label
//	label:state=x       the same for a label with the name of a condition
//
// A time is RFC 3339 or a part of it, such as a date, in UTC; or an age such as 90m, 36h or 7d,
// before now. A backslash keeps a comma or another backslash from ending a value. Each key can be
// given once; unless has the defaults.
func ParseSelection(text string, unless Selection, now time.Time) (Selection, error) {
	s, seen := unless, map[string]bool{}
	s.Labels = slices.Clone(unless.Labels)
	for _, condition := range conditions(text) {
		key, value, ok := strings.Cut(condition, "=")
		if !ok || key == "" {
			return s, fmt.Errorf("%q is no condition; write KEY=VALUE, separated by commas", condition)
		}
		if seen[key] {
			return s, fmt.Errorf("%q is given twice", key)
		}
		seen[key] = true
		if err := s.add(key, value, now); err != nil {
			return s, fmt.Errorf("%s=%q: %w", key, value, err)
		}
	}
	return s, nil
}

func (s *Selection) add(key, value string, now time.Time) (err error) {
	switch key {
	case "state":
		if s.State = projections.State(value); value == "any" {
			s.State = ""
		} else if !slices.Contains(s.State.Values(), value) {
			return fmt.Errorf("a state is %s or any", strings.Join(s.State.Values(), ", "))
		}
	case "last":
		if s.Last, err = strconv.Atoi(value); err != nil || s.Last < 1 || s.Last > MostSelected {
			return fmt.Errorf("it is a number from 1 to %d", MostSelected)
		}
	case "since":
		s.Since, err = parseTime(value, now)
	case "before":
		s.Before, err = parseTime(value, now)
	default:
		s.Labels = append(s.Labels, projections.Label{Key: strings.TrimPrefix(key, "label:"), Value: value})
	}
	return err
}

// conditions splits a text at its commas, and removes backslashes.
func conditions(text string) (all []string) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			i++
			b.WriteByte(text[i])
		case c == ',':
			all = append(all, b.String())
			b.Reset()
		default:
			b.WriteByte(c)
		}
	}
	return append(all, b.String())
}

// layouts are the forms of times, with UTC unless they say otherwise.
var layouts = []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05 UTC", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"}

func parseTime(text string, now time.Time) (projections.Null[int64], error) {
	for _, layout := range layouts {
		if at, err := time.Parse(layout, text); err == nil {
			return projections.Some(at.UnixMilli()), nil
		}
	}
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil {
			return projections.Some(now.UnixMilli() - int64(n)*86_400_000), nil
		}
	}
	if age, err := time.ParseDuration(text); err == nil && age >= 0 {
		return projections.Some(now.Add(-age).UnixMilli()), nil
	}
	return projections.Null[int64]{}, fmt.Errorf("a time is one such as 2026-11-20, 2026-11-20T09:12:44Z, 36h or 7d")
}

// String returns the conditions, for people and for [ParseSelection].
func (s Selection) String() string {
	var all []string
	escape := strings.NewReplacer(`\`, `\\`, `,`, `\,`)
	for _, label := range s.Labels {
		key := label.Key
		if slices.Contains([]string{"state", "last", "since", "before"}, key) || strings.HasPrefix(key, "label:") {
			key = "label:" + key
		}
		all = append(all, escape.Replace(key+"="+label.Value))
	}
	for _, of := range []struct {
		key string
		at  projections.Null[int64]
	}{{"since", s.Since}, {"before", s.Before}} {
		if of.at.Valid {
			all = append(all, of.key+"="+time.UnixMilli(of.at.V).UTC().Format("2006-01-02T15:04:05.999Z07:00"))
		}
	}
	if s.State != "" {
		all = append(all, "state="+string(s.State))
	}
	return strings.Join(append(all, "last="+strconv.Itoa(s.Last)), ",")
}

func (s *Selection) meets(run *Listed) bool {
	for _, label := range s.Labels {
		if !slices.Contains(run.Labels, label) {
			return false
		}
	}
	return (!s.Since.Valid && !s.Before.Valid) || run.StartedAtMs.Valid &&
		(!s.Since.Valid || run.StartedAtMs.V >= s.Since.V) && (!s.Before.Valid || run.StartedAtMs.V < s.Before.V)
}

// Select returns the runs of a selection, newest first.
func Select(ctx context.Context, s Store, of Selection) (selected []Listed, err error) {
	page := Page{State: of.State, Limit: 200}
	if len(of.Labels) > 0 {
		page.Label = &of.Labels[0]
	}
	if of.Before.Valid {
		page.After = &Run{RunTiming: projections.RunTiming{StartedAtMs: of.Before}}
	}
	for {
		runs, err := s.Runs(ctx, page)
		if err != nil {
			return nil, err
		}
		for i := range runs {
			switch run := &runs[i]; {
			case len(selected) == of.Last, of.Since.Valid && (!run.StartedAtMs.Valid || run.StartedAtMs.V < of.Since.V):
				return selected, nil
			case of.meets(run):
				selected = append(selected, *run)
			}
		}
		if len(runs) < page.Limit {
			return selected, nil
		}
		page.After = &runs[len(runs)-1].Run
	}
}
