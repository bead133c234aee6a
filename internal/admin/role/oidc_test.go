package role

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/prometheus/client_golang/prometheus"
)

// fakeIssuer is an issuer whose answers a test changes.
type fakeIssuer struct {
	*httptest.Server
	key               *rsa.PrivateKey
	discovery, keySet http.HandlerFunc
}

func newFakeIssuer(t *testing.T) *fakeIssuer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	i := &fakeIssuer{key: key}
	i.discovery = func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": i.URL, "jwks_uri": i.URL + "/keys"})
	}
	i.keySet = func(w http.ResponseWriter, _ *http.Request) { i.serveKeys(w, i.key.Public()) }
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) { i.discovery(w, r) })
	mux.HandleFunc("/keys", func(w http.ResponseWriter, r *http.Request) { i.keySet(w, r) })
	i.Server = httptest.NewTLSServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *fakeIssuer) serveKeys(w http.ResponseWriter, keys ...any) {
	var set jose.JSONWebKeySet
	for _, k := range keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: k, KeyID: "1"})
	}
	_ = json.NewEncoder(w).Encode(set)
}

func (i *fakeIssuer) authorities() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Certificate().Raw})
}

func (i *fakeIssuer) provider() *provider {
	p := newProvider()
	p.issuer, p.audience, p.granted = i.URL, "portreeve", []granted{{"groups", "watchers", Viewer}, {"groups", "keepers", Operator}, {"role", "keeper", Operator}}
	return p
}

func (i *fakeIssuer) claims() map[string]any {
	return map[string]any{"iss": i.URL, "aud": "portreeve", "exp": time.Now().Add(time.Hour).Unix(), "groups": []string{"watchers"}}
}

// sign signs claims.
func sign(t *testing.T, algorithm jose.SignatureAlgorithm, key any, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, nil)
	must(t, err)
	payload, err := json.Marshal(claims)
	must(t, err)
	signed, err := signer.Sign(payload)
	must(t, err)
	token, err := signed.CompactSerialize()
	must(t, err)
	return token
}

// TestOnlyTokensOfTheIssuerCount holds what a token must be, and what it may then.
func TestOnlyTokensOfTheIssuerCount(t *testing.T) {
	i := newFakeIssuer(t)
	p := i.provider()
	must(t, p.fetch(t.Context(), i.authorities()))
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	public, err := x509.MarshalPKIXPublicKey(i.key.Public())
	must(t, err)
	with := func(change func(map[string]any)) string {
		c := i.claims()
		change(c)
		return sign(t, jose.RS256, i.key, c)
	}
	set := func(name string, value any) string { return with(func(c map[string]any) { c[name] = value }) }
	payload, err := json.Marshal(i.claims())
	must(t, err)
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload) + "."
	good := with(func(map[string]any) {})
	for name, c := range map[string]struct {
		token  string
		reason Reason
		role   Role
	}{
		"good":                        {good, "", Viewer},
		"of the highest of its roles": {set("groups", []string{"watchers", "keepers"}), "", Operator},
		"a claim that is a text":      {with(func(c map[string]any) { c["groups"], c["role"] = nil, "keeper" }), "", Operator},
		"of no role":                  {set("groups", []string{"others"}), "", Nobody},
		"a claim that is an object":   {set("groups", map[string]string{"watchers": "watchers"}), "", Nobody},
		"part of a name":              {set("groups", "watchers keepers"), "", Nobody},
		"several audiences":           {set("aud", []string{"others", "portreeve"}), "", Viewer},
		"PS256":                       {sign(t, jose.PS256, i.key, i.claims()), "", Viewer},
		"expired":                     {set("exp", time.Now().Add(-time.Second).Unix()), ExpiredToken, 0},
		"without an end":              {with(func(c map[string]any) { delete(c, "exp") }), ExpiredToken, 0},
		"not yet":                     {set("nbf", time.Now().Add(time.Hour).Unix()), BadToken, 0},
		"another audience":            {set("aud", "others"), BadToken, 0},
		"no audience":                 {with(func(c map[string]any) { delete(c, "aud") }), BadToken, 0},
		"another issuer":              {set("iss", "https://issuer.example"), BadToken, 0},
		"the issuer with a slash":     {set("iss", i.URL+"/"), BadToken, 0},
		"another key":                 {sign(t, jose.RS256, other, i.claims()), BadToken, 0},
		"HS256 with the public key":   {sign(t, jose.HS256, public, i.claims()), BadToken, 0},
		"HS256 with it as PEM":        {sign(t, jose.HS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}), i.claims()), BadToken, 0},
		"unsigned":                    {unsigned, BadToken, 0},
		"changed":                     {strings.Replace(good, ".", ".e30", 1), BadToken, 0},
		"rubbish":                     {"a.b.c", BadToken, 0},
	} {
		caller, refusal := p.verify(t.Context(), c.token, time.Now)
		switch {
		case refusal == nil && (c.reason != "" || caller.Role != c.role):
			t.Errorf("%s: %v, want %v %s", name, caller.Role, c.role, c.reason)
		case refusal != nil && (refusal.Reason != c.reason || caller.Role != Nobody):
			t.Errorf("%s: refused as %s, want %q", name, refusal.Reason, c.reason)
		}
	}
	if _, refusal := p.verify(t.Context(), good, func() time.Time { return time.Now().Add(2 * time.Hour) }); refusal == nil || refusal.Reason != ExpiredToken {
		t.Errorf("two hours later: %+v", refusal)
	}
}

