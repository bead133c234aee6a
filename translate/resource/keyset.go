package resource

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// keySet is what is known of a JSON Web Key Set.
type keySet struct {
	// problem says why the text is not a key set.
	problem string
	keys    []keyInfo
}

// keyInfo is what is known of one key.
type keyInfo struct {
	// name is how messages call the key.
	name string
	// broken says why it is not a key at all; unusable why Envoy cannot verify tokens with it.
	broken, unusable string
	// secret says that it holds a private or symmetric key.
	secret bool
	// bits is the size of the modulus of an RSA key that is not broken.
	bits int
}

// The sizes of RSA keys. Whoever wants to can factor what is below the first, and make tokens.
const (
	leastModulus   = 1024
	advisedModulus = 2048
)

// weak says why nobody's tokens should be verified with the key, although Envoy would.
func (k keyInfo) weak() string {
	if k.bits == 0 || k.bits >= leastModulus {
		return ""
	}
	return fmt.Sprintf("its modulus has %d bits, so few that others can make tokens with it", k.bits)
}

// short says that an RSA key which is used is shorter than is advised.
func (k keyInfo) short() string {
	if k.bits == 0 || k.bits >= advisedModulus || k.weak() != "" {
		return ""
	}
	return fmt.Sprintf("its modulus has %d bits, and %d are advised", k.bits, advisedModulus)
}

// parseKeySet reads a key set by the rules of Envoy 1.40, whose verdict counts: each of
// them was tried on it. It is stricter than encoding/json, as Envoy's reader of JSON is.
func parseKeySet(text string) keySet {
	if err := strictJSON(text); err != nil {
		return keySet{problem: err.Error()}
	}
	var set map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return keySet{problem: "it is not a JSON object"}
	}
	raw, ok := set["keys"]
	if !ok {
		if _, single := set["kty"]; single {
			return keySet{problem: `it is one key and not a set; put it into {"keys": [ ]}`}
		}
		return keySet{problem: `it has no "keys"`}
	}
	var keys []json.RawMessage
	if err := json.Unmarshal(raw, &keys); err != nil || keys == nil {
		return keySet{problem: `"keys" is not a list`}
	}
	out := keySet{keys: make([]keyInfo, 0, len(keys))}
	for i, k := range keys {
		out.keys = append(out.keys, parseKey(i, k))
	}
	return out
}

func parseKey(i int, raw json.RawMessage) keyInfo {
	info := keyInfo{name: fmt.Sprintf("keys[%d]", i)}
	var k map[string]any
	if err := json.Unmarshal(raw, &k); err != nil || k == nil {
		info.broken = "it is not an object"
		return info
	}
	if kid, ok := k["kid"].(string); ok && kid != "" {
		info.name += fmt.Sprintf(" (kid %q)", cut(kid))
	}
	switch k["kty"] {
	case "RSA":
		if info.broken, info.unusable = rsaKey(k); info.broken == "" {
			n, _ := number(k["n"])
			info.bits = n.BitLen()
		}
	case "EC":
		info.broken, info.unusable = ecKey(k)
	case "OKP":
		info.broken, info.unusable = okpKey(k)
	case "oct":
		info.broken, info.unusable = octKey(k)
		info.secret = true
	case nil:
		info.broken = `it has no "kty"`
	default:
		info.broken = named(k["kty"]) + " is not a key type"
	}
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth"} {
		if _, ok := k[private]; ok {
			info.secret = true
		}
	}
	return info
}

// The bounds of the RSA modulus in the library that Envoy is built with, and the exponents that Envoy
// takes: it ignores a key with another, and refuses a set that has no other keys.
const (
	minModulus, maxModulus = 512, 16384
	smallExponent          = 3
	usualExponent          = 65537
)

func rsaKey(k map[string]any) (broken, unusable string) {
	n, okN := number(k["n"])
	e, okE := number(k["e"])
	switch bits := n.BitLen(); {
	case !okN || !okE:
		return `"n" and "e" must be numbers in base64url`, ""
	case bits < minModulus || bits > maxModulus || n.Bit(0) == 0:
		return fmt.Sprintf(`"n" is not a modulus of %d to %d bits`, minModulus, maxModulus), ""
	case e.BitLen() < 2 || e.Bit(0) == 0:
		return `"e" is not an odd number from 3 on`, ""
	case !e.IsInt64() || e.Int64() != smallExponent && e.Int64() != usualExponent:
		return "", `its "e" is neither 3 nor 65537`
	}
	return "", algorithm(k, "RS", "PS")
}

func ecKey(k map[string]any) (broken, unusable string) {
	curve, alg := ecdh.P256(), "ES256"
	size := 32
	switch k["crv"] {
	case "P-256", nil:
	case "P-384":
		curve, alg, size = ecdh.P384(), "ES384", 48
	case "P-521":
		curve, alg, size = ecdh.P521(), "ES512", 66
	default:
		return "", "its curve " + named(k["crv"]) + " is not P-256, P-384 or P-521"
	}
	x, okX := number(k["x"])
	y, okY := number(k["y"])
	if !okX || !okY || x.BitLen() > 8*size || y.BitLen() > 8*size {
		return `"x" and "y" must be the coordinates in base64url`, ""
	}
	point := slices.Concat([]byte{4}, x.FillBytes(make([]byte, size)), y.FillBytes(make([]byte, size)))
	if _, err := curve.NewPublicKey(point); err != nil {
		return `"x" and "y" are not a point on its curve`, ""
	}
	return "", algorithm(k, alg)
}

func okpKey(k map[string]any) (broken, unusable string) {
	if k["crv"] != "Ed25519" {
		if k["crv"] == nil {
			return `it has no "crv"`, ""
		}
		return "", "its curve " + named(k["crv"]) + " is not Ed25519"
	}
	if x, ok := keyBytes(k["x"]); !ok || len(x) != 32 {
		return `"x" must be 32 bytes in base64url`, ""
	}
	return "", algorithm(k, "EdDSA")
}

func octKey(k map[string]any) (broken, unusable string) {
	if b, ok := keyBytes(k["k"]); !ok || len(b) == 0 {
		return `"k" must be the secret in base64url`, ""
	}
	return "", algorithm(k, "HS")
}

// algorithm says why a key's "alg" does not fit it, if it has one.
func algorithm(k map[string]any, prefixes ...string) string {
	alg, ok := k["alg"].(string)
	if !ok || alg == "" || slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(alg, p) }) {
		return ""
	}
	return fmt.Sprintf("its algorithm %q is not one that it can verify tokens with (%s)", cut(alg), strings.Join(prefixes, "…, "))
}

// named is how messages call a value that should be a short word. What is longer, or no word,
// can be a secret in the wrong place, and findings are shown.
func named(v any) string {
	s, ok := v.(string)
	if !ok {
		return "what is no string"
	}
	return strconv.Quote(cut(s))
}

// cut shortens what a message quotes.
func cut(s string) string {
	const most = 40
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// number reads an unsigned number in base64url. The number is never nil.
func number(v any) (*big.Int, bool) {
	b, ok := keyBytes(v)
	return new(big.Int).SetBytes(b), ok && len(b) > 0
}

// keyBytes reads base64url; padding and blanks may be there, as in Envoy.
func keyBytes(v any) ([]byte, bool) {
	s, ok := v.(string)
	if !ok {
		return nil, false
	}
	s = strings.TrimRight(strings.Map(dropBlank, s), "=")
	b, err := base64.RawURLEncoding.DecodeString(s)
	return b, err == nil
}

func dropBlank(r rune) rune {
	if strings.ContainsRune(" \t\r\n", r) {
		return -1
	}
	return r
}

// maxNesting bounds how deep the JSON of a key set may be; Envoy's reader stops at 100.
const maxNesting = 64

// strictJSON reports what Envoy's reader of JSON refuses: a name that stands twice in an
// object, half of a surrogate pair, and a number that no float64 can hold.
func strictJSON(text string) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	if err := strictValue(decoder, text, 0); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON object")
	}
	return nil
}

func strictValue(decoder *json.Decoder, text string, depth int) error {
	token, err := decoder.Token()
	if err != nil {
		return jsonError(err)
	}
	if s, ok := token.(string); ok && strings.ContainsRune(s, '\uFFFD') && strings.Contains(text, `\u`) {
		return errors.New("it has an escape that stands for no character")
	}
	if depth == maxNesting {
		return errors.New("it is nested too deep")
	}
	switch token {
	case json.Delim('['):
		for decoder.More() {
			if err := strictValue(decoder, text, depth+1); err != nil {
				return err
			}
		}
	case json.Delim('{'):
		if err := strictObject(decoder, text, depth); err != nil {
			return err
		}
	default:
		return nil
	}
	_, err = decoder.Token()
	return jsonError(err)
}

func strictObject(decoder *json.Decoder, text string, depth int) error {
	names := map[any]bool{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return jsonError(err)
		}
		if names[name] {
			return fmt.Errorf("%s stands twice in one object", named(name))
		}
		names[name] = true
		if err := strictValue(decoder, text, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func jsonError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON ends too early")
	default:
		return fmt.Errorf("it is not JSON: %w", err)
	}
}
