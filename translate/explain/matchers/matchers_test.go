package matchers_test

import (
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	uritemplatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/path/match/uri_template/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/traffic"
	"github.com/portreeve/portreeve/translate/resource"
)

func read[M proto.Message](t *testing.T, text string, into M) M {
	t.Helper()
	if err := protojson.Unmarshal([]byte(text), into); err != nil {
		t.Fatal(err)
	}
	return into
}

// said is a condition, and what was seen where it does not hold.
func said(m matchers.Matcher, s *traffic.Stream) string {
	c, saw := m.Match(s)
	if saw != "" {
		return c.String() + ": " + saw
	}
	return c.String()
}

func TestHeaders(t *testing.T) {
	none, unknown := []traffic.Header{}, []traffic.Header(nil)
	one := func(v ...string) []traffic.Header {
		out := []traffic.Header{}
		for _, value := range v {
			out = append(out, traffic.Header{Name: "X", Value: value})
		}
		return out
	}
	for name, c := range map[string]struct {
		matcher, wants string
		headers        []traffic.Header
		want           string
	}{
		"holds":                    {`{"name":"X","stringMatch":{"exact":"a"}}`, `header x is "a"`, one("a"), "holds"},
		"fails":                    {`{"name":"x","stringMatch":{"exact":"a"}}`, `header x is "a"`, one("b"), "fails: b"},
		"empty":                    {`{"name":"x","stringMatch":{"prefix":"a"}}`, `header x is "a"*`, one(""), "fails: an empty value"},
		"lines are not joined":     {`{"name":"x","stringMatch":{"exact":"a,b"}}`, `header x is "a,b"`, one("a", "b"), "fails: a,b"},
		"not there":                {`{"name":"x","stringMatch":{"suffix":"a"}}`, `header x is *"a"`, none, "fails: no header x"},
		"unknown":                  {`{"name":"x","stringMatch":{"contains":"a"}}`, `header x is *"a"*`, unknown, `header x is *"a"*: header x is not known`},
		"inverted, not there":      {`{"name":"x","stringMatch":{"exact":"a"},"invertMatch":true}`, `header x is not "a"`, none, "fails: no header x"},
		"inverted, unknown":        {`{"name":"x","stringMatch":{"exact":"a"},"invertMatch":true}`, `header x is not "a"`, unknown, `(header x is there and not (header x is "a")): header x is not known`},
		"or empty, inverted":       {`{"name":"x","stringMatch":{"exact":"a"},"invertMatch":true,"treatMissingHeaderAsEmpty":true}`, `header x is not "a"`, none, "holds"},
		"or empty, unknown":        {`{"name":"x","stringMatch":{"exact":""},"treatMissingHeaderAsEmpty":true}`, `header x is ""`, unknown, `(header x is "" or not (header x is there)): header x is not known`},
		"or empty, inv., unknown":  {`{"name":"x","stringMatch":{"exact":"a"},"invertMatch":true,"treatMissingHeaderAsEmpty":true}`, `header x is not "a"`, unknown, `not (header x is "a"): header x is not known`},
		"present":                  {`{"name":"x","presentMatch":true}`, `header x is there`, none, "fails: no header x"},
		"present, unknown":         {`{"name":"x","presentMatch":true}`, `header x is there`, unknown, `header x is there: header x is not known`},
		"absent, unknown":          {`{"name":"x","presentMatch":false}`, `header x is not there`, unknown, `not (header x is there): header x is not known`},
		"not empty":                {`{"name":"x","stringMatch":{"safeRegex":{"regex":".+"}}}`, `header x is not empty`, one(""), "fails: an empty value"},
		"range":                    {`{"name":"x","rangeMatch":{"start":"1","end":"5"}}`, `header x is a number from 1 to less than 5`, one("5"), "fails: 5"},
		"any case":                 {`{"name":"x","stringMatch":{"exact":"A","ignoreCase":true}}`, `header x is "A" in any case`, one("a"), "holds"},
		"a credential":             {`{"name":"Authorization","stringMatch":{"exact":"a"}}`, `header authorization is "a"`, []traffic.Header{{Name: "authorization", Value: "Bearer x"}}, "fails: a value that is not shown"},
		"a token elsewhere":        {`{"name":"x-jwt","stringMatch":{"exact":"a"}}`, `header x-jwt is "a"`, []traffic.Header{{Name: "x-jwt", Value: "Bearer eyJhbGciOiJIUzI1NiJ9.e30.c2ln"}}, "fails: a token, or what holds one"},
		"an access key":            {`{"name":"x_access_key","stringMatch":{"exact":"a"}}`, `header x_access_key is "a"`, []traffic.Header{{Name: "x_access_key", Value: "b"}}, "fails: a value that is not shown"},
		"a token":                  {`{"name":"x-csrf-token","stringMatch":{"exact":"a"}}`, `header x-csrf-token is "a"`, []traffic.Header{{Name: "x-csrf-token", Value: "b"}}, "fails: a value that is not shown"},
		"a query":                  {`{"name":":path","stringMatch":{"exact":"/"}}`, `path with query is /`, []traffic.Header{{Name: ":path", Value: "/a?access_token=x"}}, "fails: /a?…"},
		"a method":                 {`{"name":":method","stringMatch":{"exact":"GET"}}`, `method is GET`, []traffic.Header{{Name: ":method", Value: "PUT"}}, "fails: PUT"},
		"a host":                   {`{"name":":authority","stringMatch":{"suffix":".a","ignoreCase":true}}`, `host is *.a in any case`, []traffic.Header{{Name: ":authority", Value: "b"}}, "fails: b"},
		"an asterisk in a literal": {`{"name":":authority","stringMatch":{"exact":"*.a"}}`, `host is "*.a"`, []traffic.Header{{Name: ":authority", Value: "*.a"}}, "holds"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := matchers.Header(read(t, c.matcher, &routev3.HeaderMatcher{}))
			if err != nil {
				t.Fatal(err)
			}
			s := &traffic.Stream{Headers: traffic.NewHeaders(c.headers, traffic.Others(c.headers == nil))}
			if got := said(m, s); got != c.want || m.Wants != c.wants {
				t.Errorf("%s: %s\nwant %s: %s", m.Wants, got, c.wants, c.want)
			}
		})
	}
}

