package test

import (
	"bytes"
	"crypto/ecdsa"
	"math/big"
	"testing"
)

// ecMutations are signatures of elliptic curves whose numbers are at the edges of what they may be, or beyond,
// and one by the public key in place of a secret.
func ecMutations(t *testing.T, k tokenKeys, issuer string) map[string]string {
	t.Helper()
	key, _ := k["ES256"].(*ecdsa.PrivateKey)
	order, one := key.Params().N, big.NewInt(1)
	signed := b64(headerOf("ES256")) + "." + b64(payloadOf(issuer))
	good := k.signature(t, "ES256", signed)
	r, s := new(big.Int).SetBytes(good[:32]), new(big.Int).SetBytes(good[32:])
	sum := func(a, b *big.Int) *big.Int { return new(big.Int).Add(a, b) }
	out := map[string]string{}
	token := func(name string, r, s *big.Int, size int) {
		out["ES256: "+name] = signed + "." + b64(string(append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)))
	}
	edges := map[string]*big.Int{"zero": {}, "one": one, "n - 1": new(big.Int).Sub(order, one), "n": order, "n + 1": sum(order, one)}
	for first, a := range edges {
		for second, b := range edges {
			token("r is "+first+", s is "+second, a, b, 32)
		}
		token("r is "+first, a, s, 32)
		token("s is "+first, r, a, 32)
	}
	token("the other s", r, new(big.Int).Sub(order, s), 32)
	token("r too large", sum(r, order), s, 33)
	token("s too large", r, sum(s, order), 33)
	token("wider halves", r, s, 48)
	wide := bytes.Repeat([]byte{0xff}, 64)
	token("far too large", new(big.Int).SetBytes(wide), new(big.Int).SetBytes(wide), 64)

	point, err := key.PublicKey.Bytes()
	must(t, err)
	confused := b64(`{"alg":"HS256","kid":"key ES256"}`) + "." + b64(payloadOf(issuer))
	out["HS256: by the public key"] = confused + "." + b64(string(tokenKeys{"HS256": point}.signature(t, "HS256", confused)))
	return out
}
