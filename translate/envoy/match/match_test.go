package match_test

import (
	"regexp"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

func prefix(s string) *matcherv3.StringMatcher {
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: s}}
}

func suffix(s string) *matcherv3.StringMatcher {
	return &matcherv3.StringMatcher{MatchPattern: &matcherv3.StringMatcher_Suffix{Suffix: s}}
}

func TestStrings(t *testing.T) {
	for name, c := range map[string]struct{ got, want *matcherv3.StringMatcher }{
		"anything that is not empty":         {match.String("*"), match.Regex(".+")},
		"suffix":                             {match.String("*x"), suffix("x")},
		"prefix":                             {match.String("x*"), prefix("x")},
		"exact":                              {match.String("x"), match.Exact("x")},
		"an asterisk inside is literal":      {match.String("/api/*/users"), match.Exact("/api/*/users")},
		"the first asterisk is the wildcard": {match.String("*x*"), suffix("x*")},
		"two asterisks":                      {match.String("**"), suffix("*")},
		"any peer":                           {match.Peer("*"), match.Regex(".+")},
		"peer":                               {match.Peer("td/ns/a/sa/b"), match.Exact("spiffe://td/ns/a/sa/b")},
		"peer by prefix":                     {match.Peer("td/ns/a/*"), prefix("spiffe://td/ns/a/")},
		"peer by suffix":                     {match.Peer("*/sa/b.c"), match.Regex(`spiffe://.*/sa/b\.c`)},
		"any trust domain":                   {match.TrustDomain("*"), prefix("spiffe://")},
		"trust domain":                       {match.TrustDomain("a.example"), prefix("spiffe://a.example/")},
		"trust domain by prefix":             {match.TrustDomain("a.*"), match.Regex(`spiffe://a\.[^/]*/.*`)},
		"trust domain by suffix":             {match.TrustDomain("*.example"), match.Regex(`spiffe://[^/]*\.example/.*`)},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, c.got, protocmp.Transform()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestIdentities holds what the regular expressions mean; Envoy matches whole values.
func TestIdentities(t *testing.T) {
	for name, c := range map[string]struct {
		matcher *matcherv3.StringMatcher
		id      string
		want    bool
	}{
		"namespace":                              {match.Namespace("prod"), "spiffe://td/ns/prod/sa/a", true},
		"another namespace":                      {match.Namespace("prod"), "spiffe://td/ns/prod2/sa/a", false},
		"a namespace's dot is no wildcard":       {match.Namespace("a.b"), "spiffe://td/ns/axb/sa/a", false},
		"a namespace's asterisks":                {match.Namespace("*-p*"), "spiffe://td/ns/my-prod/sa/a", true},
		"account in the policy's namespace":      {match.ServiceAccount("a", "prod"), "spiffe://td/ns/prod/sa/a", true},
		"account of another namespace":           {match.ServiceAccount("a", "prod"), "spiffe://td/ns/test/sa/a", false},
		"account with its namespace":             {match.ServiceAccount("test/a", "prod"), "spiffe://td/ns/test/sa/a", true},
		"a longer account":                       {match.ServiceAccount("a", "prod"), "spiffe://td/ns/prod/sa/ab", false},
		"account with more after it":             {match.ServiceAccount("a", "prod"), "spiffe://td/ns/prod/sa/a/pod/x", true},
		"account with more before it":            {match.ServiceAccount("a", "prod"), "spiffe://td/ns/prod/cluster/c/sa/a", true},
		"an account's dot is no wildcard":        {match.ServiceAccount("a.b", "prod"), "spiffe://td/ns/prod/sa/axb", false},
		"peer's suffix does not end in between":  {match.Peer("*/sa/b"), "spiffe://td/ns/a/sa/bc", false},
		"trust domain's wildcard stays in place": {match.TrustDomain("*.example"), "spiffe://evil/ns/a.example/sa/b", false},
	} {
		t.Run(name, func(t *testing.T) {
			expression := "^(?:" + c.matcher.GetSafeRegex().GetRegex() + ")$"
			if got := regexp.MustCompile(expression).MatchString(c.id); got != c.want {
				t.Errorf("%s matches %s: %v, want %v", expression, c.id, got, c.want)
			}
		})
	}
}

func TestHeaders(t *testing.T) {
	if !match.Header("x", "*").GetPresentMatch() || !match.Host("*").GetPresentMatch() {
		t.Error(`"*" must match a header that is there, also an empty one`)
	}
	if m := match.Header(":method", "GET").GetStringMatch(); m.GetExact() != "GET" || m.GetIgnoreCase() {
		t.Errorf("a method is compared with regard to case: %v", m)
	}
	for _, v := range []string{"a.example", "*.example", "a.*"} {
		if h := match.Host(v); h.GetName() != ":authority" || !h.GetStringMatch().GetIgnoreCase() {
			t.Errorf("a host is compared without regard to case: %v", h)
		}
	}
}

func TestHostsWithPorts(t *testing.T) {
	for host, want := range map[string]*matcherv3.StringMatcher{
		"a.example":   {MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: "a.example:"}, IgnoreCase: true},
		"[::1]":       {MatchPattern: &matcherv3.StringMatcher_Prefix{Prefix: "[::1]:"}, IgnoreCase: true},
		"*.a.example": match.Regex(`(?i).*\.a\.example:[0-9]*`),
		"*":           nil, "a.*": nil, "a.example:80": nil, "a.example:*": nil, "[::1]:80": nil, "*.a.example:80": nil,
	} {
		if diff := cmp.Diff(want, match.HostWithPort(host).GetStringMatch(), protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", host, diff)
		}
	}
}

func TestTemplates(t *testing.T) {
	for path, want := range map[string]string{
		"/a/{*}/b": "/a/*/b", "/a/{**}": "/a/**", "/{*}/{**}": "/*/**", "/{*}/b/": "/*/b/",
		"/a/*": "", "/a": "", "*": "", "/a/{b}": "",
	} {
		got, ok := match.Template(path)
		if got != want || ok != (want != "") {
			t.Errorf("%s: %q %v, want %q", path, got, ok, want)
		}
	}
}

func TestBlocks(t *testing.T) {
	for text, want := range map[string]*corev3.CidrRange{
		"1.2.3.4":       {AddressPrefix: "1.2.3.4", PrefixLen: wrapperspb.UInt32(32)},
		"10.1.2.3/8":    {AddressPrefix: "10.1.2.3", PrefixLen: wrapperspb.UInt32(8)},
		"0.0.0.0/0":     {AddressPrefix: "0.0.0.0", PrefixLen: wrapperspb.UInt32(0)},
		"2001:db8::1":   {AddressPrefix: "2001:db8::1", PrefixLen: wrapperspb.UInt32(128)},
		"2001:db8::/32": {AddressPrefix: "2001:db8::", PrefixLen: wrapperspb.UInt32(32)},
		"":              nil, "10.0.0": nil, "10.0.0.0/33": nil, "fe80::1%eth0": nil, "example": nil,
	} {
		if diff := cmp.Diff(want, match.CIDR(text), protocmp.Transform()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}
