package token

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// TestWhatIsNotSaidStaysOpen holds on what a filter depends, and what is known all the same.
func TestWhatIsNotSaidStaysOpen(t *testing.T) {
	remote := `, "remote_jwks": {"http_uri": {"uri": "https://user:secret@issuer.example/keys?key=secret", "cluster": "c", "timeout": "1s"}}`
	for name, c := range map[string]struct {
		fields  string
		request *traffic.Stream
		trusted map[string]traffic.Object
		stops   string
		status  uint32
		body    string
	}{
		"other headers": {localKeys(), open(request("/?access_token=" + minted(`{"iss":"a"}`))), nil,
			`(a token in header authorization behind "Bearer " and not (a valid token of "a" in header authorization behind "Bearer "))`, 0, ""},
		"a bad token beside": {localKeys(), open(request("/?access_token=x")), nil, "holds", 401, "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"},
		"the gateway's keys": {remote, request("/", "authorization", "Bearer "+minted(`{"iss":"a"}`)), nil,
			`not (the keys at https://issuer.example/keys verify the token in header authorization behind "Bearer ")`, 401, ""},
		"expired all the same": {remote, request("/", "authorization", "Bearer "+minted(`{"iss":"a","exp":1}`)), nil, "holds", 401, "Jwt is expired"},
		"a token that is trusted": {remote, request("/", "authorization", "Bearer t.r.s"), map[string]traffic.Object{"t.r.s": {Fields: map[string]any{"iss": "a"}}},
			"fails", 0, ""},
		"trusted, of another issuer": {localKeys(), request("/", "authorization", "Bearer t.r.s"), map[string]traffic.Object{"t.r.s": {Fields: map[string]any{"iss": "b"}}},
			"holds", 401, "Jwt issuer is not configured"},
		"trusted, no more known": {localKeys() + `, "audiences": ["x"]`, request("/", "authorization", "Bearer t.r.s"), map[string]traffic.Object{"t.r.s": {Fields: map[string]any{"iss": "a", "nbf": traffic.Unknown{}, "exp": float64(0)}, Open: true}},
			`(not (claim aud of the token in header authorization behind "Bearer " is one of "x") or not (claim nbf of the token in header authorization behind "Bearer " is not in the future))`, 0, ""},
		"trusted, issuer not known": {localKeys(), request("/", "authorization", "Bearer t"), map[string]traffic.Object{"t": {Fields: map[string]any{"exp": 0.0, "nbf": 0.0}, Open: true}},
			`not (claim iss of the token in header authorization behind "Bearer " is one of "a")`, 401, "Jwt issuer is not configured"},
		"a preflight, perhaps": {localKeys(), preflight(), nil, `(not (header access-control-request-method is present) or not (header origin is present))`, 401, "Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections"},
	} {
		t.Run(name, func(t *testing.T) {
			c.request.Trusted = c.trusted
			got := oneIssuer(t, c.fields).Decide(c.request)
			if got.Stops.String() != c.stops {
				t.Errorf("stops: %s\nwant   %s", got.Stops, c.stops)
			}
			if got.Reply.Status != c.status || got.Reply.Body != c.body {
				t.Errorf("it is answered %d %q", got.Reply.Status, got.Reply.Body)
			}
			for _, found := range c.request.Findings {
				if strings.Contains(fmt.Sprint(found, got.Stops), "secret") {
					t.Errorf("a secret is shown: %v %s", found, got.Stops)
				}
			}
		})
	}
}

func preflight() *traffic.Stream {
	s := open(request("/", "authorization", "Bearer x"))
	s.Headers.Set(":method", "OPTIONS")
	s.QueryUnknown = false
	return s
}

// TestClaimsOfATokenThatIsNotSaidAreOpen holds what later filters see of a token of which nothing is known.
func TestClaimsOfATokenThatIsNotSaidAreOpen(t *testing.T) {
	f := filterOf(t, `{"providers": {"p": {"issuer": "a", "payload_in_metadata": "payload", "from_headers": [{"name": "x-token"}], "claim_to_headers": [{"header_name": "x-sub", "claim_name": "sub"}]`+localKeys()+`}}, "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "p"}}]}`)
	s := open(request("/", "x-sub", "forged"))
	f.Decide(s)
	want := map[string]traffic.Object{namespace: {Fields: map[string]any{"payload": traffic.Object{Fields: map[string]any{"iss": "a"}, Open: true}}}}
	if diff := cmp.Diff(want, s.Metadata); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, there := s.Headers.First("x-sub"); there || !s.Headers.Open() {
		t.Errorf("headers: %v", s.Headers.Lines())
	}
	if got := s.Findings[0].Matched.String(); got != `(a valid token of "a" in header x-token and a token in header x-token)` && got != `a valid token of "a" in header x-token` {
		t.Errorf("matched: %s", got)
	}
}

