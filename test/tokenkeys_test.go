package test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
)

// keyMutations change the fields of a key, by the name of the change. A field that is nil is taken out.
func keyMutations(fields map[string]any) map[string]map[string]any {
	out := map[string]map[string]any{
		"as it is": {}, "no alg": {"alg": nil}, "empty alg": {"alg": ""}, "alg is a number": {"alg": 1}, "unknown alg": {"alg": "XX"}, "alg none": {"alg": "none"}, "alg RS": {"alg": "RS"}, "alg RS999": {"alg": "RS999"}, "alg ES999": {"alg": "ES999"}, "alg HS999": {"alg": "HS999"}, "alg R": {"alg": "R"},
		"kid is a number": {"kid": 1}, "no kid": {"kid": nil}, "empty kid": {"kid": ""}, "other kid": {"kid": "other"}, "kid is null": {"kid": json.RawMessage("null")},
		"for encryption": {"use": "enc"}, "use is a number": {"use": 1}, "to encrypt": {"key_ops": []string{"encrypt"}}, "for nothing": {"key_ops": []string{}}, "to sign": {"key_ops": []string{"sign"}}, "private": {"d": "AQAB"}, "unknown field": {"x-unknown": map[string]any{"a": 1}}, "certificates": {"x5c": []string{"AAAA"}, "x5t": "AAAA"},
		"no kty": {"kty": nil}, "kty is a number": {"kty": 1}, "kty in lower case": {"kty": "rsa"}, "kty in upper case": {"kty": "OCT"}, "kty EC": {"kty": "EC"}, "kty RSA": {"kty": "RSA"}, "kty oct": {"kty": "oct"}, "kty OKP": {"kty": "OKP"},
		"no crv": {"crv": nil}, "empty crv": {"crv": ""}, "crv is a number": {"crv": 1}, "crv is null": {"crv": json.RawMessage("null")}, "P-384": {"crv": "P-384"}, "P-256": {"crv": "P-256"}, "secp256k1": {"crv": "secp256k1"}, "Ed448": {"crv": "Ed448"}, "X25519": {"crv": "X25519"}, "no crv nor alg": {"crv": nil, "alg": nil},
		"e is 3": {"e": "Aw"}, "e is 1": {"e": "AQ"}, "e is even": {"e": "AQAA"}, "e is 5": {"e": "BQ"}, "e is 0": {"e": "AA"}, "e of 32 bits": {"e": "_____w"}, "e of 33 bits": {"e": "AQAAAAE"}, "e of 34 bits": {"e": "AwAAAAE"}, "e with zeros": {"e": "AAABAAE"},
	}
	for _, algorithm := range tokenAlgorithms {
		out["alg "+algorithm] = map[string]any{"alg": algorithm}
	}
	for _, name := range []string{"n", "e", "x", "y", "k"} {
		text, there := fields[name].(string)
		if !there {
			continue
		}
		maps.Copy(out, map[string]map[string]any{
			"no " + name: {name: nil}, name + " is a number": {name: 1}, "empty " + name: {name: ""}, name + " with padding": {name: padded(text)}, name + " with too much": {name: text + "===="}, name + " with spaces": {name: " " + text[:2] + "\n" + text[2:] + " "}, name + " in standard base64": {name: strings.NewReplacer("-", "+", "_", "/").Replace(text) + "+"},
			name + " with zeros before": {name: b64("\x00\x00" + unbase(text))}, name + " with zeros behind": {name: b64(unbase(text) + "\x00")}, name + " without its end": {name: b64(unbase(text)[:len(unbase(text))-1])}, name + " of one byte": {name: "AQ"}, name + " changed": {name: b64("\x01" + unbase(text)[1:])}, name + " of bad base64": {name: text + "!"}, name + " of one character": {name: "A"},
		})
	}
	return out
}

func unbase(text string) string {
	out, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return string(out)
}

// TestKeysAreExplainedAsEnvoyTakesThem asks Envoy and explain about tokens whose keys are changed in every
// field. A good key of another kind stands beside: Envoy refuses a set in which nothing is good.
func TestKeysAreExplainedAsEnvoyTakesThem(t *testing.T) {
	k := newTokenKeys(t)
	good := k.set(t, asTheyAre, "HS512")
	configs, tokens := map[string]*jwtauthnv3.JwtAuthentication{}, map[string]string{}
	for _, algorithm := range []string{"RS256", "ES256", "EdDSA", "HS256"} {
		var fields map[string]any
		k.set(t, func(jwk map[string]any) { fields = maps.Clone(jwk) }, algorithm)
		for name, change := range keyMutations(fields) {
			jwk := maps.Clone(fields)
			maps.Copy(jwk, change)
			maps.DeleteFunc(jwk, func(_ string, v any) bool { return v == nil })
			text, err := json.Marshal(jwk)
			must(t, err)
			name = algorithm + ": " + name
			configs[name] = oneIssuer(strings.Replace(good, "[", "["+string(text)+",1,", 1))
			tokens[name] = k.sign(t, algorithm, headerOf(algorithm), payloadOf("a"))
		}
	}
	w := runTokenWorld(t, configs)
	for name, text := range tokens {
		t.Run(name, func(t *testing.T) {
			w.agree(t, name, tokenRequest{"GET", "/", []string{"authorization", "Bearer " + text}})
		})
	}
}

// oneIssuer is a filter that requires a token of issuer a.
func oneIssuer(keys string) *jwtauthnv3.JwtAuthentication {
	return &jwtauthnv3.JwtAuthentication{
		Providers: map[string]*jwtauthnv3.JwtProvider{"a": {Issuer: "a", JwksSourceSpecifier: &jwtauthnv3.JwtProvider_LocalJwks{LocalJwks: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: keys}}}}},
		Rules: []*jwtauthnv3.RequirementRule{{
			Match:           &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
			RequirementType: &jwtauthnv3.RequirementRule_Requires{Requires: &jwtauthnv3.JwtRequirement{RequiresType: &jwtauthnv3.JwtRequirement_ProviderName{ProviderName: "a"}}},
		}},
	}
}
