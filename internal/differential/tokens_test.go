package differential

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// issuers are those of tokens. The last two nobody ever takes tokens of.
func issuers() []string {
	return []string{"https://one.example", "two@example.org", "https://three.example/", "four.example"}
}

// keys signs tokens: each issuer has a key of its own kind.
type keys struct {
	private map[string]jose.JSONWebKey
	now     time.Time
}

func newKeys(t testing.TB) *keys {
	t.Helper()
	out := &keys{private: map[string]jose.JSONWebKey{}, now: time.Now()}
	for _, forged := range []string{"", "forged "} {
		one, err := rsa.GenerateKey(rand.Reader, 2048)
		must(t, err)
		two, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		_, three, err := ed25519.GenerateKey(rand.Reader)
		must(t, err)
		four, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
		must(t, err)
		for i, k := range []crypto.Signer{one, two, three, four} {
			algorithm := []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA, jose.ES384}[i]
			out.private[forged+issuers()[i]] = jose.JSONWebKey{Key: k, KeyID: []string{"one", "two", "three", ""}[i], Algorithm: string(algorithm), Use: "sig"}
		}
	}
	return out
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// public returns the key set of an issuer.
func (k *keys) public(issuer string) string {
	key := k.private[issuer]
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}})
	if err != nil {
		panic(err)
	}
	return string(set)
}

// sign returns a token in its compact form.
func (k *keys) sign(by string, claims object) string {
	key := k.private[by]
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		panic(err)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		panic(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		panic(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return out
}

// token makes a token, mostly a good one of an issuer that the policies take.
func (g *generator) token() string {
	switch g.IntN(16) {
	case 0:
		return g.pick("opaque", "a.b.c", "", "a.b", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL29uZS5leGFtcGxlIn0.", "a..c")
	case 1:
		return damaged(g, g.signed())
	default:
		return g.signed()
	}
}

func damaged(g *generator, token string) string {
	parts := strings.Split(token, ".")
	switch g.IntN(4) {
	case 0:
		return parts[0] + "." + parts[1] + "."
	case 1:
		return token[:len(token)-2]
	case 2:
		return token + "="
	default:
		return parts[0] + "." + parts[1] + "x." + parts[2]
	}
}

// signed is one of a few tokens, since signing takes longer than all else.
func (g *generator) signed() string {
	if len(g.signatures) < 15 || g.in(30) {
		g.signatures = append(g.signatures, g.freshlySigned())
	}
	return g.signatures[g.IntN(len(g.signatures))]
}

func (g *generator) freshlySigned() string {
	issuer := g.pick(issuers()...)
	if known := g.seen["token-issuer"]; len(known) > 0 && !g.in(6) {
		issuer = known[g.IntN(len(known))]
	}
	by := issuer
	switch g.IntN(20) {
	case 0:
		by = "forged " + issuer
	case 1:
		by = g.pick(issuers()...)
	}
	return g.keys.sign(by, g.claims(issuer))
}

func (g *generator) claims(issuer string) object {
	out := object{"iss": issuer}
	set := func(in int, name string, value any) {
		if !g.in(in) {
			out[name] = value
		}
	}
	set(8, "sub", g.around("subject"))
	set(3, "aud", g.listOr("shop", "other", "shop/", "https://shop.example", "shop.example"))
	set(2, "azp", g.around("presenter"))
	set(3, "role", g.claim())
	set(3, "groups", []any{g.around("claim"), g.around("claim")})
	set(3, "org", object{"team": g.claim()})
	set(2, "a.b", g.claim())
	set(3, "scope", g.pick("read", "read write", "write", "", "write  read"))
	set(2, "level", []any{g.IntN(8), strconv.Itoa(g.IntN(8)), 1.5}[g.IntN(3)]) // what prints alike may be another type
	set(2, "active", g.in(2))
	set(3, "roles", g.listOr("admin", "user", "admin user"))
	g.times(out)
	return out
}

// claim is a value of any type, a text mostly.
func (g *generator) claim() any {
	switch g.IntN(9) {
	case 0:
		return []any{g.around("claim")}
	case 1:
		return []any{7, true, nil, 1.5, object{"a": "admin"}}[g.IntN(5)]
	case 2:
		return []any{}
	default:
		return g.around("claim")
	}
}

func (g *generator) listOr(values ...string) any {
	if g.in(2) {
		return g.pick(values...)
	}
	return g.some(2, values...)
}

// times dates a token, near the 60 s by which clocks may differ, but never so near that the time that a
// test takes decides.
func (g *generator) times(claims object) {
	now := g.keys.now.Unix()
	switch g.IntN(12) {
	case 0:
		claims["exp"] = now - 3
	case 1:
		claims["exp"] = now - 70
	case 2:
		claims["nbf"] = now + 10
	case 3:
		claims["nbf"] = now + 3600
	case 4: // without an end
	default:
		claims["exp"] = now + 3600
	}
}
