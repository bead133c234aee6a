package verdicttest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// Keys signs tokens. Each key has two forms that only differ in the private half: the one whose
// public half is ${jwks.KEY}, and, under the name "forged-KEY", one that claims the same id.
type Keys struct {
	private map[string]jose.JSONWebKey
	now     time.Time
}

// NewKeys makes the keys "one" (RSA) and "two" (elliptic curve), which exist nowhere else.
func NewKeys() (*Keys, error) {
	out := &Keys{private: map[string]jose.JSONWebKey{}, now: time.Now()}
	for _, prefix := range []string{"", "forged-"} {
		one, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return nil, fmt.Errorf("make a key: %w", err)
		}
		two, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return nil, fmt.Errorf("make a key: %w", err)
		}
		out.add(prefix, "one", jose.RS256, one)
		out.add(prefix, "two", jose.ES256, two)
	}
	return out, nil
}

func (k *Keys) add(prefix, id string, algorithm jose.SignatureAlgorithm, key crypto.Signer) {
	k.private[prefix+id] = jose.JSONWebKey{Key: key, KeyID: id, Algorithm: string(algorithm), Use: "sig"}
}

// Fill replaces every ${jwks.KEY} in a policy by the public key set.
func (k *Keys) Fill(policy string) (string, error) {
	for name, key := range k.private {
		set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}})
		if err != nil {
			return "", fmt.Errorf("write a key set: %w", err)
		}
		policy = strings.ReplaceAll(policy, "${jwks."+name+"}", string(set))
	}
	return policy, nil
}

// token returns the token in its compact form; none is the empty text.
func (k *Keys) token(t *Token) (string, error) {
	if t == nil || t.Raw != "" {
		return t.raw(), nil
	}
	key, ok := k.private[t.Key]
	if !ok {
		return "", fmt.Errorf("sign a token: there is no key %q", t.Key)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	payload, err := json.Marshal(t.payload(k.now))
	if err != nil {
		return "", fmt.Errorf("write a token: %w", err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign a token: %w", err)
	}
	return signed.CompactSerialize()
}

func (t *Token) raw() string {
	if t == nil {
		return ""
	}
	return t.Raw
}

func (t *Token) payload(now time.Time) map[string]any {
	claims := maps.Clone(t.Claims)
	if t.Expires != 0 {
		claims["exp"] = now.Add(t.Expires).Unix()
	}
	if t.NotBefore != 0 {
		claims["nbf"] = now.Add(t.NotBefore).Unix()
	}
	return claims
}
