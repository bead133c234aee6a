package main

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/portreeve/portreeve/translate/source"
)

// signer makes tokens of any number of issuers, which share a key.
type signer struct {
	signer jose.Signer
	keys   string
}

func newSigner() (*signer, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, (&jose.SignerOptions{}).WithHeader("kid", "bench"))
	if err != nil {
		return nil, fmt.Errorf("make a signer: %w", err)
	}
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "bench", Algorithm: "RS256", Use: "sig"}}})
	if err != nil {
		return nil, fmt.Errorf("write the keys: %w", err)
	}
	return &signer{s, string(keys)}, nil
}

// issuer is who signs.
const issuer = "https://issuer.example.com"

// token returns a token.
func (s *signer) token() (string, error) {
	claims, err := json.Marshal(map[string]any{
		"iss": issuer, "sub": "somebody", "groups": []string{"readers"}, "exp": time.Now().Add(24 * time.Hour).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed, err := s.signer.Sign(claims)
	if err != nil {
		return "", fmt.Errorf("sign: %w", err)
	}
	return signed.CompactSerialize()
}

// verifying is a RequestAuthentication of a number of issuers, of which the one that signs is the last: they are
// tried in the order of their names.
func (s *signer) verifying(issuers int) source.File {
	var b strings.Builder
	b.WriteString(`apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  jwtRules:
`)
	for i := range issuers - 1 {
		fmt.Fprintf(&b, "  - {issuer: %q, jwks: %q}\n", fmt.Sprintf("https://another-%d.example.com", i), s.keys)
	}
	fmt.Fprintf(&b, "  - {issuer: %q, jwks: %q}\n", issuer, s.keys)
	return source.File{Path: "tokens.yaml", Content: []byte(b.String())}
}
