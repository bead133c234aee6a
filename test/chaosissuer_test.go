package test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// chaosIssuer is an issuer that rotates its keys, and may answer badly, or never. It is safe for concurrent use.
type chaosIssuer struct {
	*issuer
	oracle *chaosOracle
	mu     sync.Mutex
	// keys are published; stranger never is.
	keys     []signingKey
	last     signingKey // the one that was taken away last
	stranger signingKey
	tokens   []chaosToken
	// ever are the names of all keys that were published.
	ever map[string]bool
	// over ends what hangs.
	over chan struct{}
}

func newChaosIssuer(t *testing.T) *chaosIssuer {
	t.Helper()
	i := &chaosIssuer{issuer: newIssuer(t, (*httptest.Server).Start), keys: []signingKey{newSigningKey(t)}, stranger: newSigningKey(t), over: make(chan struct{}), ever: map[string]bool{}}
	t.Cleanup(func() { close(i.over) }) // before the server is closed, which waits for what it answers
	i.publish(t)
	return i
}

// names are those of the keys that are published, ordered.
func (i *chaosIssuer) names() (out []string) {
	for _, k := range i.keys {
		out = append(out, k.private.KeyID)
	}
	slices.Sort(out)
	return out
}

// publish answers with the keys, and makes the tokens of clients.
func (i *chaosIssuer) publish(t testing.TB) {
	t.Helper()
	newest := i.keys[len(i.keys)-1]
	tokens := []chaosToken{
		{}, {name: "forged", text: i.stranger.as(t, newest).token(t, chaosIssuerName, nil)},
		{name: "expired", text: newest.token(t, chaosIssuerName, map[string]any{"exp": time.Now().Add(-time.Hour).Unix()})},
	}
	for n, k := range append(i.retired(), i.keys...) {
		for _, role := range []string{"reader", "writer"} {
			tokens = append(tokens, chaosToken{fmt.Sprintf("%s of key %d of %d", role, n, len(i.keys)), k.token(t, chaosIssuerName, map[string]any{"role": role}), k.private.KeyID, role})
		}
	}
	i.mu.Lock()
	i.tokens = tokens
	for _, name := range i.names() {
		i.ever[name] = true
	}
	i.mu.Unlock()
	i.answers(t)
}

// answers makes the issuer answer with its keys.
func (i *chaosIssuer) answers(t testing.TB) {
	t.Helper()
	set := keySet(t, i.keys...)
	i.does(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, set)
	})
}

// retired is the key that went last, whose tokens are still about.
func (i *chaosIssuer) retired() []signingKey {
	if len(i.keys) == 1 && i.last.signer != nil {
		return []signingKey{i.last}
	}
	return nil
}

// rotate publishes a new key beside the old one, and the next time takes the old one away.
func (i *chaosIssuer) rotate(t testing.TB) string {
	t.Helper()
	if len(i.keys) == 1 {
		i.keys = append(i.keys, newSigningKey(t))
	} else {
		i.last, i.keys = i.keys[0], i.keys[1:]
	}
	i.oracle.expectsKeys(i.names()...)
	i.publish(t)
	return fmt.Sprint(i.names())
}

// fail makes the issuer answer as issuers do that are not well.
func (i *chaosIssuer) fail(pick uint64) string {
	name := []string{"hangs", "500", "garbage", "a page", "no keys", "half"}[pick%6]
	i.does(func(w http.ResponseWriter, r *http.Request) {
		switch name {
		case "hangs":
			select {
			case <-r.Context().Done():
			case <-i.over:
			}
		case "500":
			w.WriteHeader(http.StatusInternalServerError)
		case "garbage":
			_, _ = io.WriteString(w, "\x00\x01\x02{{{")
		case "a page":
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html><body>Come back later.</body></html>")
		case "no keys":
			_, _ = io.WriteString(w, `{"error":"none"}`)
		default:
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"keys":[`)
		}
	})
	return name
}

// all are the tokens that clients have now.
func (i *chaosIssuer) all() []chaosToken {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.tokens
}

// kept reports whether exactly these keys are on disk below a state directory.
func (i *chaosIssuer) kept(state string) bool {
	files, _ := filepath.Glob(filepath.Join(state, "jwks", "*"))
	var all strings.Builder
	for _, path := range files {
		content, _ := os.ReadFile(path)
		all.Write(content)
	}
	for _, name := range i.names() {
		if !strings.Contains(all.String(), name) {
			return false
		}
	}
	return i.last.signer == nil || len(i.keys) > 1 || !strings.Contains(all.String(), i.last.private.KeyID)
}
