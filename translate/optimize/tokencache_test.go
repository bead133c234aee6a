package optimize_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"

	"github.com/portreeve/portreeve/internal/envoytest"
)

const cacheHits = "http.http.jwt_authn.jwt_cache_hit"

func bearing(header, token string) string {
	return "GET / HTTP/1.1\r\nHost: a.example\r\n" + header + token + "\r\n\r\n"
}

// TestARememberedTokenIsStillJudged holds, on the real Envoy, what does not change for a token that is remembered: it
// ends when it expires, is good for its own provider alone, and what failed is judged anew.
func TestARememberedTokenIsStillJudged(t *testing.T) {
	p := policyOf(jwtRule("a", `"fromHeaders":[{"name":"x"}],"presence":"REQUIRED"`), jwtRule("b", `"fromHeaders":[{"name":"y"}]`))
	e := serving(t, map[string]proto.Message{"cached": optimized(t, p, 100, "token-cache")})
	a := &asker{address: e.MustListener(t, "cached")}
	// Envoy gives clocks 60 s.
	ending := minted("a", map[string]any{"iss": "a", "exp": time.Now().Unix() - 57})
	lasting := minted("a", map[string]any{"iss": "a"})
	for _, c := range []struct{ request, want string }{
		{bearing("x: ", ending), "200"}, {bearing("x: ", ending), "200"},
		{bearing("x: ", lasting), "200"}, {bearing("x: ", lasting), "200"},
		{bearing("x: ", lasting+"x"), "401"}, {bearing("x: ", lasting+"x"), "401"},
		{bearing("x: "+lasting+"\r\ny: ", lasting), "401"},
	} {
		if got := a.ask(t, c.request); !strings.HasPrefix(got, c.want) {
			t.Errorf("%q: %s, want %s", c.request, got, c.want)
		}
	}
	if hits := e.MustCounter(t, cacheHits); hits < 2 {
		t.Errorf("%d tokens were remembered: this test shows nothing", hits)
	}
	until(t, "the remembered token ends", func() bool { return strings.HasPrefix(a.ask(t, bearing("x: ", ending)), "401 Jwt is expired") })
	if got := a.ask(t, bearing("x: ", lasting)); !strings.HasPrefix(got, "200") {
		t.Errorf("the other token: %s", got)
	}
}

// TestLongTokensAreNotRemembered holds the bound on what one token takes.
func TestLongTokensAreNotRemembered(t *testing.T) {
	e := serving(t, map[string]proto.Message{"cached": optimized(t, policyOf(jwtRule("a", "")), 100, "token-cache")})
	a := &asker{address: e.MustListener(t, "cached")}
	for claim, want := range map[int]uint64{2900: 1, 3100: 0} {
		before := e.MustCounter(t, cacheHits)
		token := minted("a", map[string]any{"iss": "a", "more": strings.Repeat("x", claim)})
		for range 2 {
			if got := a.ask(t, bearing("Authorization: Bearer ", token)); !strings.HasPrefix(got, "200") {
				t.Errorf("%d bytes: %s", len(token), got)
			}
		}
		if hits := e.MustCounter(t, cacheHits) - before; hits != want {
			t.Errorf("%d bytes: remembered %d times, want %d", len(token), hits, want)
		}
	}
}

// TestKeysThatEnvoyFetchesAreWhyNothingIsRemembered shows what Envoy does where it fetches keys itself: a remembered token is
// accepted after its key is gone, one that is not is refused. So nothing is remembered there.
func TestKeysThatEnvoyFetchesAreWhyNothingIsRemembered(t *testing.T) {
	envoytest.Require(t)
	var keys atomic.Value
	keys.Store(keySet("a"))
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, keys.Load()) }))
	defer issuer.Close()
	plain := proto.CloneOf(tokenFilter(t, policyOf(jwtRule("a", ""))))
	plain.GetProviders()["origins-0"].JwksSourceSpecifier = &jwtauthnv3.JwtProvider_RemoteJwks{RemoteJwks: &jwtauthnv3.RemoteJwks{
		HttpUri:       &corev3.HttpUri{Uri: issuer.URL, HttpUpstreamType: &corev3.HttpUri_Cluster{Cluster: "issuer"}, Timeout: durationpb.New(time.Second)},
		CacheDuration: durationpb.New(time.Second), AsyncFetch: &jwtauthnv3.JwksAsyncFetch{},
	}}
	if c := rewritten(t, plain, "token-cache").GetProviders()["origins-0"].GetJwtCacheConfig(); c != nil {
		t.Errorf("tokens are remembered: %v", c)
	}
	remembering := proto.CloneOf(plain)
	remembering.GetProviders()["origins-0"].JwtCacheConfig = &jwtauthnv3.JwtCacheConfig{JwtCacheSize: 10}
	e := serving(t, map[string]proto.Message{"plain": plain, "remembering": remembering}, clusterTo("issuer", issuer.Listener.Addr().String()))
	request := bearing("Authorization: Bearer ", minted("a", map[string]any{"iss": "a"}))
	forgets, remembers := &asker{address: e.MustListener(t, "plain")}, &asker{address: e.MustListener(t, "remembering")}
	accepted := func(a *asker) func() bool { return func() bool { return strings.HasPrefix(a.ask(t, request), "200") } }
	until(t, "the keys are there", accepted(forgets))
	until(t, "the keys are there", accepted(remembers))
	keys.Store(keySet("b"))
	until(t, "the key is gone", func() bool { return !accepted(forgets)() })
	until(t, "it is gone for the other filter too", func() bool {
		other := minted("b", map[string]any{"iss": "a"})
		return strings.HasPrefix(remembers.ask(t, bearing("Authorization: Bearer ", other)), "200")
	})
	if !accepted(remembers)() {
		t.Error("Envoy forgets tokens when keys change: they may be remembered")
	}
}

// until polls until something holds, at most for 20 s.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			t.Fatalf("not within 20 s: %s", what)
		case <-ticker.C:
		}
	}
}
