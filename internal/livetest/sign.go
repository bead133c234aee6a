package livetest

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"

	jose "github.com/go-jose/go-jose/v4"
)

// Keys are the private keys of test issuers, by their names.
type Keys map[string]jose.JSONWebKey

// ParseKey reads a private key, PEM or JWK. The error says nothing of what is in it.
func ParseKey(content []byte) (jose.JSONWebKey, error) {
	var key jose.JSONWebKey
	if block, _ := pem.Decode(content); block != nil {
		parsed, err := parsePEM(block.Bytes)
		if err != nil {
			return key, err
		}
		key.Key = parsed
	} else if json.Unmarshal(content, &key) != nil {
		return jose.JSONWebKey{}, errors.New("it is neither PEM nor a JWK")
	}
	if key.Algorithm == "" {
		key.Algorithm = string(algorithm(key.Key))
	}
	if key.Algorithm == "" || key.IsPublic() {
		return jose.JSONWebKey{}, errors.New("it is not a private key that signs tokens: RSA, elliptic curve, Ed25519, or oct")
	}
	return key, nil
}

func parsePEM(content []byte) (any, error) {
	if key, err := x509.ParsePKCS8PrivateKey(content); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(content); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(content); err == nil {
		return key, nil
	}
	return nil, errors.New("the PEM block is no private key")
}

func algorithm(key any) jose.SignatureAlgorithm {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return jose.RS256
	case *ecdsa.PrivateKey:
		return map[int]jose.SignatureAlgorithm{256: jose.ES256, 384: jose.ES384, 521: jose.ES512}[k.Params().BitSize]
	case ed25519.PrivateKey:
		return jose.EdDSA
	case []byte:
		return jose.HS256
	}
	return ""
}

// Sign signs a payload as an issuer.
func (k Keys) Sign(issuer string, payload []byte) (string, error) {
	key, ok := k[issuer]
	if !ok {
		return "", fmt.Errorf("there is no key of the issuer %s: give --issuer-key %s=FILE", issuer, issuer)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", fmt.Errorf("sign as %s: %w", issuer, err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("sign as %s: %w", issuer, err)
	}
	return signed.CompactSerialize()
}
