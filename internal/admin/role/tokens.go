package role

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"sync"
	"time"

	"github.com/alexedwards/argon2id"
)

const (
	// rememberTime is how long a token that was shown is known again without its hash.
	rememberTime = 5 * time.Minute
	// maxRemembered bounds those. Only right ones are, so there are no more than the file names, and a few of before.
	maxRemembered = 1000
	// turnTime is how long a verification waits for those before it.
	turnTime = 5 * time.Second
)

// sum stands for a token in memory, under a key that nobody has.
type sum [sha256.Size]byte

// remembered is the hash that a token matched, and until when that need not be worked out again.
type remembered struct {
	hash  string
	until time.Time
}

// verifier verifies tokens one at a time: each costs memory and time.
type verifier struct {
	now func() time.Time
	// turn holds who verifies.
	turn chan struct{}
	// decoy is a hash of what nobody knows, so that a name that is not there costs what a wrong secret costs.
	decoy string
	key   []byte
	wait  time.Duration

	mu    sync.Mutex
	known map[sum]remembered
}

func newVerifier(now func() time.Time) (*verifier, error) {
	v := &verifier{now: now, turn: make(chan struct{}, 1), key: []byte(rand.Text()), wait: turnTime, known: map[sum]remembered{}}
	var err error
	v.decoy, err = argon2id.CreateHash(rand.Text(), cost())
	return v, err
}

// verify says whose a token is by the names of a file. At most one hash is worked out, whatever the token is.
func (v *verifier) verify(ctx context.Context, token, address string, named map[string]hashed, wrong *attempts) (Caller, *Refusal) {
	name, _, _ := strings.Cut(token, ".")
	entry, listed := named[name]
	caller := Caller{Role: entry.role, Name: name}
	if listed && v.remembers(token, entry.hash) { // also where the address is spent: it is right
		return caller, nil
	}
	if wrong.spent(address) {
		return Caller{}, tooMany()
	}
	if !v.begin(ctx) {
		return Caller{}, busy()
	}
	defer func() { <-v.turn }()
	switch {
	case listed && v.remembers(token, entry.hash): // by the turn before
		return caller, nil
	case wrong.spent(address):
		return Caller{}, tooMany()
	case !listed:
		_, _ = argon2id.ComparePasswordAndHash(token, v.decoy)
	default:
		if matches, err := argon2id.ComparePasswordAndHash(token, entry.hash); err == nil && matches {
			v.remember(token, entry.hash)
			return caller, nil
		}
	}
	wrong.note(address)
	return Caller{}, badToken()
}

// begin waits for its turn, for a bounded time.
func (v *verifier) begin(ctx context.Context) bool {
	limit := time.NewTimer(v.wait)
	defer limit.Stop()
	select {
	case v.turn <- struct{}{}:
		return true
	case <-ctx.Done():
	case <-limit.C:
	}
	return false
}

// remembers reports whether a token was found to match a hash not long ago, or was known again not long ago: whoever shows it often
// is not locked out where the address is spent. The file may name another hash by now.
func (v *verifier) remembers(token, hash string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	key, now := v.sum(token), v.now()
	r, ok := v.known[key]
	if !ok || r.hash != hash || !now.Before(r.until) {
		return false
	}
	v.known[key] = remembered{hash, now.Add(rememberTime)}
	return true
}

func (v *verifier) remember(token, hash string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	now := v.now()
	if len(v.known) >= maxRemembered {
		for s, r := range v.known {
			if !now.Before(r.until) {
				delete(v.known, s)
			}
		}
	}
	if len(v.known) < maxRemembered { // else it is verified again next time
		v.known[v.sum(token)] = remembered{hash, now.Add(rememberTime)}
	}
}

func (v *verifier) sum(token string) (out sum) {
	h := hmac.New(sha256.New, v.key)
	h.Write([]byte(token))
	h.Sum(out[:0])
	return out
}
