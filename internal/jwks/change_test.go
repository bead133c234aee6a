package jwks_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/portreeve/portreeve/internal/jwks"
)

// The keys of tests as they are told of.
var (
	nameA = jwks.KeyName{ID: "a", Thumbprint: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"}
	nameB = jwks.KeyName{ID: "b", Thumbprint: "Q9ss0s8N4KWuqwXuMy6Dt2si3WSIX9uQGcngAx8qu-k"}
)

// TestWhatBecomesOfKeysIsTold holds that a rotation tells which keys came and went, that fetching fails and works again
// once each, however often it was tried, and that nothing is told where nothing changed.
func TestWhatBecomesOfKeysIsTold(t *testing.T) {
	i := newIssuer(t, plain)
	i.serve("/keys", body(set(keyA)))
	told := make(chan jwks.Change, 100)
	o := often()
	o.Changed = func(c jwks.Change) { told <- c }
	f := run(t, o)
	address := strings.Replace(i.URL, "http://", "http://user:hush@", 1) + "/keys?code=hush"
	f.Want(requests(uri(address)))
	shown := i.URL + "/keys"
	next := func(want jwks.Change) {
		t.Helper()
		select {
		case got := <-told:
			if strings.Contains(fmt.Sprintf("%+v", got), "hush") {
				t.Errorf("it shows a secret: %+v", got)
			}
			want.Source, want.URI, want.ResolvedURI = shown, shown, shown
			if d := cmp.Diff(want, got, cmpopts.IgnoreFields(jwks.Change{}, "Reason", "FailedSince"), cmpopts.EquateEmpty()); d != "" {
				t.Errorf("it is told otherwise (-want +got):\n%s", d)
			}
			if failing := got.Kind == jwks.Stopped; failing && (got.Reason == "" || got.FailedSince.IsZero()) || got.Kind == jwks.Rotated && got.Reason != "" {
				t.Errorf("of %s the reason is %q, since %v", got.Kind, got.Reason, got.FailedSince)
			}
		case <-time.After(bound):
			t.Fatalf("it is not told: %+v", want)
		}
	}
	next(jwks.Change{Kind: jwks.Began, Added: []jwks.KeyName{nameA}, Keys: 1})
	i.serve("/keys", body(set(keyA, keyB)))
	next(jwks.Change{Kind: jwks.Rotated, Added: []jwks.KeyName{nameB}, Keys: 2})
	i.serve("/keys", gone)
	next(jwks.Change{Kind: jwks.Stopped, Keys: 2})
	i.drain("/keys")
	i.await(t, "/keys", 3) // it goes on failing
	i.serve("/keys", body(set(keyA, keyB)))
	next(jwks.Change{Kind: jwks.Began, Keys: 2})
	i.serve("/keys", gone)
	next(jwks.Change{Kind: jwks.Stopped, Keys: 2})
	i.serve("/keys", body(set(keyB)))
	next(jwks.Change{Kind: jwks.Began, Keys: 1})
	next(jwks.Change{Kind: jwks.Rotated, Removed: []jwks.KeyName{nameA}, Keys: 1})
	i.drain("/keys")
	i.await(t, "/keys", 3) // it goes on as it is
	f.stop()
	if len(told) > 0 {
		t.Errorf("it is told more: %+v", <-told)
	}
}

// TestWhatIsToldOfKeysIsBounded holds how many keys are named, and how long the name of one may be: both are the issuer's.
func TestWhatIsToldOfKeysIsBounded(t *testing.T) {
	var keys []string
	for n := range 500 {
		keys = append(keys, strings.Replace(keyA, `"a"`, fmt.Sprintf(`"%d-%s"`, n, strings.Repeat("n", 1000)), 1))
	}
	i := newIssuer(t, plain)
	i.serve("/keys", body(set(keys...)))
	told := make(chan jwks.Change, 1)
	o := seldom()
	o.Changed = func(c jwks.Change) { told <- c }
	run(t, o).Want(requests(uri(i.URL + "/keys")))
	select {
	case c := <-told:
		text, err := json.Marshal(c)
		if err != nil || c.Keys != 500 || len(c.Added) != 100 || len(text) > 40_000 {
			t.Errorf("of %d keys %d are named, in %d bytes, %v", c.Keys, len(c.Added), len(text), err)
		}
	case <-time.After(bound):
		t.Fatal("it is not told")
	}
}