// TestATokenOfAnIssuerThatIsNotKnownIsThatOfAny holds that all that may become of it is told, where each of several issuers
// may be it and none has to be.
func TestATokenOfAnIssuerThatIsNotKnownIsThatOfAny(t *testing.T) {
	f := filterOf(t, `{"providers": {"p": {"issuer": "a"`+localKeys()+`}, "q": {"issuer": "b", "audiences": ["x"]`+localKeys()+`}}, "rules": [{"match": {"prefix": "/"}, "requires": {"allow_missing": {}}}]}`)
	s := request("/", "authorization", "Bearer t")
	s.Trusted = map[string]traffic.Object{"t": {Fields: map[string]any{"iss": traffic.Unknown{}}}}
	const of = `claim iss of the token in header authorization behind "Bearer " is `
	worlds, _ := f.worlds(s)
	outcomes := map[status]int{}
	for _, w := range worlds {
		outcomes[w.outcome]++
	}
	if want := map[status]int{ok: 1, audienceNotAllowed: 1, unknownIssuer: 2}; !cmp.Equal(want, outcomes) {
		t.Errorf("it may be %v, want %v", outcomes, want)
	}
	if got := f.Decide(s).Stops.String(); !strings.Contains(got, of+`"a"`) || !strings.Contains(got, of+`one of "a", "b"`) {
		t.Errorf("stops: %s", got)
	}
}

// TestTooManyWorldsLeaveAllOpen holds the bound on what may be the case: behind it nothing is known.
func TestTooManyWorldsLeaveAllOpen(t *testing.T) {
	var headers []string
	for i := range 20 {
		headers = append(headers, fmt.Sprintf(`{"name": "x-token-%d"}`, i))
	}
	f := oneIssuer(t, localKeys()+`, "from_headers": [`+strings.Join(headers, ",")+`]`)
	s := open(request("/"))
	worlds, all := f.worlds(s)
	if all || len(worlds) != maxWorlds {
		t.Errorf("%d worlds", len(worlds))
	}
	if got := f.Decide(s); !got.Stops.Open() || got.Reply.Status != 0 {
		t.Errorf("%v", got)
	}
	if !s.Headers.Open() || !s.Metadata[namespace].Open {
		t.Errorf("something is said to be known: %v %v", s.Headers, s.Metadata)
	}
}

// TestWhatIsKnownOfAPartHoldsOfTheWhole leaves things out of requests: nothing that is then said to be
// known differs from what the whole request gets.
func TestWhatIsKnownOfAPartHoldsOfTheWhole(t *testing.T) {
	provider := func(key, issuer, more string) string {
		return fmt.Sprintf(`%q: {"issuer": %q, "payload_in_metadata": "payload-%s", "claim_to_headers": [{"header_name": "x-%s", "claim_name": "sub"}]%s%s}`, key, issuer, issuer, issuer, more, localKeys())
	}
	providers := `"bypass_cors_preflight": true, "providers": {` + provider("p", "a", "") + `,` + provider("q", "b", `, "from_headers": [{"name": "x-token"}], "from_params": ["token"]`) + `,` + provider("r", "c", `, "from_cookies": ["session"], "audiences": ["one"]`) + `}`
	for name, requires := range map[string]string{
		"a tree": `{"requires_all": {"requirements": [
			{"requires_any": {"requirements": [{"provider_name": "p"}, {"provider_name": "q"}, {"allow_missing": {}}]}},
			{"requires_any": {"requirements": [{"provider_name": "r"}, {"requires_all": {"requirements": [{"provider_name": "p"}, {"provider_name": "q"}]}}, {"allow_missing": {}}]}}]}}`,
		"all that may be missing": `{"allow_missing": {}}`,
	} {
		t.Run(name, func(t *testing.T) {
			holdsOfTheWhole(t, filterOf(t, `{`+providers+`, "rules": [{"match": {"prefix": "/"}, "requires": `+requires+`}]}`))
			holdsOfTheWhole(t, filterOf(t, `{`+providers+`, "rules": [
				{"match": {"prefix": "/", "headers": [{"name": "authorization", "string_match": {"contains": ","}, "invert_match": true, "treat_missing_header_as_empty": true}, {"name": "x-token", "present_match": true, "invert_match": true}],
					"query_parameters": [{"name": "token", "present_match": false}]}, "requires": {"allow_missing": {}}},
				{"match": {"prefix": "/", "headers": [{"name": "cookie", "string_match": {"contains": "session"}, "invert_match": true, "treat_missing_header_as_empty": true},
					{"name": ":path", "string_match": {"safe_regex": {"regex": "[^?]*(\\?token=.*)?"}}}]}, "requires": {"provider_name": "q"}},
				{"match": {"prefix": "/"}, "requires": `+requires+`}]}`))
		})
	}
}

