package token

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// key is one key of a set; the field of its type is set.
type key struct {
	kid, alg string
	rsa      *rsa.PublicKey
	ec       *ecdsa.PublicKey
	ed       ed25519.PublicKey
	secret   []byte
	// opaque says that Envoy has the key, and that it cannot be used here: with what is signed by it
	// is not known.
	opaque bool
}

// readKeys reads a key set. As in Envoy, keys that are no use are left out.
func readKeys(text string) []key {
	set, good := readObject(text)
	if !good {
		return nil
	}
	list, _ := set.Fields["keys"].([]any)
	var out []key
	for _, value := range list {
		if fields, good := value.(traffic.Object); good {
			if k, good := readKey(jwk(fields.Fields)); good {
				out = append(out, k)
			}
		}
	}
	return out
}

// jwk are the fields of one key.
type jwk map[string]any

func readKey(fields jwk) (key, bool) {
	out := key{kid: fields.text("kid"), alg: fields.text("alg")}
	if fields["redacted"] == true {
		// What stands here verifies nothing; the key that the gateway has was not shown.
		out.opaque = true
		return out, true
	}
	good := false
	switch fields.text("kty") {
	case "RSA":
		out.rsa, out.opaque, good = fields.rsa()
		good = good && fields.algorithm("RS", "PS")
	case "EC":
		out.ec, good = fields.ec()
	case "OKP":
		x, read := fields.bytes("x")
		good = read && len(x) == ed25519.PublicKeySize && fields.text("crv") == "Ed25519" && (out.alg == "" || out.alg == "EdDSA")
		out.ed = x
	case "oct":
		out.secret, good = fields.bytes("k")
		good = good && len(out.secret) > 0 && (out.alg == "" || slices.Contains([]string{"HS256", "HS384", "HS512"}, out.alg))
	}
	return out, good
}

func (k jwk) text(name string) string {
	out, _ := k[name].(string)
	return out
}

// bytes reads base64url; it is false where the field is no text.
func (k jwk) bytes(name string) ([]byte, bool) {
	text, there := k[name].(string)
	out, good := decodeBase64(text)
	return []byte(out), there && good
}

func (k jwk) number(name string) (*big.Int, bool) {
	b, good := k.bytes(name)
	return new(big.Int).SetBytes(b), good
}

// algorithm reports whether the key's algorithm, where it says one, begins in one of these ways.
func (k jwk) algorithm(prefixes ...string) bool {
	alg := k.text("alg")
	return alg == "" || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(alg, p) })
}

// The bounds of what the library that Envoy is built with takes for a public key of RSA, and those of ours.
const (
	leastModulus, mostModulus = 512, 16384
	leastUsable               = 1024
)

func (k jwk) rsa() (out *rsa.PublicKey, opaque, good bool) {
	n, goodN := k.number("n")
	e, goodE := k.number("e")
	if !goodN || !goodE || n.Bit(0) == 0 || n.BitLen() < leastModulus || n.BitLen() > mostModulus {
		return nil, false, false
	}
	if !e.IsInt64() || e.Int64() != 3 && e.Int64() != 65537 {
		return nil, false, false // Envoy knows no others
	}
	if n.BitLen() < leastUsable {
		return nil, true, true
	}
	return &rsa.PublicKey{N: n, E: int(e.Int64())}, false, true
}

func (k jwk) ec() (*ecdsa.PublicKey, bool) {
	curve := k.curve()
	x, goodX := k.number("x")
	y, goodY := k.number("y")
	if curve == nil || !goodX || !goodY {
		return nil, false
	}
	size := (curve.Params().BitSize + 7) / 8
	if x.BitLen() > 8*size || y.BitLen() > 8*size {
		return nil, false
	}
	point := slices.Concat([]byte{4}, x.FillBytes(make([]byte, size)), y.FillBytes(make([]byte, size)))
	out, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	return out, err == nil
}

// curve is what the key's curve and its algorithm say together; nil where that fits no key.
func (k jwk) curve() elliptic.Curve {
	crv, isText := k["crv"].(string)
	if _, there := k["crv"]; there && !isText {
		return nil
	}
	switch alg := k.text("alg"); {
	case (crv == "P-256" || crv == "") && (alg == "ES256" || alg == ""):
		return elliptic.P256()
	case (crv == "P-384" || crv == "" && alg != "") && (alg == "ES384" || alg == ""):
		return elliptic.P384()
	case (crv == "P-521" || crv == "" && alg != "") && (alg == "ES512" || alg == ""):
		return elliptic.P521()
	default:
		return nil
	}
}
