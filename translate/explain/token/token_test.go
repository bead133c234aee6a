package token

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// TestARefusalIsEnvoys holds status, body, headers and details of refusals.
func TestARefusalIsEnvoys(t *testing.T) {
	f := oneIssuer(t, localKeys()+`, "audiences": ["https://one/"]`)
	for name, c := range map[string]struct {
		token string
		want  traffic.Reply
	}{
		"expired": {minted(`{"iss":"a","exp":1}`), traffic.Reply{
			Status: 401, Body: "Jwt is expired", Details: "jwt_authn_access_denied{Jwt_is_expired}",
			Headers: []traffic.Header{{Name: "www-authenticate", Value: `Bearer realm="http://gateway.example/p?q", error="invalid_token"`}},
		}},
		"audience": {minted(`{"iss":"a","aud":"two"}`), traffic.Reply{
			Status: 403, Body: "Audiences in Jwt are not allowed", Details: "jwt_authn_access_denied{Audiences_in_Jwt_are_not_allowed}",
			Headers: []traffic.Header{{Name: "www-authenticate", Value: `Bearer realm="http://gateway.example/p?q", error="invalid_token"`}},
		}},
		"verified": {minted(`{"iss":"a","aud":"one"}`), traffic.Reply{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := f.Decide(request("/p?q", "authorization", "Bearer "+c.token))
			if got.Stops.Open() || got.Stops.Holds() != (c.want.Status != 0) {
				t.Errorf("it stops: %v", got.Stops)
			}
			if diff := cmp.Diff(c.want, got.Reply); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestAMissingTokenThatIsRequiredIsNoInvalidOne holds the one refusal whose challenge names no error.
func TestAMissingTokenThatIsRequiredIsNoInvalidOne(t *testing.T) {
	f := filterOf(t, `{"providers": {"origins-0": {"issuer": "a"`+localKeys()+`}}, "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "origins-0"}}]}`)
	got := f.Decide(request("/"))
	want := traffic.Reply{Status: 401, Body: "Jwt is missing", Details: "jwt_authn_access_denied{Jwt_is_missing}", Headers: []traffic.Header{{Name: "www-authenticate", Value: `Bearer realm="http://gateway.example/"`}}}
	if diff := cmp.Diff(want, got.Reply); diff != "" || !got.Stops.Holds() {
		t.Errorf("stops %v (-want +got):\n%s", got.Stops, diff)
	}
}

// TestFindingsSayWhatIsWrong holds the words in which tokens are told of.
func TestFindingsSayWhatIsWrong(t *testing.T) {
	two := filterOf(t, `{"providers": {"origins-0": {"issuer": "https://a", "audiences": ["one"]`+localKeys()+`}, "origins-1": {"issuer": "b", "from_headers": [{"name": "X-Token"}], "forward": true`+localKeys()+`}},
		"rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {"requirements": [{"provider_name": "origins-0"}, {"provider_name": "origins-1"}, {"allow_missing": {}}]}}}]}`)
	for name, c := range map[string]struct {
		header, token string
		rule          int
		want          string
	}{
		"no token":         {"x-other", "x", 0, "no token there"},
		"expired":          {"", minted(`{"iss":"https://a","exp":1799999820}`), 0, `the token in header authorization of issuer "https://a": expired at 2027-01-15T07:57:00Z, 3m0s ago; 60 s are given to clocks`},
		"not yet":          {"", minted(`{"iss":"https://a","nbf":1800003600}`), 0, `the token in header authorization of issuer "https://a": not valid before 2027-01-15T09:00:00Z, in 1h0m0s; 60 s are given to clocks`},
		"foreign":          {"", minted(`{"iss":"x"}`), 0, `the token in header authorization is of issuer "x"; header authorization is claimed by issuers ["https://a"]`},
		"a slash":          {"", minted(`{"iss":"https://a/"}`), 0, `the token in header authorization is of issuer "https://a/"; header authorization is claimed by issuers ["https://a"], one of which differs by a slash at the end alone`},
		"audience":         {"", minted(`{"iss":"https://a","aud":["two"]}`), 0, `the token in header authorization of issuer "https://a": audience is ["two"]; accepted are ["one"], and Envoy answers 403 where none is`},
		"opaque":           {"", "opaque", 0, "what stands in header authorization is no token that Envoy reads: Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"},
		"a string for exp": {"", minted(`{"iss":"https://a","exp":"1"}`), 0, "what stands in header authorization is no token that Envoy reads: Jwt payload [exp] field is not an integer"},
		"forged":           {"", minted(`{"iss":"https://a","aud":"one"}`) + "AAAA", 0, `the token in header authorization of issuer "https://a": its signature is not by a key of the issuer (kid "k", algorithm HS256; there are [kid "k" for HS256])`},
		"verified":         {"", minted(`{"iss":"https://a","aud":"one","sub":"s"}`), 0, `the token in header authorization of issuer "https://a": subject "s"; verified; header authorization is taken out of the request`},
		"stays":            {"x-token", minted(`{"iss":"b"}`), 1, `the token in header x-token of issuer "b": subject ""; verified; it stays in the request`},
	} {
		t.Run(name, func(t *testing.T) {
			line := []string{"authorization", "Bearer " + c.token}
			if c.header != "" {
				line = []string{c.header, c.token}
			}
			s := request("/", line...)
			two.Decide(s)
			if len(s.Findings) != 2 {
				t.Fatalf("%d findings", len(s.Findings))
			}
			if got := s.Findings[c.rule]; got.Saw != c.want || got.Kind != traffic.Verifies || got.Matched.Open() {
				t.Errorf("got %v %+v\nwant %s", got.Matched, got, c.want)
			}
		})
	}
	if got, want := two.providers[0].wants, `a valid token of "https://a" for one of "one" in header authorization behind "Bearer " or parameter access_token`; got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}

// TestFindingsShowNoToken holds that no part of a token is shown, and nothing without a bound.
func TestFindingsShowNoToken(t *testing.T) {
	f := oneIssuer(t, localKeys())
	long := strings.Repeat("x", 5000)
	for _, text := range []string{minted(`{"iss":"a"}`), minted(`{"iss":"` + long + `"}`), minted(`{"iss":"a","sub":"` + long + `"}`), minted(`{"iss":"a"}`) + "x", long} {
		s := request("/", "authorization", "Bearer "+text)
		f.Decide(s)
		for _, found := range s.Findings {
			for _, part := range append(strings.Split(text, "."), secret, b64(secret)) {
				if strings.Contains(found.Saw+found.Wants, part) {
					t.Errorf("a part of the token is shown: %s", found.Saw)
				}
			}
			if len(found.Saw) > 1000 {
				t.Errorf("%d bytes are shown", len(found.Saw))
			}
		}
	}
}

// TestNewRefusesWhatItDoesNotUnderstand holds that nothing is left out in silence.
func TestNewRefusesWhatItDoesNotUnderstand(t *testing.T) {
	for name, config := range map[string]string{
		"subjects":       `{"providers": {"p": {"subjects": {"exact": "x"}` + localKeys() + `}}}`,
		"expiration":     `{"providers": {"p": {"require_expiration": true` + localKeys() + `}}}`,
		"no keys":        `{"providers": {"p": {"issuer": "a"}}}`,
		"keys in a file": `{"providers": {"p": {"local_jwks": {"filename": "keys"}}}}`,
		"a header":       `{"rules": [{"match": {"prefix": "/", "headers": [{"name": "x", "string_match": {"custom": {"name": "x"}}}]}}]}`,
		"a value":        `{"rules": [{"match": {"prefix": "/", "query_parameters": [{"name": "x", "string_match": {"exact": "x"}}]}}]}`,
		"a parameter":    `{"rules": [{"match": {"prefix": "/", "query_parameters": [{"name": "x"}]}}]}`,
		"a share":        `{"rules": [{"match": {"prefix": "/", "runtime_fraction": {"default_value": {"numerator": 1}}}}]}`,
		"regex":          `{"rules": [{"match": {"safe_regex": {"regex": "x"}}}]}`,
		"no provider":    `{"rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "p"}}]}`,
		"no parts":       `{"rules": [{"match": {"prefix": "/"}, "requires": {"requires_any": {}}}]}`,
		"extract only":   `{"rules": [{"match": {"prefix": "/"}, "requires": {"extract_only_without_validation": {}}}]}`,
		"filter state":   `{"filter_state_rules": {"name": "x"}}`,
		"stripped":       `{"strip_failure_response": true}`,
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := New("f", messageOf(t, config)); err == nil {
				t.Error("it is understood")
			}
		})
	}
}

// TestTimesAreJudgedToTheSecond holds the last second that counts, and the first that does not: 60 are
// given to clocks either way.
func TestTimesAreJudgedToTheSecond(t *testing.T) {
	f := oneIssuer(t, localKeys())
	for claims, want := range map[string]string{
		`"exp":1799999940`: "", `"exp":1799999939`: "Jwt is expired", `"exp":1799999940.9`: "", `"exp":0`: "",
		`"nbf":1800000060`: "", `"nbf":1800000061`: "Jwt not yet valid", `"nbf":1800000060.9`: "",
		`"nbf":1800000061,"exp":1`: "Jwt not yet valid", `"iat":9800000000`: "",
	} {
		got := f.Decide(request("/", "authorization", "Bearer "+minted(`{"iss":"a",`+claims+`}`)))
		if got.Reply.Body != want {
			t.Errorf("%s: %q, want %q", claims, got.Reply.Body, want)
		}
	}
}

// TestARouteIsChosenAgainForClaims holds when a verified token has the route chosen again.
func TestARouteIsChosenAgainForClaims(t *testing.T) {
	const provider = `{"providers": {"p": {"issuer": "a", %MORE% "local_jwks": {"inline_string": "%KEYS%"}}}, "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "p"}}]}`
	for more, want := range map[string]bool{
		``:                           false,
		`"clear_route_cache": true,`: false,
		`"clear_route_cache": true, "payload_in_metadata": "payload",`:                                           true,
		`"payload_in_metadata": "payload",`:                                                                      false,
		`"clear_route_cache": true, "claim_to_headers": [{"header_name": "x", "claim_name": "iss"}],`:            true,
		`"clear_route_cache": true, "claim_to_headers": [{"header_name": "x", "claim_name": "sub"}],`:            false,
		`"clear_route_cache": true, "claim_to_headers": [{"header_name": "x", "claim_path": [{"key": "iss"}]}],`: true,
	} {
		f := filterOf(t, strings.NewReplacer("%MORE%", more, "%KEYS%", secretKeys()).Replace(provider))
		s := request("/", "authorization", "Bearer "+minted(`{"iss":"a"}`))
		if f.Decide(s); s.RouteCleared != want {
			t.Errorf("%s: %v", more, s.RouteCleared)
		}
	}
}

// TestAnOptionalRequirementTakesEveryIssuersToken holds what stands alone in a tree: Envoy then looks in
// all places, and tells what became of the token it came to last.
func TestAnOptionalRequirementTakesEveryIssuersToken(t *testing.T) {
	config := func(requires string) string {
		return `{"providers": {"p": {"issuer": "a"` + localKeys() + `}, "q": {"issuer": "b", "from_params": ["token"]` + localKeys() + `}}, "rules": [{"match": {"prefix": "/"}, "requires": ` + requires + `}]}`
	}
	for name, c := range map[string]struct{ requires, path, header, want string }{
		"none":              {`{"allow_missing": {}}`, "/", "", ""},
		"a good one":        {`{"allow_missing": {}}`, "/", minted(`{"iss":"a"}`), ""},
		"a bad one":         {`{"allow_missing": {}}`, "/", minted(`{"iss":"a","exp":1}`), "Jwt is expired"},
		"of nobody":         {`{"allow_missing": {}}`, "/", minted(`{"iss":"x"}`), "Jwt issuer is not configured"},
		"in another place":  {`{"allow_missing": {}}`, "/?token=" + minted(`{"iss":"a"}`), "", "Jwt issuer is not configured"},
		"good, then bad":    {`{"allow_missing": {}}`, "/?token=x", minted(`{"iss":"a"}`), ""},
		"bad, then good":    {`{"allow_missing": {}}`, "/?token=" + minted(`{"iss":"b"}`), "x", "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"},
		"failed":            {`{"allow_missing_or_failed": {}}`, "/", "x", ""},
		"nothing":           {`{}`, "/", "x", ""},
		"failed beside one": {`{"requires_any": {"requirements": [{"provider_name": "p"}, {"allow_missing_or_failed": {}}]}}`, "/", "x", ""},
		"audiences":         {`{"provider_and_audiences": {"provider_name": "p", "audiences": ["one"]}}`, "/", minted(`{"iss":"a","aud":"two"}`), "Audiences in Jwt are not allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			var lines []string
			if c.header != "" {
				lines = []string{"authorization", "Bearer " + c.header}
			}
			if got := filterOf(t, config(c.requires)).Decide(request(c.path, lines...)); got.Reply.Body != c.want || got.Stops.Open() {
				t.Errorf("got %v %q, want %q", got.Stops, got.Reply.Body, c.want)
			}
		})
	}
}

// TestAnOptionalRequirementInAListOfItsOwnIsAskedToo holds that such a list is not taken for a part of the one
// around it: the tokens of all are then verified, and taken out.
func TestAnOptionalRequirementInAListOfItsOwnIsAskedToo(t *testing.T) {
	f := filterOf(t, `{"providers": {"p": {"issuer": "a"`+localKeys()+`}, "q": {"issuer": "b", "from_params": ["token"]`+localKeys()+`}}, "rules": [{"match": {"prefix": "/"}, "requires":
		{"requires_any": {"requirements": [{"provider_name": "p"}, {"requires_any": {"requirements": [{"allow_missing_or_failed": {}}, {"allow_missing": {}}]}}]}}}]}`)
	s := request("/?token=" + minted(`{"iss":"b"}`))
	f.Decide(s)
	if path, _ := s.Headers.First(":path"); path != "/" {
		t.Errorf("the path is %s", path)
	}
}

// TestRulesMatchPaths holds which requests are asked for tokens.
func TestRulesMatchPaths(t *testing.T) {
	for name, c := range map[string]struct {
		match string
		asked map[string]bool
	}{
		"prefix":           {`{"prefix": "/a"}`, map[string]bool{"/a": true, "/ab?x": true, "/b": false, "/A": false, "/?/a": false}},
		"prefix, any case": {`{"prefix": "/a", "case_sensitive": false}`, map[string]bool{"/A": true, "/b": false}},
		"path":             {`{"path": "/a"}`, map[string]bool{"/a": true, "/a?x": true, "/ab": false}},
		"parts of it":      {`{"path_separated_prefix": "/a"}`, map[string]bool{"/a": true, "/a/b": true, "/ab": false}},
	} {
		f := filterOf(t, `{"providers": {"p": {"issuer": "a"`+localKeys()+`}}, "rules": [{"match": `+c.match+`, "requires": {"provider_name": "p"}}]}`)
		for path, asked := range c.asked {
			s := request(path)
			if got := f.Decide(s); got.Stops.Holds() != asked || len(s.Findings) != 1 {
				t.Errorf("%s, %s: stops %v", name, path, got.Stops)
			}
		}
	}
}
