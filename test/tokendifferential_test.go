package test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// tokenKeys are keys of every kind, by the algorithm that they are for.
type tokenKeys map[string]any

var tokenAlgorithms = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"}

func newTokenKeys(t *testing.T) tokenKeys {
	t.Helper()
	out := tokenKeys{}
	for _, algorithm := range tokenAlgorithms {
		var err error
		switch {
		case strings.HasPrefix(algorithm, "RS"), algorithm == "PS256":
			out[algorithm], err = rsa.GenerateKey(rand.Reader, 2048)
		case strings.HasPrefix(algorithm, "PS"):
			out[algorithm] = out["PS256"]
		case strings.HasPrefix(algorithm, "ES"):
			curve := map[string]elliptic.Curve{"ES256": elliptic.P256(), "ES384": elliptic.P384(), "ES512": elliptic.P521()}[algorithm]
			out[algorithm], err = ecdsa.GenerateKey(curve, rand.Reader)
		case algorithm == "EdDSA":
			_, out[algorithm], err = ed25519.GenerateKey(rand.Reader)
		default:
			out[algorithm] = []byte("a secret for " + algorithm + " that is long enough for all of them, so it is")
		}
		must(t, err)
	}
	return out
}

// set is the keys as an issuer publishes them; of those, fields may be changed.
func (k tokenKeys) set(t *testing.T, change func(jwk map[string]any), algorithms ...string) string {
	t.Helper()
	var out struct {
		Keys []map[string]any `json:"keys"`
	}
	for _, algorithm := range algorithms {
		public := jose.JSONWebKey{Key: k[algorithm], KeyID: "key " + algorithm, Algorithm: algorithm}
		if _, secret := k[algorithm].([]byte); !secret {
			public = public.Public()
		}
		text, err := public.MarshalJSON()
		must(t, err)
		fields := map[string]any{}
		must(t, json.Unmarshal(text, &fields))
		change(fields)
		out.Keys = append(out.Keys, fields)
	}
	text, err := json.Marshal(out)
	must(t, err)
	return string(text)
}

func asTheyAre(map[string]any) {}

func withoutNames(jwk map[string]any) { delete(jwk, "kid"); delete(jwk, "alg") }

// sign signs with a key, by the hash and the family of an algorithm, which may be another's.
func (k tokenKeys) sign(t *testing.T, algorithm, header, payload string) string {
	t.Helper()
	signed := b64(header) + "." + b64(payload)
	return signed + "." + b64(string(k.signature(t, algorithm, signed)))
}

func (k tokenKeys) signature(t *testing.T, algorithm, signed string) []byte {
	t.Helper()
	hashed := map[string]crypto.Hash{"256": crypto.SHA256, "384": crypto.SHA384, "512": crypto.SHA512, "DSA": crypto.SHA512}[algorithm[2:]]
	h := hashed.New()
	h.Write([]byte(signed))
	digest := h.Sum(nil)
	switch key := k[algorithm].(type) {
	case *rsa.PrivateKey:
		var out []byte
		var err error
		if strings.HasPrefix(algorithm, "RS") {
			out, err = rsa.SignPKCS1v15(nil, key, hashed, digest)
		} else {
			out, err = rsa.SignPSS(rand.Reader, key, hashed, digest, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
		}
		must(t, err)
		return out
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, digest)
		must(t, err)
		size := (key.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...)
	case ed25519.PrivateKey:
		return ed25519.Sign(key, []byte(signed))
	default:
		mac := hmac.New(hashed.New, key.([]byte))
		mac.Write([]byte(signed))
		return mac.Sum(nil)
	}
}

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

func headerOf(algorithm string) string {
	return fmt.Sprintf(`{"alg":%q,"kid":"key %s","typ":"JWT"}`, algorithm, algorithm)
}

func payloadOf(issuer string) string {
	return fmt.Sprintf(`{"iss":%q,"sub":"somebody","exp":%d}`, issuer, time.Now().Add(time.Hour).Unix())
}

