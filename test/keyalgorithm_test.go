package test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"net/http/httptest"
	"testing"

	jose "github.com/go-jose/go-jose/v4"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestEnvoyVerifiesWithEveryAlgorithm holds for keys that an issuer publishes, all in one set: Envoy
// takes each, and verifies with each. The secret that stands among them verifies nothing.
func TestEnvoyVerifiesWithEveryAlgorithm(t *testing.T) {
	envoytest.Require(t)
	keys := map[jose.SignatureAlgorithm]signingKey{}
	generated, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	for _, algorithm := range []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512} {
		keys[algorithm] = signingKeyFor(t, algorithm, generated, string(algorithm))
	}
	for algorithm, curve := range map[jose.SignatureAlgorithm]elliptic.Curve{jose.ES256: elliptic.P256(), jose.ES384: elliptic.P384(), jose.ES512: elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		must(t, err)
		keys[algorithm] = signingKeyFor(t, algorithm, key, string(algorithm))
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	keys[jose.EdDSA] = signingKeyFor(t, jose.EdDSA, edwards, string(jose.EdDSA))
	secret := signingKeyFor(t, jose.HS256, []byte("a secret of at least 32 bytes, published"), "secret")

	published := []signingKey{secret}
	for _, key := range keys {
		published = append(published, key)
	}
	i := newIssuer(t, (*httptest.Server).Start)
	i.publishes(t, published...)
	s := newKeyScene(t, i)
	eventually(t, "the keys are there", func() bool { return s.verdict(t, keys[jose.RS256]) == 200 })
	for algorithm, key := range keys {
		if got := s.verdict(t, key); got != 200 {
			t.Errorf("%s: %d, want 200", algorithm, got)
		}
	}
	if got := s.verdict(t, secret); got != 401 {
		t.Errorf("a published secret: %d, want 401", got)
	}
}