// TestNoCredentialIsShown holds that what the rest of the program takes for a credential is one here too.
func TestNoCredentialIsShown(t *testing.T) {
	for name, credential := range map[string]bool{
		"authorization": true, "proxy-authorization": true, "cookie": true, "set-cookie": true, "x-csrf-token": true, "x-client-secret": true, "x-password": true,
		"x-api-key": true, "x_api_key": true, "apikey": true, "x-access-key": true, "x-credential": true, "x-user": false, "accept": false,
	} {
		m, err := matchers.Header(&routev3.HeaderMatcher{Name: name, InvertMatch: true, HeaderMatchSpecifier: &routev3.HeaderMatcher_PresentMatch{PresentMatch: true}})
		if err != nil {
			t.Fatal(err)
		}
		got := said(m, &traffic.Stream{Headers: traffic.NewHeaders([]traffic.Header{{Name: name, Value: "hunter2"}}, traffic.NoOthers)})
		if resource.Credential(name) != credential || strings.Contains(got, "hunter2") == credential {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestHeaderLinesAreMatchedAlone(t *testing.T) {
	for matcher, want := range map[string]string{
		`{"name":"x","stringMatch":{"exact":"b"}}`:                      "holds",
		`{"name":"x","stringMatch":{"exact":"a,b"}}`:                    "fails: a,b",
		`{"name":"x","stringMatch":{"exact":"b"},"invertMatch":true}`:   "fails: a,b",
		`{"name":"x","stringMatch":{"exact":"a,b"},"invertMatch":true}`: "holds",
	} {
		m, err := matchers.Header(read(t, matcher, &routev3.HeaderMatcher{}))
		if err != nil {
			t.Fatal(err)
		}
		s := &traffic.Stream{Headers: traffic.NewHeaders([]traffic.Header{{Name: "x", Value: "a"}, {Name: "x", Value: "b"}}, traffic.NoOthers)}
		if got := said(m, s); got != want {
			t.Errorf("%s: %s, want %s", matcher, got, want)
		}
	}
}

func TestAPathWhoseQueryIsNotKnown(t *testing.T) {
	s := &traffic.Stream{QueryUnknown: true, Headers: traffic.NewHeaders([]traffic.Header{{Name: ":path", Value: "/a"}}, traffic.NoOthers)}
	header, err := matchers.Header(read(t, `{"name":":path","stringMatch":{"exact":"/a"},"invertMatch":true}`, &routev3.HeaderMatcher{}))
	if err != nil {
		t.Fatal(err)
	}
	if got := said(header, s); got != "not (path with query is /a): /a" {
		t.Error(got)
	}
	path, err := matchers.Path(&matcherv3.PathMatcher{Rule: &matcherv3.PathMatcher_Path{Path: &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Exact{Exact: "/a"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := said(path, s); got != "holds" {
		t.Error("a path without its query is known:", got)
	}
	if got := said(path, &traffic.Stream{}); got != "fails: no path" {
		t.Error(got)
	}
}

func TestTemplates(t *testing.T) {
	for template, c := range map[string]struct{ yes, no []string }{
		"/*":         {[]string{"/a", "/a?b=/c", "/a*b;c=d"}, []string{"/", "/a/", "/a/b", "/a|b", "a", "/\xe9"}},
		"/a/**":      {[]string{"/a/", "/a/b/c", "/a/b#c"}, []string{"/a", "/b/a/"}},
		"/a/*/b.c":   {[]string{"/a/x/b.c"}, []string{"/a/x/bxc", "/a//b.c", "/a/x/y/b.c"}},
		"/**.html":   {[]string{"/.html", "/a/b.html"}, []string{"/a.htm", "/ahtml"}},
		"/a(b)+$/**": {[]string{"/a(b)+$/c"}, []string{"/abb/c"}},
	} {
		config := match.Any(&uritemplatev3.UriTemplateMatchConfig{PathTemplate: template})
		matches, err := matchers.Template(&corev3.TypedExtensionConfig{TypedConfig: config})
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range c.yes {
			if !matches(path) {
				t.Errorf("%s does not match %s", template, path)
			}
		}
		for _, path := range c.no {
			if matches(path) {
				t.Errorf("%s matches %s", template, path)
			}
		}
	}
	for _, template := range []string{"", "a", "/{name}", "/{name=*}/b"} {
		config := match.Any(&uritemplatev3.UriTemplateMatchConfig{PathTemplate: template})
		if _, err := matchers.Template(&corev3.TypedExtensionConfig{TypedConfig: config}); err == nil {
			t.Errorf("%q is understood", template)
		}
	}
}

func TestAddresses(t *testing.T) {
	for name, c := range map[string]struct {
		prefix        string
		bits          uint32
		address, want string
	}{
		"inside":           {"10.0.0.0", 8, "10.9.9.9", "holds"},
		"host bits":        {"10.1.2.3", 8, "10.9.9.9", "holds"},
		"outside":          {"10.0.0.0", 8, "11.0.0.1", "fails: 11.0.0.1"},
		"one":              {"10.0.0.1", 32, "10.0.0.1", "holds"},
		"mapped":           {"10.0.0.0", 8, "::ffff:10.0.0.1", "fails: ::ffff:10.0.0.1"},
		"other version":    {"0.0.0.0", 0, "::1", "fails: ::1"},
		"version 6":        {"2001:db8::", 32, "2001:db8:1::1", "holds"},
		"bits too many":    {"10.0.0.1", 99, "10.0.0.1", "holds"},
		"address unknown":  {"10.0.0.0", 8, "", "source IP is in 10.0.0.0/8: source IP is not known"},
		"address, unknown": {"10.0.0.1", 32, "", "source IP is 10.0.0.1: source IP is not known"},
	} {
		address, _ := netip.ParseAddr(c.address)
		m, err := matchers.Address("source IP", &corev3.CidrRange{AddressPrefix: c.prefix, PrefixLen: wrapperspb.UInt32(c.bits)}, func(*traffic.Stream) netip.Addr { return address })
		if err != nil {
			t.Fatal(err)
		}
		if got := said(m, &traffic.Stream{}); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if _, err := matchers.CIDR(&corev3.CidrRange{AddressPrefix: "fe80::1%eth0"}); err == nil {
		t.Error("a zone is understood")
	}
}

// object makes what encoding/json makes an Object, with Unknown for the text "?".
func object(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := traffic.Object{Fields: map[string]any{}}
		for key, value := range v {
			if key == "..." {
				out.Open = true
				continue
			}
			out.Fields[key] = object(value)
		}
		return out
	case []any:
		for i := range v {
			v[i] = object(v[i])
		}
		return v
	case string:
		if v == "?" {
			return traffic.Unknown{}
		}
	}
	return v
}

func claims(t *testing.T, text string) *traffic.Stream {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatal(err)
	}
	return &traffic.Stream{Metadata: map[string]traffic.Object{"envoy.filters.http.jwt_authn": object(v).(traffic.Object)}}
}

func TestClaims(t *testing.T) {
	claim := func(path, value string) string {
		return `{"filter":"envoy.filters.http.jwt_authn","path":[{"key":"payload"}` + path + `],"value":` + value + `}`
	}
	istio := func(v string) string {
		return `{"orMatch":{"valueMatchers":[{"listMatch":{"oneOf":` + v + `}},` + v + `]}}`
	}
	admin := claim(`,{"key":"g"}`, istio(`{"stringMatch":{"exact":"admin"}}`))
	several := claim(`,{"key":"g"}`, istio(`{"orMatch":{"valueMatchers":[{"stringMatch":{"exact":"a"}},{"stringMatch":{"prefix":"b"}}]}}`))
	nested := claim(`,{"key":"r"},{"key":"s"}`, istio(`{"stringMatch":{"exact":"x"}}`))
	text := claim(`,{"key":"iss"}`, `{"stringMatch":{"exact":"i"}}`)
	for name, c := range map[string]struct{ matcher, wants, metadata, want string }{
		"text":                 {admin, `claim g is "admin"`, `{"payload":{"g":"admin"}}`, "holds"},
		"other text":           {admin, `claim g is "admin"`, `{"payload":{"g":"dev"}}`, `fails: "dev"`},
		"list":                 {admin, `claim g is "admin"`, `{"payload":{"g":["dev","admin"]}}`, "holds"},
		"list without it":      {admin, `claim g is "admin"`, `{"payload":{"g":["dev",1,null]}}`, `fails: ["dev", a number, null]`},
		"empty list":           {admin, `claim g is "admin"`, `{"payload":{"g":[]}}`, `fails: an empty list`},
		"list in a list":       {admin, `claim g is "admin"`, `{"payload":{"g":[["admin"]]}}`, `fails: [a list]`},
		"boolean":              {admin, `claim g is "admin"`, `{"payload":{"g":true}}`, `fails: claim g is a boolean; only text and lists of text match`},
		"number":               {admin, `claim g is "admin"`, `{"payload":{"g":5}}`, `fails: claim g is a number; only text and lists of text match`},
		"null":                 {admin, `claim g is "admin"`, `{"payload":{"g":null}}`, `fails: claim g is null; only text and lists of text match`},
		"object":               {admin, `claim g is "admin"`, `{"payload":{"g":{}}}`, `fails: claim g is an object; only text and lists of text match`},
		"no claim":             {admin, `claim g is "admin"`, `{"payload":{}}`, `fails: no claim g`},
		"no token":             {admin, `claim g is "admin"`, `{}`, `fails: no verified token`},
		"unknown":              {admin, `claim g is "admin"`, `{"payload":{"g":"?"}}`, `claim g is "admin": claim g is not known`},
		"may be there":         {admin, `claim g is "admin"`, `{"payload":{"...":1}}`, `claim g is "admin": claim g is not known`},
		"any token":            {admin, `claim g is "admin"`, `{"payload":"?"}`, `claim g is "admin": claim g is not known`},
		"element unknown":      {admin, `claim g is "admin"`, `{"payload":{"g":["dev","?"]}}`, `claim g is "admin": ["dev", not known]`},
		"element does not ask": {admin, `claim g is "admin"`, `{"payload":{"g":["?","admin"]}}`, `holds`},
		"one of several":       {several, `claim g is one of "a", "b"*`, `{"payload":{"g":"bc"}}`, "holds"},
		"several, unknown":     {several, `claim g is one of "a", "b"*`, `{"payload":{"g":"?"}}`, `(claim g is "a" or claim g is "b"*): claim g is not known`},
		"text of either":       {claim(`,{"key":"g"}`, `{"orMatch":{"valueMatchers":[{"stringMatch":{"exact":"a"}},{"stringMatch":{"exact":"b"}}]}}`), `claim g is one of "a", "b"`, `{"payload":{"g":["b"]}}`, `fails: ["b"]`},
		"other text in a list": {claim(`,{"key":"g"}`, `{"orMatch":{"valueMatchers":[{"listMatch":{"oneOf":{"stringMatch":{"exact":"a"}}}},{"stringMatch":{"exact":"b"}}]}}`), `claim g is one of a list with "a", "b"`, `{"payload":{"g":["b"]}}`, `fails: ["b"]`},
		"nested":               {nested, `claim r[s] is "x"`, `{"payload":{"r":{"s":["x"]}}}`, "holds"},
		"nested, no object":    {nested, `claim r[s] is "x"`, `{"payload":{"r":"s"}}`, `fails: no claim r[s]`},
		"nested, may be there": {nested, `claim r[s] is "x"`, `{"payload":{"...":1}}`, `claim r[s] is "x": claim r[s] is not known`},
		"only text":            {text, `claim iss is "i"`, `{"payload":{"iss":["i"]}}`, `fails: ["i"]`},
		"only text, unknown":   {text, `claim iss is "i"`, `{"payload":{"iss":"?"}}`, `claim iss is the text "i": claim iss is not known`},
		"inverted, missing":    {`{"filter":"x","path":[{"key":"y"}],"value":{"stringMatch":{"exact":"a"}},"invert":true}`, `metadata x[y] is not "a"`, `{}`, "holds"},
		"present":              {claim(`,{"key":"g"}`, `{"presentMatch":true}`), `claim g is there`, `{"payload":{"g":null}}`, "holds"},
		"null match":           {claim(`,{"key":"g"}`, `{"nullMatch":{}}`), `claim g is null`, `{"payload":{}}`, "fails: no claim g"},
		"boolean match":        {claim(`,{"key":"g"}`, `{"boolMatch":true}`), `claim g is true`, `{"payload":{"g":"true"}}`, `fails: "true"`},
		"number match":         {claim(`,{"key":"g"}`, `{"doubleMatch":{"range":{"start":1,"end":2}}}`), `claim g is a number from 1 to less than 2`, `{"payload":{"g":1.5}}`, `holds`},
		"list alone, unknown":  {claim(`,{"key":"g"}`, `{"listMatch":{"oneOf":{"stringMatch":{"exact":"a"}}}}`), `claim g is a list with "a"`, `{"payload":{"g":"?"}}`, `claim g is a list with the text "a": claim g is not known`},
		"another token":        {`{"filter":"envoy.filters.http.jwt_authn","path":[{"key":"payload-1"},{"key":"g"}],"value":{"presentMatch":true}}`, `claim g of the token under payload-1 is there`, `{"payload":{"g":1}}`, "fails: no verified token"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := matchers.Metadata(read(t, c.matcher, &matcherv3.MetadataMatcher{}))
			if err != nil {
				t.Fatal(err)
			}
			if got := said(m, claims(t, c.metadata)); got != c.want || m.Wants != c.wants {
				t.Errorf("%s: %s\nwant %s: %s", m.Wants, got, c.wants, c.want)
			}
		})
	}
}

// TestAValueThatFactsDecide holds that a matcher of it depends on these facts.
func TestAValueThatFactsDecide(t *testing.T) {
	m, err := matchers.Metadata(read(t, `{"filter":"x","path":[{"key":"y"}],"value":{"stringMatch":{"prefix":"p-"}}}`, &matcherv3.MetadataMatcher{}))
	if err != nil {
		t.Fatal(err)
	}
	a, b, always := traffic.DependsOn("a"), traffic.DependsOn("b"), traffic.Known(true)
	for name, c := range map[string]struct {
		choice traffic.Choice
		want   string
	}{
		"either matches":     {traffic.Choice{{If: a, Value: "p-1"}, {If: b, Value: "p-2"}}, "(a or b)"},
		"the second matches": {traffic.Choice{{If: a, Value: "q-1"}, {If: b, Value: "p-2"}}, "(b and not (a))"},
		"the rest matches":   {traffic.Choice{{If: a, Value: "q-1"}, {If: always, Value: "p-2"}}, "not (a)"},
		"all match":          {traffic.Choice{{If: a, Value: "p-1"}, {If: always, Value: "p-2"}}, "holds"},
		"none matches":       {traffic.Choice{{If: a, Value: "q-1"}}, "fails"},
	} {
		s := &traffic.Stream{Metadata: map[string]traffic.Object{"x": {Fields: map[string]any{"y": c.choice}}}}
		if got := m.Decide(s).String(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}
