package jwks

import (
	"cmp"
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/portreeve/portreeve/translate/model"
)

// source is a place that keys come from, and how it stands with them.
type source struct {
	model.KeySource
	timeout time.Duration
	wanted  bool
	// revision is the request's.
	revision string
	// restored says that policies named it when it was kept on disk, and that nobody has said
	// since whether they still do.
	restored bool
	// unwantedSince is when policies stopped naming it; zero where they did not.
	unwantedSince time.Time
	// awaited is until when policy that names it had better wait for its first attempt to end;
	// zero is not at all.
	awaited time.Time
	// resolved is the address of the keys that the latest attempt found.
	resolved string
	// published is how the discovery document spelt the issuer when it was last read.
	published string
	// keys are the last good ones; confirmed says that the latest attempt brought them.
	keys      keySet
	confirmed bool
	// failures counts the failures in a row.
	failures    int
	failedSince time.Time
	err         string
	next        time.Time
	// attempt is the number of the latest attempt; cancel is not nil while it runs.
	attempt int
	cancel  context.CancelFunc
	// again says that another attempt is to follow the one that runs at once.
	again bool
}

// keySet is a set of keys as a source has given it.
type keySet struct {
	content
	// URI is where the set comes from.
	URI string `json:"uri"`
	// FetchedAt is when it was fetched or confirmed.
	FetchedAt time.Time `json:"fetchedAt"`
}

func (k keySet) known() bool { return k.Set != "" }

// ids returns how many keys there are and the names of those that have one.
func (k keySet) ids() (count int, ids []string) {
	var set struct {
		Keys []struct {
			Kid string `json:"kid"`
		} `json:"keys"`
	}
	if !k.known() || json.Unmarshal([]byte(k.Set), &set) != nil {
		return 0, nil
	}
	for _, key := range set.Keys {
		if key.Kid != "" {
			ids = append(ids, key.Kid)
		}
	}
	return len(set.Keys), ids
}

// uri returns the address of the keys as far as it is known.
func (s *source) uri() string { return cmp.Or(s.URI, s.resolved, s.keys.URI) }

// misspelt returns how the issuer's own document spells the issuer, where the rule spells it
// otherwise: tokens have the document's spelling, and none of them is the rule's. It is "" where
// the two are the same, or where there is no document.
func (s *source) misspelt() string {
	if s.URI != "" || s.published == s.Issuer {
		return ""
	}
	return s.published
}

// want says that a policy names the source. It reports whether that is new, or asks for
// another timeout, or comes from rules that have changed; then the source is fetched at once.
// One that is new is awaited, unless its keys are those of the run before: then what gateways
// were served by it is served again, whether the issuer is up or not.
func (s *source) want(r model.KeyRequest, o Options) bool {
	if s.wanted && s.timeout == r.Timeout && s.revision == r.Revision {
		return false
	}
	now := o.Now()
	if !s.wanted {
		s.confirmed, s.failedSince, s.err = false, time.Time{}, ""
		if !s.restored {
			s.awaited = now.Add(o.firstFetchTimeout(r))
		}
	}
	s.supersede()
	s.wanted, s.restored, s.unwantedSince = true, false, time.Time{}
	s.timeout, s.revision = r.Timeout, r.Revision
	s.failures, s.next = 0, now
	return true
}

// refetch makes an attempt due at once, or where one runs, after it: what that one brings may be
// of the time before.
func (s *source) refetch(now time.Time) {
	if s.cancel != nil {
		s.again = true
		return
	}
	s.next = now
}

// leave says that no policy names the source. It reports whether that is new.
func (s *source) leave(now time.Time) bool {
	if !s.wanted && !s.restored {
		return false
	}
	s.supersede()
	s.wanted, s.restored, s.awaited, s.unwantedSince = false, false, time.Time{}, now
	return true
}

// forgotten reports whether there is no reason to keep the source: nobody names it, and its
// keys are too old to be there for its return.
func (s *source) forgotten(now time.Time) bool {
	if s.wanted || s.restored {
		return false
	}
	return !s.keys.known() || now.Sub(s.unwantedSince) > retention
}

