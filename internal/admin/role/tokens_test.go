package role

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// bound is how long anything may take before a test gives up.
const bound = 20 * time.Second

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// clock is one that a test turns.
type clock struct{ seconds atomic.Int64 }

func (c *clock) now() time.Time { return time.Unix(c.seconds.Load(), 0) }

func newClock() *clock {
	c := new(clock)
	c.seconds.Store(time.Now().Unix())
	return c
}

// verifying is a verifier that knows one token.
func verifying(t *testing.T, c *clock) (*verifier, *attempts, Token, map[string]hashed) {
	t.Helper()
	v, err := newVerifier(c.now)
	must(t, err)
	token, err := NewToken("one")
	must(t, err)
	return v, newAttempts(c.now), token, map[string]hashed{"one": {Viewer, token.Hash}}
}

// TestGuessingEnds holds that an address may show ten wrong tokens a minute, that no right one of another address suffers by it, and that
// one that was known before does not suffer either.
func TestGuessingEnds(t *testing.T) {
	c := newClock()
	v, wrong, token, named := verifying(t, c)
	guess := func(token, address string) Reason {
		_, refusal := v.verify(t.Context(), token, address, named, wrong)
		if refusal == nil {
			return ""
		}
		return refusal.Reason
	}
	var all sync.WaitGroup
	var refused [2]atomic.Int64
	for i := range 3 * maxAttempts { // at one time, with names that are there and such as are not
		all.Go(func() {
			switch guess([]string{"one", "other"}[i%2]+".wrong", fmt.Sprintf("[2001:db8::%d]:1", i)) {
			case BadToken:
				refused[0].Add(1)
			case TooMany:
				refused[1].Add(1)
			}
		})
	}
	all.Wait()
	if refused[0].Load() != maxAttempts || refused[1].Load() != 2*maxAttempts {
		t.Errorf("%d hashes were worked out, and %d are too many", refused[0].Load(), refused[1].Load())
	}
	if reason := guess(token.String(), "[2001:db8::ffff]:1"); reason != TooMany {
		t.Errorf("a right one that is not known yet, from that address: %q", reason)
	}
	if reason := guess(token.String(), "192.0.2.1:1"); reason != "" {
		t.Errorf("a right one from another address: %q", reason)
	}
	if reason := guess(token.String(), "[2001:db8::ffff]:1"); reason != "" {
		t.Errorf("a right one that is known, from that address: %q", reason)
	}
	c.seconds.Add(61)
	if reason := guess("one.wrong", "[2001:db8::1]:1"); reason != BadToken {
		t.Errorf("a minute later: %q", reason)
	}
}

// TestATokenIsRememberedForAWhile holds that its hash is worked out again when it was not shown for five minutes, and when the file
// names another; who shows it often is never locked out.
func TestATokenIsRememberedForAWhile(t *testing.T) {
	c := newClock()
	v, wrong, token, named := verifying(t, c)
	known := func() bool { return v.remembers(token.String(), named["one"].hash) }
	if _, refusal := v.verify(t.Context(), token.String(), "192.0.2.1:1", named, wrong); refusal != nil || !known() {
		t.Fatalf("%+v, and it is remembered: %v", refusal, known())
	}
	for range 3 {
		c.seconds.Add(299)
		for range maxAttempts {
			wrong.note("192.0.2.1:1")
		}
		if _, refusal := v.verify(t.Context(), token.String(), "192.0.2.1:1", named, wrong); refusal != nil || !known() {
			t.Errorf("it is not known within five minutes: %+v", refusal)
		}
	}
	c.seconds.Add(300)
	if known() {
		t.Error("it is known after five minutes")
	}
	_, _ = v.verify(t.Context(), token.String(), "192.0.2.1:1", named, wrong)
	other, err := NewToken("one")
	must(t, err)
	named["one"] = hashed{Operator, other.Hash}
	if caller, refusal := v.verify(t.Context(), token.String(), "192.0.2.1:1", named, wrong); refusal == nil {
		t.Errorf("a token that the file has no more is %+v", caller)
	}
}

