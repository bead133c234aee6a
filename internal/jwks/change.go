package jwks

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The bounds of what is told of a set: how many keys are named, and bytes of the name that an issuer gives one.
const (
	maxNamedKeys = 100
	maxKeyID     = 128
)

// ChangeKind is what a Change tells.
type ChangeKind string

const (
	// Rotated: the keys of a source are others than before.
	Rotated ChangeKind = "rotated"
	// Began: the keys of a source were fetched, of which there were none, or which could not be fetched for some time.
	Began ChangeKind = "began"
	// Stopped: the keys of a source cannot be fetched any more. It is told once, until they can.
	Stopped ChangeKind = "stopped"
)

// Change is what became of the keys of a source. Addresses are without user, password and query, and no key is in it.
type Change struct {
	Kind ChangeKind
	// Source is how the source is called, Issuer and URI are its own, as far as policy says them, and ResolvedURI is where its
	// keys come from.
	Source, Issuer, URI, ResolvedURI string
	// Added and Removed are the keys that came and went, at most 100 of each; Keys is how many there are.
	Added, Removed []KeyName
	Keys           int
	// Reason is why they cannot be fetched, and FailedSince since when they could not.
	Reason      string
	FailedSince time.Time
}

// KeyName is what is said of a public key.
type KeyName struct {
	// ID is what the issuer calls it, cut; it may be empty.
	ID string `json:"id,omitempty"`
	// Algorithm is what the issuer says that it is for; it may be empty.
	Algorithm string `json:"algorithm,omitempty"`
	// Thumbprint is that of RFC 7638, by SHA-256.
	Thumbprint string `json:"thumbprint,omitempty"`
}

// change begins what is told of a source.
func (s *source) change(kind ChangeKind) Change {
	count, _ := s.keys.ids()
	return Change{
		Kind: kind, Source: s.name(), Issuer: redacted(s.Issuer), URI: redacted(s.URI), ResolvedURI: redacted(s.uri()), Keys: count,
		Reason: s.err, FailedSince: s.failedSince.UTC(),
	}
}

// changes are what is told of keys that were fetched, where there were others before, or none, since when fetching failed.
func (s *source) changes(before keySet, failedSince time.Time) (out []Change) {
	if !before.known() || !failedSince.IsZero() {
		began := s.change(Began)
		began.FailedSince = failedSince.UTC()
		out = append(out, began)
	}
	if before.Set == s.keys.Set {
		return out
	}
	if before.known() {
		out = append(out, s.change(Rotated))
	}
	last := &out[len(out)-1]
	last.Added, last.Removed = differing(s.keys.Set, before.Set), differing(before.Set, s.keys.Set)
	return out
}

// differing are the keys of a set that another has not, as many as are named.
func differing(set, other string) []KeyName {
	names, others := keyNames(set), keyNames(other)
	names = slices.DeleteFunc(names, func(n KeyName) bool { return slices.Contains(others, n) })
	return names[:min(len(names), maxNamedKeys)]
}

// keyNames are what is said of the keys of a set. It says nothing of one that is not public: the hash of a symmetric key can
// be tried out against guesses.
func keyNames(set string) (out []KeyName) {
	var raw struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if json.Unmarshal([]byte(set), &raw) != nil {
		return nil
	}
	for _, text := range raw.Keys {
		var key jose.JSONWebKey
		if key.UnmarshalJSON(text) != nil || !key.IsPublic() {
			continue
		}
		sum, err := key.Thumbprint(crypto.SHA256)
		if err != nil {
			continue
		}
		out = append(out, KeyName{cutID(key.KeyID), cutID(key.Algorithm), base64.RawURLEncoding.EncodeToString(sum)})
	}
	return out
}

func cutID(id string) string {
	if len(id) <= maxKeyID {
		return id
	}
	return strings.ToValidUTF8(id[:maxKeyID], "") + "…"
}