// TestWhatAnIssuerAnswersIsBounded holds that what is wrong, too much, elsewhere or in plain text is an error, and takes no key away.
func TestWhatAnIssuerAnswersIsBounded(t *testing.T) {
	text := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
	}
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	must(t, err)
	open := newFakeIssuer(t)
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { open.serveKeys(w, open.key.Public()) }))
	t.Cleanup(plain.Close)
	for name, change := range map[string]func(*fakeIssuer){
		"discovery without end": func(i *fakeIssuer) {
			i.discovery = text(`{"issuer": "` + i.URL + `", "jwks_uri": "` + i.URL + `/keys"` + strings.Repeat(" ", 2*maxIssuer) + `}`)
		},
		"no discovery": func(i *fakeIssuer) { i.discovery = http.NotFound },
		"another issuer": func(i *fakeIssuer) {
			i.discovery = text(`{"issuer": "https://issuer.example", "jwks_uri": "` + i.URL + `/keys"}`)
		},
		"keys in plain text": func(i *fakeIssuer) {
			i.discovery = text(`{"issuer": "` + i.URL + `", "jwks_uri": "` + plain.URL + `"}`)
		},
		"a redirect": func(i *fakeIssuer) { i.discovery = http.RedirectHandler("/keys", http.StatusFound).ServeHTTP },
		"keys without end": func(i *fakeIssuer) {
			i.keySet = func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprint(w, strings.Repeat(" ", 2*maxIssuer))
				i.serveKeys(w, i.key.Public())
			}
		},
		"too many keys": func(i *fakeIssuer) { i.keySet = text(`{"keys": [` + strings.Repeat("{},", maxKeys) + `{}]}`) },
		"no keys":       func(i *fakeIssuer) { i.keySet = text(`{"keys": []}`) },
		"a symmetric key": func(i *fakeIssuer) {
			i.keySet = text(`{"keys": [{"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"}]}`)
		},
		"a weak key": func(i *fakeIssuer) {
			i.keySet = func(w http.ResponseWriter, _ *http.Request) { i.serveKeys(w, weak.Public()) }
		},
		"an error": func(i *fakeIssuer) {
			i.keySet = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := newFakeIssuer(t)
			p := i.provider()
			must(t, p.fetch(t.Context(), i.authorities()))
			change(i)
			if err := p.fetch(t.Context(), i.authorities()); err == nil {
				t.Error("it is taken")
			}
			if _, refusal := p.verify(t.Context(), sign(t, jose.RS256, i.key, i.claims()), time.Now); refusal != nil {
				t.Errorf("what was known is not any more: %+v", refusal)
			}
		})
	}
	i := newFakeIssuer(t)
	if err := i.provider().fetch(t.Context(), nil); err == nil {
		t.Error("an authority that is not trusted is")
	}
}

// TestARotationOfTheIssuerIsTaken holds that a token under a key that is not known asks for the keys to be fetched.
func TestARotationOfTheIssuerIsTaken(t *testing.T) {
	i := newFakeIssuer(t)
	p := i.provider()
	must(t, p.fetch(t.Context(), i.authorities()))
	before := sign(t, jose.RS256, i.key, i.claims())
	next, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	i.key = next
	after := sign(t, jose.RS256, i.key, i.claims())
	if _, refusal := p.verify(t.Context(), after, time.Now); refusal == nil {
		t.Error("a key that nobody has fetched counts")
	}
	select {
	case <-p.stale:
	default:
		t.Error("nobody is asked for keys")
	}
	must(t, p.fetch(t.Context(), i.authorities()))
	if _, refusal := p.verify(t.Context(), after, time.Now); refusal != nil {
		t.Errorf("the new one: %+v", refusal)
	}
	if _, refusal := p.verify(t.Context(), before, time.Now); refusal == nil {
		t.Error("a key that is taken away counts")
	}
}

// TestADeadIssuerHoldsNobody holds that as long as an issuer does not answer its tokens are refused at once, others count, and that
// asking it does not hold up the end.
func TestADeadIssuerHoldsNobody(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0") // it takes connections, and says nothing
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	token, err := NewToken("one")
	must(t, err)
	server := newFakeIssuer(t)
	key, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	must(t, err)
	files := map[string][]byte{
		"crt": server.authorities(), "key": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}),
		"roles": []byte(fmt.Sprintf("tokens: [{name: one, role: viewer, hash: %q}]\noidc: {issuer: %q, audience: a, roles: []}\n", token.Hash, "https://"+l.Addr().String())),
	}
	g, err := New(Options{
		Files: Files{Certificate: "crt", Key: "key", Roles: "roles"}, Read: func(name string) ([]byte, error) { return files[name], nil },
		Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(), Now: time.Now,
	})
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- g.Run(ctx) }()
	asked, err := l.Accept()
	must(t, err)
	defer func() { _ = asked.Close() }()
	for shown, want := range map[string]Reason{"a.b.c": NoKeys, token.String(): "", "two parts": BadToken} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://127.0.0.1/", http.NoBody)
		r.Header.Set("Authorization", "Bearer "+shown)
		if _, refusal := g.Identify(r); refusal == nil && want != "" || refusal != nil && refusal.Reason != want {
			t.Errorf("%s: %+v, want %q", want, refusal, want)
		}
	}
	cancel()
	select {
	case err := <-ended:
		must(t, err)
	case <-time.After(bound):
		t.Error("it does not end")
	}
}

// TestNothingCountsInPlainText holds that a right token proves nothing where others can read it.
func TestNothingCountsInPlainText(t *testing.T) {
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1/", http.NoBody)
	r.Header.Set("Authorization", "Bearer a.b")
	if caller, refusal := new(Guard).Identify(r); refusal == nil || caller.Role != Nobody {
		t.Errorf("it is %+v", caller)
	}
}
