package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/audit"
)

// auditFilter chooses events.
type auditFilter struct {
	types, outcomes, namespaces, kinds, names []string
	subject, generation                       string
	sinceText, untilText                      string
	since, until                              time.Time
}

func (f *auditFilter) register(c *cobra.Command) {
	flags := c.Flags()
	flags.StringSliceVar(&f.types, "type", nil, "Only events of these types, such as generation.read; * stands for any text.")
	flags.StringVar(&f.sinceText, "since", "", "Only events from then on: a time (RFC 3339), a date, or how long ago (30m, 12h, 7d).")
	flags.StringVar(&f.untilText, "until", "", "Only events before then, as --since.")
	flags.StringSliceVar(&f.outcomes, "outcome", nil, "Only events with these outcomes: "+strings.Join(outcomes(), ", ")+".")
	flags.StringSliceVarP(&f.namespaces, "namespace", "n", nil, "Only events about these namespaces.")
	flags.StringSliceVar(&f.kinds, "kind", nil, "Only events about objects of these kinds.")
	flags.StringSliceVar(&f.names, "name", nil, "Only events about objects with these names; * stands for any text.")
	flags.StringVar(&f.subject, "subject", "", "Only events about this subject: a gateway, an issuer, a sink; * stands for any text.")
	flags.StringVar(&f.generation, "generation", "", "Only events about the generation whose hash begins so.")
	takes(c, "outcome", severalOf("OUTCOME,...", outcomes()...))
	takes(c, "since", aMoment())
	takes(c, "until", aMoment())
	for _, text := range []string{"kind", "namespace", "generation"} {
		takes(c, text, given(strings.ToUpper(text), nil))
	}
	for _, pattern := range []string{"type", "name", "subject"} {
		takes(c, pattern, parsed("PATTERN", checkPattern))
	}
}

// checkPattern refuses what can match nothing.
func checkPattern(text string) error {
	if text == "" {
		return errors.New("it is empty")
	}
	if _, err := path.Match(text, ""); err != nil {
		return errors.New("it is no pattern: [ and \\ stand for themselves after a \\")
	}
	return nil
}

// outcomes are all that an event may have.
func outcomes() []string {
	return []string{string(audit.Success), string(audit.Served), string(audit.Refused), string(audit.Waiting), string(audit.Failure)}
}

// aMoment is the form of a time, a date, or how long ago something was.
func aMoment() form {
	return parsed("TIME", func(text string) error {
		if text == "" {
			return errors.New("it is empty")
		}
		_, err := timeOf(text, time.Now())
		return err
	})
}

// prepare reads the flags.
func (f *auditFilter) prepare(now time.Time) (err error) {
	for i, t := range f.types {
		f.types[i] = strings.TrimPrefix(t, audit.TypePrefix)
	}
	if f.since, err = timeOf(f.sinceText, now); err != nil {
		return fmt.Errorf("--since: %w", err)
	}
	if f.until, err = timeOf(f.untilText, now); err != nil {
		return fmt.Errorf("--until: %w", err)
	}
	return nil
}

// timeOf reads a time, a date (UTC), or how long ago something was. An empty text is no time.
func timeOf(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339Nano, time.DateOnly} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	ago, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n uint64
		const day, most = 24 * time.Hour, 100_000
		if n, err = strconv.ParseUint(days, 10, 64); err == nil && n <= most {
			ago = time.Duration(n) * day
		}
	}
	if err != nil || ago <= 0 {
		return time.Time{}, fmt.Errorf("%q is no time (2026-01-31T12:00:00Z), date (2026-01-31) or duration (30m, 12h, 7d)", s)
	}
	return now.Add(-ago), nil
}

// chooses reports whether an event is asked for.
func (f *auditFilter) chooses(e *auditEvent) bool {
	return hasAny(f.types, func(t string) bool { return globs(t, e.kind()) }) &&
		hasAny(f.outcomes, func(o string) bool { return o == e.details().Outcome }) &&
		(f.since.IsZero() || !e.Time.Before(f.since)) && (f.until.IsZero() || e.Time.Before(f.until)) &&
		(f.subject == "" || globs(f.subject, e.Subject)) && f.ofGeneration(e) && f.ofNamespace(e) && f.ofObject(e)
}

// globs matches as a shell does, but that * stands for a slash too.
func globs(pattern, s string) bool {
	const slash, other = "/", "\x00"
	ok, err := path.Match(strings.ReplaceAll(pattern, slash, other), strings.ReplaceAll(s, slash, other))
	return err == nil && ok
}

func (f *auditFilter) ofGeneration(e *auditEvent) bool {
	if f.generation == "" || strings.HasPrefix(e.kind(), "generation.") && strings.HasPrefix(e.Subject, f.generation) {
		return true
	}
	var details any
	// Details that are not there, or are no JSON, name no generation.
	return json.Unmarshal(e.details().Details, &details) == nil && namesGeneration(details, f.generation)
}

// namesGeneration reports whether details name a generation, at any depth: as such, or as the hash of one.
func namesGeneration(details any, prefix string) bool {
	switch d := details.(type) {
	case []any:
		return slices.ContainsFunc(d, func(v any) bool { return namesGeneration(v, prefix) })
	case map[string]any:
		for key, value := range d {
			text, isText := value.(string)
			if isText && (key == "generation" || key == "hash") && strings.HasPrefix(text, prefix) || namesGeneration(value, prefix) {
				return true
			}
		}
	}
	return false
}

// ofNamespace chooses, as ofObject, events that name less than they are about: they may be about it.
func (f *auditFilter) ofNamespace(e *auditEvent) bool {
	d := e.details()
	return d.Counts.Namespaces > len(d.Namespaces) || hasAny(f.namespaces, func(n string) bool {
		return slices.Contains(d.Namespaces, n) || slices.ContainsFunc(d.Objects, func(o audit.Object) bool { return o.Namespace == n })
	})
}

// ofObject chooses events about an object for which all of kind, name and namespace hold.
func (f *auditFilter) ofObject(e *auditEvent) bool {
	if len(f.kinds) == 0 && len(f.names) == 0 {
		return true
	}
	d := e.details()
	return d.Counts.Objects > len(d.Objects) || slices.ContainsFunc(d.Objects, func(o audit.Object) bool {
		return hasAny(f.kinds, func(k string) bool { return strings.EqualFold(k, o.Kind) }) &&
			hasAny(f.names, func(n string) bool { return globs(n, o.Name) }) &&
			hasAny(f.namespaces, func(n string) bool { return n == o.Namespace })
	})
}