func holdsOfTheWhole(t *testing.T, f *Filter) {
	texts := []string{minted(`{"iss":"a","sub":"s"}`), minted(`{"iss":"b","sub":"s"}`), minted(`{"iss":"c","aud":"one"}`), minted(`{"iss":"c","aud":"two"}`), minted(`{"iss":"a","exp":1}`), minted(`{"iss":"x"}`), "x"}
	seed := rand.Uint64()
	random := rand.New(rand.NewPCG(seed, 1))
	for range 1000 {
		var lines []string
		for _, name := range []string{"authorization", "x-token", "cookie", "x-a"} {
			if random.IntN(2) == 0 {
				prefix := map[string]string{"authorization": "Bearer ", "cookie": "session="}[name]
				lines = append(lines, name, prefix+texts[random.IntN(len(texts))])
			}
		}
		path := "/p"
		if random.IntN(2) == 0 {
			path += "?token=" + texts[random.IntN(len(texts))]
		}
		whole, part := request(path, lines...), request(path, lines...)
		kept := slices.DeleteFunc(part.Headers.Lines(), func(l traffic.Header) bool { return l.Name[0] != ':' && random.IntN(2) == 0 })
		part.Headers = traffic.NewHeaders(kept, traffic.OthersUnknown)
		if random.IntN(2) == 0 {
			part.Headers.Set(":path", "/p")
			part.QueryUnknown = true
		}
		got, of := f.Decide(whole), f.Decide(part)
		if problem := contradiction(whole, part, got, of); problem != "" {
			t.Fatalf("seed %d: %s\nwhole %v %v\npart %v %v\n%q %q", seed, problem, got, whole.Metadata, of, part.Metadata, lines, kept)
		}
	}
}

// contradiction says what is known of a part that is otherwise of the whole.
func contradiction(whole, part *traffic.Stream, got, of traffic.Effect) string {
	switch {
	case got.Stops.Open():
		return "the whole is open"
	case !of.Stops.Open() && of.Stops.Holds() != got.Stops.Holds():
		return "the part stops otherwise"
	case got.Stops.Holds() && (of.Reply.Status != 0 && of.Reply.Status != got.Reply.Status || of.Reply.Body != "" && of.Reply.Body != got.Reply.Body):
		return "the part is answered otherwise"
	case got.Stops.Holds():
		return ""
	}
	for _, l := range part.Headers.Lines() {
		if l.Name[0] != ':' && !slices.Contains(whole.Headers.Lines(), l) {
			return "the part has the header " + l.Name
		}
	}
	return contradicts(asValue(whole.Metadata[namespace]), asValue(part.Metadata[namespace]))
}

func asValue(o traffic.Object) any { return o }

func contradicts(whole, part any) string {
	if _, unknown := part.(traffic.Unknown); unknown {
		return ""
	}
	w, isObject := whole.(traffic.Object)
	p, both := part.(traffic.Object)
	if !isObject || !both {
		if !reflect.DeepEqual(whole, part) {
			return fmt.Sprintf("%v is %v in the part", whole, part)
		}
		return ""
	}
	for name, value := range p.Fields {
		if problem := contradicts(w.Fields[name], value); problem != "" {
			return problem
		}
	}
	for name := range w.Fields {
		if _, there := p.Fields[name]; !there && !p.Open {
			return name + " is not in the part"
		}
	}
	return ""
}
