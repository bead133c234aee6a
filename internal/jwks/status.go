package jwks

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/portreeve/portreeve/translate/model"
)

// State says how it stands with the keys of a source.
type State string

const (
	// Pending has no keys and was not tried to its end yet.
	Pending State = "pending"
	// Fetched has keys, and the last fetch went well.
	Fetched State = "fetched"
	// Stale has keys from before that the last fetch failed to confirm, or that none did yet
	// since they were read from disk or their source was named again.
	Stale State = "stale"
	// Failed has no keys, because fetching failed: every token of the source is refused.
	Failed State = "failed"
)

// SourceStatus is what an operator is shown of a source. Addresses are without user,
// password and query.
type SourceStatus struct {
	model.KeySource
	// ResolvedURI is the address that keys come from, discovered where an issuer is named.
	ResolvedURI string `json:"resolvedUri,omitempty"`
	State       State  `json:"state"`
	// Keys is how many keys there are, KeyIDs the names of those that have one.
	Keys   int      `json:"keys"`
	KeyIDs []string `json:"keyIds,omitempty"`
	// Dropped says which published keys are not used, and why, and which are shorter than is advised.
	Dropped []string `json:"dropped,omitempty"`
	// FetchedAt is when the keys were last fetched or confirmed.
	FetchedAt time.Time `json:"fetchedAt,omitzero"`
	// FailedSince is when the first of the failures since then was, Error the last one.
	FailedSince time.Time `json:"failedSince,omitzero"`
	Error       string    `json:"error,omitempty"`
	// PublishedIssuer is how the issuer's own discovery document spells it, where the rule spells
	// it otherwise: every token of it is refused until the rule says the same.
	PublishedIssuer string `json:"publishedIssuer,omitempty"`
	// NextTry is when the source is asked again.
	NextTry time.Time `json:"nextTry,omitzero"`
}

// Status returns the state of every wanted source, sorted.
func (f *Fetcher) Status() []SourceStatus {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]SourceStatus, 0, len(f.sources))
	for _, s := range f.sources {
		if s.wanted {
			out = append(out, s.status())
		}
	}
	slices.SortFunc(out, func(a, b SourceStatus) int {
		return cmp.Or(strings.Compare(a.URI, b.URI), strings.Compare(a.Issuer, b.Issuer), a.FetchedAt.Compare(b.FetchedAt))
	})
	return out
}

func (s *source) status() SourceStatus {
	count, ids := s.keys.ids()
	return SourceStatus{
		KeySource:   model.KeySource{Issuer: redacted(s.Issuer), URI: redacted(s.URI)},
		ResolvedURI: redacted(s.uri()), PublishedIssuer: redacted(s.misspelt()),
		State: s.state(),
		Keys:  count, KeyIDs: ids, Dropped: slices.Clone(s.keys.Dropped),
		FetchedAt: s.keys.FetchedAt.UTC(), FailedSince: s.failedSince.UTC(), Error: s.err, NextTry: s.next.UTC(),
	}
}

func (s *source) state() State {
	switch {
	case s.confirmed:
		return Fetched
	case s.keys.known():
		return Stale
	case s.err != "":
		return Failed
	default:
		return Pending
	}
}
