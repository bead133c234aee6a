package origin

import (
	"fmt"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/jwks"
)

// KeyDetails are those of what became of the keys of a source. No key is in them.
type KeyDetails struct {
	Issuer string `json:"issuer,omitempty"`
	URI    string `json:"uri,omitempty"`
	// ResolvedURI is where the keys come from.
	ResolvedURI string `json:"resolvedUri,omitempty"`
	// Keys is how many there are, Added and Removed those that came and went, the first hundred of each.
	Keys    int            `json:"keys"`
	Added   []jwks.KeyName `json:"added,omitempty"`
	Removed []jwks.KeyName `json:"removed,omitempty"`
	// FailedSince is since when they cannot, or could not, be fetched.
	FailedSince time.Time `json:"failedSince,omitzero"`
}

// Keys returns the event of a change of the keys of a source.
func Keys(c jwks.Change) audit.Event {
	e := audit.Event{Subject: c.Source, Outcome: audit.Success, Details: KeyDetails{
		Issuer: c.Issuer, URI: c.URI, ResolvedURI: c.ResolvedURI, Keys: c.Keys, Added: c.Added, Removed: c.Removed, FailedSince: c.FailedSince,
	}}
	switch c.Kind {
	case jwks.Rotated:
		e.Type, e.Message = audit.KeysRotated, fmt.Sprintf("the keys of %s changed: %d came, %d went", c.Source, len(c.Added), len(c.Removed))
	case jwks.Stopped:
		e.Type, e.Outcome, e.Message = audit.KeysFailed, audit.Failure, fmt.Sprintf("the keys of %s cannot be fetched: %s", c.Source, c.Reason)
	default:
		e.Type, e.Message = audit.KeysFetched, fmt.Sprintf("the keys of %s are fetched", c.Source)
	}
	return e
}