// tokenMutations are what can be done to a good token of an algorithm, by their names. What becomes of
// each is Envoy's affair.
func tokenMutations(t *testing.T, k tokenKeys, algorithm, issuer string) map[string]string {
	t.Helper()
	good := k.sign(t, algorithm, headerOf(algorithm), payloadOf(issuer))
	parts := strings.Split(good, ".")
	header, payload, signature := parts[0], parts[1], parts[2]
	raw := unbase(signature)
	signed := func(s string) string { return header + "." + payload + "." + b64(s) }
	flipped := func(i int) string { return raw[:i] + string([]byte{raw[i] ^ 1}) + raw[i+1:] }
	zeros := strings.Repeat("\x00", len(raw))
	out := map[string]string{
		"good":                           good,
		"first byte of signature":        signed(flipped(0)),
		"middle byte of signature":       signed(flipped(len(raw) / 2)),
		"last byte of signature":         signed(flipped(len(raw) - 1)),
		"truncated signature":            signed(raw[:len(raw)-1]),
		"half a signature":               signed(raw[:len(raw)/2]),
		"one byte of signature":          signed(raw[:1]),
		"signature of white space":       header + "." + payload + ". ",
		"extended signature":             signed(raw + "\x00"),
		"twice extended signature":       signed(raw + "\x00\x00"),
		"byte before signature":          signed("\x00" + raw),
		"zeros around halves":            signed("\x00" + raw[:len(raw)/2] + "\x00" + raw[len(raw)/2:]),
		"zero signature":                 signed(zeros),
		"signature is one":               signed(zeros[1:] + "\x01"),
		"signature is all ones":          signed(strings.Repeat("\xff", len(raw))),
		"halves exchanged":               signed(raw[len(raw)/2:] + raw[:len(raw)/2]),
		"no signature":                   header + "." + payload + ".",
		"no signature nor dot":           header + "." + payload,
		"no payload":                     header + ".." + signature,
		"no header":                      "." + payload + "." + signature,
		"no payload nor dot":             header + "." + signature,
		"header alone":                   header,
		"dots alone":                     "..",
		"one part more":                  good + ".foo",
		"an empty part more":             good + ".",
		"empty parts before":             ".." + good,
		"two dots between":               header + ".." + payload + "..." + signature,
		"modified header":                b64(strings.Replace(headerOf(algorithm), "JWT", "JWS", 1)) + "." + payload + "." + signature,
		"modified payload":               header + "." + b64(payloadOf(issuer+"x")) + "." + signature,
		"padding in header":              strings.TrimSuffix(padded(header), ".") + "." + payload + "." + signature,
		"padding in payload":             header + "." + padded(payload) + "." + signature,
		"padding in signature":           header + "." + payload + "." + padded(signature),
		"too much padding":               good + "====",
		"one sign of padding":            good + "=",
		"two signs of padding":           good + "==",
		"padding in the middle":          header + "." + payload + "." + signature[:4] + "=" + signature[4:],
		"invalid character in header":    "?" + good,
		"invalid character in payload":   header + "." + payload[:3] + "?" + payload[3:] + "." + signature,
		"invalid character in signature": header + "." + payload + "." + signature[:2] + "?" + signature[2:],
		"invalid character at the end":   good + "!",
		"standard alphabet":              header + "." + payload + "." + strings.NewReplacer("-", "+", "_", "/").Replace(signature) + "+/",
		"space in header":                header[:5] + " " + header[5:] + "." + payload + "." + signature,
		"space in payload":               header + "." + payload[:5] + "   " + payload[5:] + "." + signature,
		"space in signature":             header + "." + payload + ".    " + signature,
		"tab in signature":               header + "." + payload + "." + signature[:3] + "\t" + signature[3:],
		"one character of signature":     header + "." + payload + ".A",
		"lower case":                     strings.ToLower(good),
		"unused bits":                    good[:len(good)-1] + nextDigit(good[len(good)-1]),
		"flattened JSON":                 fmt.Sprintf(`{"payload":%q,"protected":%q,"signature":%q}`, payload, header, signature),
		"general JSON":                   fmt.Sprintf(`{"payload":%q,"signatures":[{"protected":%q,"signature":%q}]}`, payload, header, signature),
		"alg none":                       b64(`{"alg":"none"}`) + "." + payload + ".",
		"alg none with a signature":      b64(`{"alg":"none"}`) + "." + payload + "." + signature,
		"alg None":                       b64(`{"alg":"None"}`) + "." + payload + "." + signature,
		"empty alg":                      b64(`{"alg":""}`) + "." + payload + "." + signature,
	}
	for name, h := range map[string]string{
		"no alg": `{"kid":"key ALG"}`, "alg is null": `{"alg":null}`, "alg is a number": `{"alg":1}`, "alg is a list": `{"alg":["ALG"]}`, "no kid": `{"alg":"ALG"}`,
		"empty kid": `{"alg":"ALG","kid":""}`, "kid of nobody": `{"alg":"ALG","kid":"x"}`, "kid is a number": `{"alg":"ALG","kid":1}`, "kid is null": `{"alg":"ALG","kid":null}`,
		"alg twice": `{"alg":"ALG","alg":"ALG"}`, "alg twice, other first": `{"alg":"none","alg":"ALG"}`, "unknown header": `{"alg":"ALG","unknown":true}`,
		"crit": `{"alg":"ALG","crit":["exp"],"exp":1}`, "crit of unknown": `{"alg":"ALG","crit":["x"]}`, "empty crit": `{"alg":"ALG","crit":[]}`, "b64 false": `{"alg":"ALG","b64":false,"crit":["b64"]}`,
		"embedded jwk": `{"alg":"ALG","jwk":{"kty":"oct","k":"AAAA"}}`, "jku": `{"alg":"ALG","jku":"https://evil.example/keys"}`, "zip": `{"alg":"ALG","zip":"DEF"}`, "typ is a number": `{"alg":"ALG","typ":1}`,
		"white space in header": " {\n\t\"alg\" : \"ALG\" }\r\n", "no JSON": `alg`, "empty header": `{}`, "header is a list": `["ALG"]`, "header is null": `null`, "header is a string": `"ALG"`,
		"something behind": `{"alg":"ALG"}x`, "two objects": `{"alg":"ALG"}{}`, "half an object": `{"alg":"ALG"`, "comma at the end": `{"alg":"ALG",}`, "bare names": `{alg:"ALG"}`, "single quotes": `{'alg':'ALG'}`,
		"escaped alg": `{"alg":"\u0045\u0053256"}`, "alg in lower case": `{"alg":"alg"}`, "a BOM": "\ufeff{\"alg\":\"ALG\"}", "not UTF-8": "{\"alg\":\"ALG\",\"x\":\"\xff\"}", "a NUL": "{\"alg\":\"ALG\",\"x\":\"\x00\"}", "NUL behind": "{\"alg\":\"ALG\"}\x00",
	} {
		h = strings.ReplaceAll(strings.ReplaceAll(h, `"alg":"alg"`, `"alg":"`+strings.ToLower(algorithm)+`"`), "ALG", algorithm)
		out["header: "+name] = k.sign(t, algorithm, h, payloadOf(issuer))
	}
	for _, other := range tokenAlgorithms {
		out["says "+other] = k.sign(t, algorithm, headerOf(other), payloadOf(issuer))
		out["says "+other+" without kid"] = k.sign(t, algorithm, fmt.Sprintf(`{"alg":%q}`, other), payloadOf(issuer))
		out["signed by "+other] = k.sign(t, other, headerOf(algorithm), payloadOf(issuer))
	}
	return out
}