// supersede gives up the running attempt: nothing waits for a hanging one.
func (s *source) supersede() {
	if s.cancel != nil {
		s.cancel()
		s.cancel = nil
	}
	s.again = false
	s.attempt++
}

// fail takes over a failed attempt. The last good keys stay.
func (s *source) fail(r result, o Options) event {
	now, before := o.Now(), s.err
	s.resolved, s.published = cmp.Or(r.uri, s.resolved), cmp.Or(r.issuer, s.published)
	s.confirmed, s.err, s.awaited = false, shortened(r.err.Error()), time.Time{}
	s.next = now.Add(backoff(s.failures, o.FirstBackoff, o.MaxBackoff))
	s.failures++
	message, changes := "keys still cannot be fetched, for another reason", []Change(nil)
	if s.failedSince.IsZero() {
		s.failedSince, message = now, "keys cannot be fetched"
		changes = []Change{s.change(Stopped)}
	} else if sameReason(before, s.err) {
		return event{}
	}
	consequence := "there are no keys: every token of this issuer is refused"
	if s.keys.known() {
		consequence = "the last good keys stay in use"
	}
	return event{slog.LevelWarn, message, []any{"source", s.name(), "reason", s.err, "consequence", consequence, "nextTry", s.next.UTC()}, changes}
}

// succeed takes over fetched keys.
func (s *source) succeed(r result) event {
	before, misspelt, failedSince := s.keys, s.misspelt(), s.failedSince
	s.published = r.issuer
	s.resolved, s.keys, s.confirmed, s.next = r.uri, r.keys, true, r.next
	s.failures, s.failedSince, s.err, s.awaited = 0, time.Time{}, "", time.Time{}
	message := ""
	switch {
	case !before.known():
		message = "keys fetched"
	case before.Set != r.keys.Set:
		message = "keys changed"
	case !failedSince.IsZero():
		message = "keys are fetched again"
	case !slices.Equal(before.Dropped, r.keys.Dropped):
		message = "the keys that are not used changed"
	case misspelt != s.misspelt():
		message = "the spelling of the issuer changed"
	default:
		return event{}
	}
	count, ids := s.keys.ids()
	attributes := []any{"source", s.name(), "uri", redacted(r.uri), "keys", count, "kids", ids}
	level := slog.LevelInfo
	if len(r.keys.Dropped) > 0 {
		level, attributes = slog.LevelWarn, append(attributes, "unused", r.keys.Dropped)
	}
	if other := s.misspelt(); other != "" {
		level, attributes = slog.LevelWarn, append(attributes, "issuer", redacted(other), "consequence", "the rule spells the issuer otherwise: its tokens are refused with 401 until the rule says "+redacted(other))
	}
	return event{level, message, attributes, s.changes(before, failedSince)}
}

// shortened bounds a reason, parts of which can be the issuer's.
func shortened(reason string) string {
	const most = 500
	if len(reason) <= most {
		return reason
	}
	return strings.ToValidUTF8(reason[:most], "") + "…"
}

// sameReason reports whether two reasons differ at most in words that differ from try to try:
// those with a time or with the port of a connection.
func sameReason(a, b string) bool {
	passing := func(word string) bool {
		digits := 0
		for _, c := range word {
			if digits++; c < '0' || c > '9' {
				digits = 0
			}
			if digits == 4 {
				return true
			}
		}
		return false
	}
	return slices.Equal(slices.DeleteFunc(strings.Fields(a), passing), slices.DeleteFunc(strings.Fields(b), passing))
}

// name is how messages call the source.
func (s *source) name() string { return redacted(cmp.Or(s.URI, s.Issuer)) }

// event is a line of the log, and what is told beside it; the zero value is none.
type event struct {
	level      slog.Level
	message    string
	attributes []any
	changes    []Change
}

func (e event) log(logger *slog.Logger) {
	if e.message != "" {
		logger.Log(context.Background(), e.level, e.message, e.attributes...) //nolint:sloglint // the messages stand in this file
	}
}
