package livetest_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/livetest"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policytest"
	"github.com/portreeve/portreeve/translate/source"
)

// standIn answers as a gateway does: itself below /denied, for a backend below /backend, and never below /slow.
func standIn(t *testing.T) *httptest.Server {
	t.Helper()
	ended := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasPrefix(r.URL.Path, "/denied"):
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, "RBAC: access denied")
		case strings.HasPrefix(r.URL.Path, "/redirected"):
			w.Header().Set("location", "/")
			w.WriteHeader(http.StatusMovedPermanently)
		case strings.HasPrefix(r.URL.Path, "/slow"):
			<-ended
		case strings.HasPrefix(r.URL.Path, "/large"):
			for range 64 {
				fmt.Fprint(w, strings.Repeat("x", 1<<16))
			}
		default:
			w.Header().Set("x-envoy-upstream-service-time", "1")
			fmt.Fprintf(w, "%s %s %s", r.Method, r.Host, r.Header.Get("x-a"))
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(ended) })
	return s
}

// gateway is where a stand-in is.
func gateway(t *testing.T, s *httptest.Server) livetest.Gateway {
	t.Helper()
	scheme, address, err := livetest.ParseAddress(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return livetest.Gateway{Addresses: map[string]string{scheme: address}, Patience: 10 * time.Second}
}

// testOf makes a PolicyTest of one request ready.
func testOf(t *testing.T, request, expect string) policytest.Test {
	t.Helper()
	program := translate.Compile([]source.File{{Path: "t.yaml", Content: []byte("apiVersion: portreeve.dev/v1alpha1\nkind: PolicyTest\nmetadata: {name: t}\nspec: {tests: [{name: a, request: " + request + ", expect: " + expect + "}]}\n")}}, model.DefaultSettings())
	if program.Diags.HasErrors() {
		t.Fatal(program.Diags)
	}
	return policytest.Of(program.Tests(), policytest.Making{})[0]
}

// TestAnswersAreCompared holds what of an answer is held against an expectation, and what is said not to be.
func TestAnswersAreCompared(t *testing.T) {
	g := gateway(t, standIn(t))
	for name, c := range map[string]struct {
		request, expect string
		faults, unseen  []string
	}{
		"allowed":              {`{url: http://a.example/backend}`, `{verdict: allowed, destination: b, rule: p, headers: {x: y}}`, nil, []string{"rule", "destination", "headers"}},
		"as it is written":     {`{method: PUT, url: http://a.example:80/backend, headers: {x-a: "1"}}`, `{body: "PUT a.example:80 1"}`, nil, nil},
		"denied":               {`{url: http://a.example/denied}`, `{verdict: denied, status: 403, body: "RBAC: access denied"}`, nil, nil},
		"not denied":           {`{url: http://a.example/backend}`, `{verdict: denied}`, []string{"verdict: expected denied, got status 200 of a backend"}, nil},
		"not allowed":          {`{url: http://a.example/denied}`, `{verdict: allowed}`, []string{`verdict: expected allowed, got status 403 of the gateway itself, "RBAC: access denied"`}, nil},
		"another status":       {`{url: http://a.example/denied}`, `{status: 401}`, []string{"status: expected 401, got 403"}, nil},
		"answered":             {`{url: http://a.example/redirected}`, `{verdict: answered, responseHeaders: {location: /}}`, nil, nil},
		"answered, not denied": {`{url: http://a.example/redirected}`, `{verdict: denied}`, []string{`verdict: expected denied, got status 301 of the gateway itself, ""`}, nil},
		"not sent":             {`{url: https://a.example/}`, `{verdict: denied}`, nil, []string{"it was not sent: --against gives no address for https"}},
		"a closed port":        {`{url: "http://a.example:81/"}`, `{verdict: closed}`, nil, []string{"it was not sent: which ports are closed is not asked"}},
		"no token is shown":    {`{url: http://a.example/backend, headers: {x-a: eyJhbGciOiJSUzI1NiJ9.e30.AA}}`, `{body: ok}`, []string{`body: expected "ok", got "GET a.example … and what looks like a token"`}, nil},
		"a connection":         {`{url: "tcp://:80"}`, `{verdict: closed}`, nil, []string{"it was not sent: it is a connection without a request"}},
		"an authorizer":        {`{url: http://a.example/backend, assume: {opa: allow}}`, `{verdict: allowed}`, nil, []string{"the authorizer was asked, and not assumed"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := g.Run(t.Context(), testOf(t, c.request, c.expect))[0]
			if d := cmp.Diff(c.faults, r.Faults); d != "" {
				t.Errorf("faults (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.unseen, r.NotCompared); d != "" {
				t.Errorf("not compared (-want +got):\n%s", d)
			}
		})
	}
}

// TestAGatewayIsNotWaitedFor holds the bounds of an answer: how long it takes, and how much of it is read.
func TestAGatewayIsNotWaitedFor(t *testing.T) {
	g := gateway(t, standIn(t))
	if r := g.Run(t.Context(), testOf(t, `{url: http://a.example/large}`, `{verdict: answered}`))[0]; len(r.Faults) > 0 || len(r.Answer.Body) != 1<<20 {
		t.Errorf("%d bytes are read, %v", len(r.Answer.Body), r.Faults)
	}
	g.Patience = 100 * time.Millisecond
	if r := g.Run(t.Context(), testOf(t, `{url: http://a.example/slow}`, `{verdict: allowed}`))[0]; len(r.Faults) != 1 || !strings.Contains(r.Faults[0], "no answer within 100ms") {
		t.Errorf("a gateway that does not answer: %v", r.Faults)
	}
}

// TestKeys holds that keys are read as PEM and as JWK and sign what their public halves verify, and that what
// is no private key is refused without a word of it.
func TestKeys(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	must(t, err)
	jwk, err := jose.JSONWebKey{Key: key, KeyID: "k", Algorithm: "ES256"}.MarshalJSON()
	must(t, err)
	public, err := jose.JSONWebKey{Key: key.Public()}.MarshalJSON()
	must(t, err)
	for name, content := range map[string][]byte{"PEM": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), "JWK": jwk} {
		parsed, err := livetest.ParseKey(content)
		must(t, err)
		compact, err := livetest.Keys{"a": parsed}.Sign("a", []byte(`{"iss":"x"}`))
		must(t, err)
		signed, err := jose.ParseSignedCompact(compact, []jose.SignatureAlgorithm{jose.ES256})
		must(t, err)
		if payload, err := signed.Verify(key.Public()); err != nil || string(payload) != `{"iss":"x"}` {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, content := range map[string]string{"a public key": string(public), "text": "hunter2", "another block": "-----BEGIN PRIVATE KEY-----\naHVudGVyMg==\n-----END PRIVATE KEY-----\n"} {
		if _, err := livetest.ParseKey([]byte(content)); err == nil || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "aHVudGVyMg") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (livetest.Keys{}).Sign("a", nil); err == nil || !strings.Contains(err.Error(), "--issuer-key a=FILE") {
		t.Errorf("without the key: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
