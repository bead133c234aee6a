package token

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"math/big"
)

// verify looks for a key that verifies a token's signature, as Envoy does: of keys that name no
// algorithm it takes that of the token, and of the algorithm of an EC key or a secret only the hash.
func verify(t *jwt, keys []key) status {
	out := noMatchingKey
	for _, k := range keys {
		if t.kid != "" && k.kid != "" && k.kid != t.kid || k.alg != "" && k.alg != t.alg {
			continue
		}
		switch s := k.verify(t); s {
		case ok, signatureWrongLength:
			return s
		case unsureSignature:
			out = s
		default:
			if out == noMatchingKey {
				out = s
			}
		}
	}
	return out
}

func (k key) verify(t *jwt) status {
	good := false
	switch {
	case k.opaque:
		return unsureSignature
	case k.rsa != nil:
		good = verifyRSA(k.rsa, t)
	case k.ec != nil:
		good = verifyEC(k.ec, t)
	case k.ed != nil && len(t.signature) != ed25519.SignatureSize:
		return signatureWrongLength
	case k.ed != nil:
		good = ed25519.Verify(k.ed, []byte(t.signed), []byte(t.signature))
	default:
		mac := hmac.New(newHash(t.alg, "HS"), k.secret)
		mac.Write([]byte(t.signed))
		good = hmac.Equal(mac.Sum(nil), []byte(t.signature))
	}
	if good {
		return ok
	}
	return verificationFails
}

func verifyRSA(k *rsa.PublicKey, t *jwt) bool {
	family := t.alg[:2]
	hashed, digest := digestOf(t, family)
	switch family {
	case "RS":
		return rsa.VerifyPKCS1v15(k, hashed, digest, []byte(t.signature)) == nil
	case "PS":
		return rsa.VerifyPSS(k, hashed, digest, []byte(t.signature), &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}) == nil
	default:
		return false
	}
}

// verifyEC takes the halves of the signature for its two numbers, whatever its length.
func verifyEC(k *ecdsa.PublicKey, t *jwt) bool {
	_, digest := digestOf(t, "ES")
	half := len(t.signature) / 2
	r, s := new(big.Int).SetBytes([]byte(t.signature[:half])), new(big.Int).SetBytes([]byte(t.signature[half:2*half]))
	return ecdsa.Verify(k, digest, r, s)
}

func digestOf(t *jwt, family string) (crypto.Hash, []byte) {
	h := newHash(t.alg, family)()
	h.Write([]byte(t.signed))
	switch h.Size() {
	case sha512.Size384:
		return crypto.SHA384, h.Sum(nil)
	case sha512.Size:
		return crypto.SHA512, h.Sum(nil)
	default:
		return crypto.SHA256, h.Sum(nil)
	}
}

// newHash is the hash of an algorithm that a key of a family verifies with: where the token names an
// algorithm of another family, SHA-256.
func newHash(alg, family string) func() hash.Hash {
	switch alg {
	case family + "384":
		return sha512.New384
	case family + "512":
		return sha512.New
	default:
		return sha256.New
	}
}
