package rbac_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// manyRules is a filter of as many rules, which ask for paths, methods, claims, addresses and hosts.
func manyRules(n int) string {
	var rules []string
	for i := range n {
		rules = append(rules, fmt.Sprintf(`"ns[a]-policy[p%d]-rule[0]":{"permissions":[{"andRules":{"rules":[
{"orRules":{"rules":[{"header":{"name":":authority","stringMatch":{"suffix":".example","ignoreCase":true}}}]}},
{"orRules":{"rules":[{"urlPath":{"path":{"exact":"/a%d"}}},{"urlPath":{"path":{"prefix":"/api/%d/"}}},{"urlPath":{"path":{"prefix":"/api"}}}]}},
{"orRules":{"rules":[{"header":{"name":":method","stringMatch":{"exact":"POST"}}},{"header":{"name":":method","stringMatch":{"exact":"GET"}}}]}}]}}],
"principals":[{"andIds":{"ids":[{"orIds":{"ids":[{"directRemoteIp":{"addressPrefix":"10.0.0.0","prefixLen":8}},{"directRemoteIp":{"addressPrefix":"192.168.0.0","prefixLen":16}}]}},
{"sourcedMetadata":{"metadataMatcher":{"filter":"envoy.filters.http.jwt_authn","path":[{"key":"payload"},{"key":"groups"}],
"value":{"orMatch":{"valueMatchers":[{"listMatch":{"oneOf":{"stringMatch":{"exact":"group-%d"}}}},{"stringMatch":{"exact":"group-%d"}}]}}}}}]}}]}`, i, i, i, i, i))
	}
	return `{"rules":{"action":"ALLOW","policies":{` + strings.Join(rules, ",") + `}}}`
}

// BenchmarkRules evaluates 100 rules that all fail at their last condition, with all reasons.
func BenchmarkRules(b *testing.B) {
	f := httpFilter(b, manyRules(100))
	metadata := map[string]traffic.Object{"envoy.filters.http.jwt_authn": {Fields: map[string]any{
		"payload": traffic.Object{Fields: map[string]any{"groups": []any{"dev", "ops", "staff"}}},
	}}}
	headers := traffic.NewHeaders([]traffic.Header{
		{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/api/users"}, {Name: ":authority", Value: "a.example"}, {Name: ":scheme", Value: "http"},
		{Name: "user-agent", Value: "curl"}, {Name: "accept", Value: "*/*"},
	}, traffic.NoOthers)
	from := netip.MustParseAddrPort("10.1.2.3:4")
	b.ReportAllocs()
	for b.Loop() {
		s := traffic.Stream{Connection: traffic.Connection{Destination: from, Direct: from, Remote: from}, Headers: headers, Metadata: metadata}
		if e := f.Decide(&s); !e.Stops.Holds() || len(s.Findings) != 100 {
			b.Fatal(e)
		}
	}
}