// padded adds the padding of base64.
func padded(text string) string { return text + strings.Repeat("=", (4-len(text)%4)%4) }

// nextDigit changes the lowest bit of a digit of base64url.
func nextDigit(c byte) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(digits[strings.IndexByte(digits, c)^1])
}

// TestTokensAreExplainedAsEnvoyTakesThem asks Envoy and explain about every mutation of good tokens of
// every algorithm, where the keys say what they are for, and where they do not.
func TestTokensAreExplainedAsEnvoyTakesThem(t *testing.T) {
	k := newTokenKeys(t)
	rule := func(issuer, keys string) string {
		return fmt.Sprintf("  - {issuer: %s, forwardOriginalToken: true, jwks: '%s'}\n", issuer, keys)
	}
	rules := map[string]string{
		"named": rule("named", k.set(t, asTheyAre, tokenAlgorithms...)),
		"bare":  rule("bare", k.set(t, withoutNames, tokenAlgorithms...)),
	}
	for _, algorithm := range tokenAlgorithms {
		rules["only "+algorithm] = rule("only", k.set(t, withoutNames, algorithm))
	}
	w := newTokenWorld(t, rules)
	for _, algorithm := range tokenAlgorithms {
		for set, issuer := range map[string]string{"named": "named", "bare": "bare", "only " + algorithm: "only"} {
			for name, text := range tokenMutations(t, k, algorithm, issuer) {
				t.Run(set+"/"+algorithm+"/"+name, func(t *testing.T) {
					w.agree(t, set, tokenRequest{"GET", "/", []string{"authorization", "Bearer " + text}})
				})
			}
		}
	}
}
