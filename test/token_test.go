package test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// signingKey is a key of an issuer of tokens.
type signingKey struct {
	private jose.JSONWebKey
	signer  jose.Signer
}

func newSigningKey(t testing.TB) signingKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return signingKeyOf(t, key, rand.Text())
}

func signingKeyOf(t testing.TB, key any, name string) signingKey {
	t.Helper()
	return signingKeyFor(t, jose.ES256, key, name)
}

// signingKeyFor is a key that signs with an algorithm.
func signingKeyFor(t testing.TB, algorithm jose.SignatureAlgorithm, key any, name string) signingKey {
	t.Helper()
	private := jose.JSONWebKey{Key: key, KeyID: name, Algorithm: string(algorithm), Use: "sig"}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: private}, (&jose.SignerOptions{}).WithType("JWT"))
	must(t, err)
	return signingKey{private, signer}
}

// token signs a token of an issuer that is valid for an hour, with further claims.
func (k signingKey) token(t testing.TB, issuer string, claims map[string]any) string {
	t.Helper()
	payload := map[string]any{"iss": issuer, "sub": "somebody", "exp": time.Now().Add(time.Hour).Unix()}
	maps.Copy(payload, claims)
	text, err := json.Marshal(payload)
	must(t, err)
	signed, err := k.signer.Sign(text)
	must(t, err)
	token, err := signed.CompactSerialize()
	must(t, err)
	return token
}

// keySet is the public halves of keys, as an issuer publishes them; a secret, which has no
// halves, is published by mistake.
func keySet(t testing.TB, keys ...signingKey) string {
	t.Helper()
	var set jose.JSONWebKeySet
	for _, k := range keys {
		public := k.private.Public()
		if !public.Valid() {
			public = k.private
		}
		set.Keys = append(set.Keys, public)
	}
	text, err := json.Marshal(set)
	must(t, err)
	return string(text)
}

// as returns the key under the name of another one.
func (k signingKey) as(t testing.TB, other signingKey) signingKey {
	t.Helper()
	return signingKeyOf(t, k.private.Key, other.private.KeyID)
}

// bearer is the header that carries a token.
func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }
