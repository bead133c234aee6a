package resource

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// UsableKeys reads a key set that an issuer publishes and returns what of it a gateway is
// given: {"keys":[…]} of those keys alone that Envoy verifies tokens with, sorted by name
// and content, so that equal keys give equal text in whatever order and form they are
// published. Members that verification does not read are left out, private ones among them.
//
// Dropped says which keys, or parts of keys, are left out and why, and which are shorter than is
// advised. RSA keys below 1,024 bits are left out: others can make tokens with them. The error says why there
// is no key at all: Envoy refuses a whole policy over a set without one.
func UsableKeys(body []byte) (set string, dropped []string, err error) {
	if !utf8.Valid(body) {
		return "", nil, errors.New("it is not UTF-8")
	}
	known := parseKeySet(string(body))
	if known.problem != "" {
		return "", nil, errors.New(known.problem)
	}
	published, err := rawKeys(body)
	if err != nil || len(published) != len(known.keys) {
		return "", nil, errors.New(`"keys" is not a list`)
	}
	var kept []publicKey
	for i, info := range known.keys {
		key, reason := usableKey(info, published[i])
		if reason != "" {
			dropped = append(dropped, info.name+": "+reason)
			continue
		}
		if info.secret {
			dropped = append(dropped, info.name+": its private half is published too and was taken out; whoever reads it can make tokens")
		}
		if short := info.short(); short != "" {
			dropped = append(dropped, info.name+": "+short+"; it is used all the same")
		}
		kept = append(kept, key)
	}
	if len(kept) == 0 {
		return "", dropped, noKey(dropped)
	}
	set, err = canonical(kept)
	return set, dropped, err
}

// publicKey is what verification reads of a key. Nothing else reaches a gateway.
type publicKey struct {
	Kid string `json:"kid,omitempty"`
	Kty string `json:"kty"`
	Alg string `json:"alg,omitempty"`
	Crv string `json:"crv,omitempty"`
	N   string `json:"n,omitempty"`
	E   string `json:"e,omitempty"`
	X   string `json:"x,omitempty"`
	Y   string `json:"y,omitempty"`
}

// rawKeys returns the members of "keys", spelt exactly so.
func rawKeys(body []byte) ([]json.RawMessage, error) {
	var set map[string]json.RawMessage
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, err
	}
	var keys []json.RawMessage
	return keys, json.Unmarshal(set["keys"], &keys)
}

// usableKey returns the public part of a key, or why it is not used.
func usableKey(info keyInfo, raw json.RawMessage) (publicKey, string) {
	if reason := cmp.Or(info.broken, info.weak(), info.unusable); reason != "" {
		return publicKey{}, reason
	}
	var k map[string]any
	if err := json.Unmarshal(raw, &k); err != nil {
		return publicKey{}, "it is not an object"
	}
	// A secret that everybody can read must not make anybody's tokens valid.
	if k["kty"] == "oct" {
		return publicKey{}, "it is a symmetric key, and published it is no secret"
	}
	text := func(name string) string { s, _ := k[name].(string); return s }
	number := func(name string) string {
		b, _ := keyBytes(k[name])
		return base64.RawURLEncoding.EncodeToString(b)
	}
	out := publicKey{Kid: text("kid"), Kty: text("kty"), Alg: text("alg"), Crv: text("crv")}
	switch out.Kty {
	case "RSA":
		out.N, out.E, out.Crv = number("n"), number("e"), ""
	case "EC":
		out.X, out.Y, out.Crv = number("x"), number("y"), cmp.Or(out.Crv, "P-256")
	default:
		out.X = number("x")
	}
	return out, ""
}

// canonical writes the keys. What it writes is read again: a set that Envoy would refuse
// is an error here and never reaches a gateway.
func canonical(keys []publicKey) (string, error) {
	slices.SortFunc(keys, func(a, b publicKey) int {
		return cmp.Or(cmp.Compare(a.Kid, b.Kid), cmp.Compare(a.Kty, b.Kty), cmp.Compare(a.Alg, b.Alg), cmp.Compare(a.Crv, b.Crv),
			cmp.Compare(a.N, b.N), cmp.Compare(a.E, b.E), cmp.Compare(a.X, b.X), cmp.Compare(a.Y, b.Y))
	})
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(map[string][]publicKey{"keys": slices.Compact(keys)}); err != nil {
		return "", fmt.Errorf("write the key set: %w", err)
	}
	set := strings.TrimSuffix(out.String(), "\n")
	read := parseKeySet(set)
	for _, k := range read.keys {
		read.problem = cmp.Or(read.problem, k.broken, k.weak(), k.unusable)
	}
	if read.problem != "" {
		return "", errors.New(read.problem)
	}
	return set, nil
}

func noKey(dropped []string) error {
	if len(dropped) == 0 {
		return errors.New("it has no key")
	}
	const some = 5
	reasons := strings.Join(dropped[:min(some, len(dropped))], "; ")
	if len(dropped) > some {
		reasons += fmt.Sprintf("; and %d more", len(dropped)-some)
	}
	return fmt.Errorf("it has no key that Envoy can verify a token with: %s", reasons)
}