// TestWhatIsRememberedIsBounded holds it for tokens and for addresses.
func TestWhatIsRememberedIsBounded(t *testing.T) {
	c := newClock()
	v, wrong, _, _ := verifying(t, c)
	for i := range 2 * maxRemembered {
		v.remember(fmt.Sprint(i), "hash")
	}
	if len(v.known) != maxRemembered {
		t.Errorf("%d tokens are remembered", len(v.known))
	}
	c.seconds.Add(301)
	if v.remember("another", "hash"); len(v.known) != 1 {
		t.Errorf("%d are after their time", len(v.known))
	}
	for i := range maxAddresses + 100 {
		wrong.note(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&0xff, i&0xff))
	}
	if len(wrong.of) != maxAddresses {
		t.Errorf("%d addresses are remembered", len(wrong.of))
	}
}

// TestWaitingForATurnEnds holds that a verification which takes long holds nobody for long, and who has gone not at all.
func TestWaitingForATurnEnds(t *testing.T) {
	v, wrong, token, named := verifying(t, newClock())
	v.turn <- struct{}{}
	v.wait = time.Millisecond
	if _, refusal := v.verify(t.Context(), token.String(), "192.0.2.1:1", named, wrong); refusal == nil || refusal.Reason != Busy {
		t.Errorf("it is told %+v", refusal)
	}
	v.wait = time.Hour
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, refusal := v.verify(gone, token.String(), "192.0.2.1:1", named, wrong); refusal == nil {
		t.Error("it is let in")
	}
}

// TestAHashThatProvesNothingIsRefused holds the bounds of what is read: one without a salt or a key, and one that costs too much or nothing.
func TestAHashThatProvesNothingIsRefused(t *testing.T) {
	token, err := NewToken("one")
	must(t, err)
	const salt, key = "c29tZXNhbHRzb21lc2FsdA", "RdescudvJCsgt3ub+b+dWRWJTmaaJObGRdescudvJCs"
	for hash, good := range map[string]bool{
		token.Hash: true,
		"$argon2id$v=19$m=65536,t=3,p=2$" + salt + "$" + key:                              true,
		"$argon2id$v=19$m=262144,t=10,p=16$" + salt + "$" + key:                           true,
		"$argon2id$v=19$m=262145,t=1,p=1$" + salt + "$" + key:                             false,
		"$argon2id$v=19$m=65536,t=11,p=1$" + salt + "$" + key:                             false,
		"$argon2id$v=19$m=65536,t=0,p=1$" + salt + "$" + key:                              false,
		"$argon2id$v=19$m=65536,t=1,p=0$" + salt + "$" + key:                              false,
		"$argon2id$v=19$m=65536,t=1,p=17$" + salt + "$" + key:                             false,
		"$argon2id$v=19$m=0,t=1,p=1$" + salt + "$" + key:                                  false,
		"$argon2id$v=19$m=65536,t=1,p=1$" + salt + "$":                                    false,
		"$argon2id$v=19$m=65536,t=1,p=1$$" + key:                                          false,
		"$argon2i$v=19$m=65536,t=1,p=1$" + salt + "$" + key:                               false,
		"$argon2id$v=16$m=65536,t=1,p=1$" + salt + "$" + key:                              false,
		"$2y$10$abcdefghijklmnopqrstuv":                                                   false,
		token.String():                                                                    false,
		"":                                                                                false,
		"$argon2id$v=19$m=65536,t=1,p=1$" + salt + "$" + strings.Repeat("A", maxHashText): false,
	} {
		if err := checkHash(hash); (err == nil) != good {
			t.Errorf("%s: %v", hash, err)
		} else if err != nil && strings.Contains(err.Error(), token.Secret) {
			t.Errorf("the error shows the token: %v", err)
		}
	}
}

// TestTheNameOfATokenHasNoDot holds that a name ends where the secret begins.
func TestTheNameOfATokenHasNoDot(t *testing.T) {
	for name, good := range map[string]bool{"a": true, "edge-1_x": true, strings.Repeat("a", 63): true, strings.Repeat("a", 64): false, "": false, "a.b": false, "-a": false, "a b": false, "a\n": false} {
		if _, err := NewToken(name); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}
