package token

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	jose "github.com/go-jose/go-jose/v4"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

const secret = "a secret of the issuers of these tests, and long enough"

// secretKeys is the set of that secret, as it stands in the JSON of a configuration.
func secretKeys() string {
	return `{\"keys\": [{\"kty\": \"oct\", \"kid\": \"k\", \"alg\": \"HS256\", \"k\": \"` + b64(secret) + `\"}]}`
}

func b64(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// minted is a token with a payload, signed with the secret.
func minted(payload string) string {
	signed := b64(`{"alg":"HS256","kid":"k"}`) + "." + b64(payload)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + b64(string(mac.Sum(nil)))
}

// now is when the tests are.
func now() time.Time { return time.Unix(1_800_000_000, 0).UTC() }

// filterOf is a filter of a configuration in JSON.
func filterOf(t testing.TB, config string) *Filter {
	t.Helper()
	out, err := New("envoy.filters.http.jwt_authn", messageOf(t, config))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func messageOf(t testing.TB, config string) *jwtauthnv3.JwtAuthentication {
	t.Helper()
	out := &jwtauthnv3.JwtAuthentication{}
	if err := protojson.Unmarshal([]byte(config), out); err != nil {
		t.Fatal(err)
	}
	return out
}

// oneIssuer is a filter of one issuer, a, with further fields of its provider.
func oneIssuer(t testing.TB, fields string) *Filter {
	t.Helper()
	return filterOf(t, `{"bypass_cors_preflight": true, "providers": {"origins-0": {"issuer": "a", "payload_in_metadata": "payload"`+fields+`}},
		"rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": [{"provider_name": "origins-0"}, {"allow_missing": {}}]}}}]}`)
}

func localKeys() string { return `, "local_jwks": {"inline_string": "` + secretKeys() + `"}` }

// request is one for a path with headers, name and value in turn.
func request(path string, lines ...string) *traffic.Stream {
	return &traffic.Stream{Headers: traffic.NewHeaders(linesOf(path, lines...), traffic.NoOthers), At: now()}
}

func linesOf(path string, lines ...string) []traffic.Header {
	out := []traffic.Header{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "http"}, {Name: ":authority", Value: "gateway.example"}, {Name: ":path", Value: path}}
	for i := 0; i < len(lines); i += 2 {
		out = append(out, traffic.Header{Name: lines[i], Value: lines[i+1]})
	}
	return out
}

// open has it that there may be other headers, and a query.
func open(s *traffic.Stream) *traffic.Stream {
	s.Headers, s.QueryUnknown = traffic.NewHeaders(s.Headers.Lines(), traffic.OthersUnknown), true
	return s
}

// signedRS is a key of RSA, its set as it stands in JSON, and a token of issuer a by it.
func signedRS(t testing.TB) (keys, text string, key *rsa.PrivateKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "rsa"}}})
	if err != nil {
		t.Fatal(err)
	}
	quoted, err := json.Marshal(string(set))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(`{"iss":"a","sub":"somebody","groups":["x","y"],"exp":1800003600}`))
	if err != nil {
		t.Fatal(err)
	}
	text, err = signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return `, "local_jwks": {"inline_string": ` + string(quoted) + `}`, text, key
}

func standardBase64(text string) (string, bool) {
	if strings.ContainsAny(text, "\r\n") {
		return "", false
	}
	out, err := base64.RawURLEncoding.DecodeString(text)
	return string(out), err == nil
}

// manyIssuers is Istio's tree of 20 rules that look into the same places.
func manyIssuers(t testing.TB) *Filter {
	t.Helper()
	var providers, names, each []string
	for i := range 20 {
		key := fmt.Sprintf("origins-%d", i)
		providers = append(providers, fmt.Sprintf(`%q: {"issuer": "issuer-%d", "payload_in_metadata": "payload"%s}`, key, i, localKeys()))
		names = append(names, fmt.Sprintf(`{"provider_name": %q}`, key))
		each = append(each, fmt.Sprintf(`{"requires_any": {"requirements": [{"provider_name": %q}, {"allow_missing": {}}]}}`, key))
	}
	all := append(names, `{"requires_all": {"requirements": [`+strings.Join(each, ",")+`]}}`)
	return filterOf(t, `{"providers": {`+strings.Join(providers, ",")+`}, "rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": [`+strings.Join(all, ",")+`]}}}]}`)
}
