package rbac_test

import (
	"net/netip"
	"strings"
	"testing"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	rbacnetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/portreeve/portreeve/translate/explain/rbac"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// Clauses as policy renders them.
const (
	paths     = `{"orRules":{"rules":[{"urlPath":{"path":{"exact":"/a"}}},{"urlPath":{"path":{"prefix":"/b"}}}]}}`
	methods   = `{"orRules":{"rules":[{"header":{"name":":method","stringMatch":{"exact":"GET"}}}]}}`
	notHosts  = `{"notRule":{"orRules":{"rules":[{"header":{"name":":authority","stringMatch":{"exact":"x"}}},{"header":{"name":":authority","stringMatch":{"exact":"y"}}}]}}}`
	issuer    = `{"sourcedMetadata":{"metadataMatcher":{"filter":"envoy.filters.http.jwt_authn","path":[{"key":"payload"},{"key":"iss"}],"value":{"stringMatch":{"exact":"i"}}}}}`
	subject   = `{"sourcedMetadata":{"metadataMatcher":{"filter":"envoy.filters.http.jwt_authn","path":[{"key":"payload"},{"key":"sub"}],"value":{"stringMatch":{"exact":"s"}}}}}`
	user      = `{"andIds":{"ids":[` + issuer + `,` + subject + `]}}`
	addresses = `{"orIds":{"ids":[{"directRemoteIp":{"addressPrefix":"10.0.0.0","prefixLen":8}},{"directRemoteIp":{"addressPrefix":"11.0.0.1","prefixLen":32}}]}}`
	peers     = `{"orIds":{"ids":[{"authenticated":{"principalName":{"exact":"spiffe://td/a"}}}]}}`
)

// mostTold bounds what is told of a condition.
const mostTold = 120

func policy(permissions, principals string) string {
	return `{"permissions":[` + permissions + `],"principals":[` + principals + `]}`
}

func andRules(rules ...string) string {
	return `{"andRules":{"rules":[` + strings.Join(rules, ",") + `]}}`
}

func andIDs(ids ...string) string { return `{"andIds":{"ids":[` + strings.Join(ids, ",") + `]}}` }

// stream is GET /c of host x from 12.0.0.1, with a verified token of issuer i.
func stream() *traffic.Stream {
	from := netip.MustParseAddrPort("12.0.0.1:1")
	return &traffic.Stream{
		Connection: traffic.Connection{Destination: from, Direct: from, Remote: from, TLS: true},
		Headers:    traffic.NewHeaders([]traffic.Header{{Name: ":method", Value: "GET"}, {Name: ":path", Value: "/c?d"}, {Name: ":authority", Value: "x"}}, traffic.NoOthers),
		Metadata: map[string]traffic.Object{"envoy.filters.http.jwt_authn": {Fields: map[string]any{
			"payload": traffic.Object{Fields: map[string]any{"iss": "i", "sub": true}},
		}}},
	}
}

// TestARuleThatFailsSaysWhy holds the condition that is blamed, and the words for it.
func TestARuleThatFailsSaysWhy(t *testing.T) {
	anything := `{"any":true}`
	for name, c := range map[string]struct{ policy, want string }{
		"matches": {policy(andRules(methods), anything), "holds"},
		"the first of a rule": {
			policy(andRules(methods, paths), anything),
			"fails | Permissions[0].AndRules.Rules[1] | path is one of /a, /b* | /c",
		},
		"a negation": {
			policy(andRules(notHosts), anything),
			"fails | Permissions[0].AndRules.Rules[0] | host is not one of x, y | x",
		},
		"permissions before principals": {
			policy(andRules(paths), andIDs(addresses)),
			"fails | Permissions[0].AndRules.Rules[0] | path is one of /a, /b* | /c",
		},
		"a principal": {
			policy(anything, andIDs(addresses, user)),
			"fails | Principals[0].AndIds.Ids[0] | source IP is one of 10.0.0.0/8, 11.0.0.1 | 12.0.0.1",
		},
		"a request principal": {
			policy(anything, andIDs(user)),
			`fails | Principals[0].AndIds.Ids[0] | request principal is "i"/"s" | "i"/claim sub is a boolean; only text matches`,
		},
		"a peer": {
			policy(anything, andIDs(peers)),
			`fails | Principals[0].AndIds.Ids[0].OrIds.Ids[0] | peer is "spiffe://td/a" | no client certificate`,
		},
		"the alternative of which most held": {
			policy(andRules(paths)+","+andRules(methods, paths)+","+andRules(paths, methods), anything),
			"fails | Permissions[1].AndRules.Rules[1] | path is one of /a, /b* | /c",
		},
		"spellings of a path": {
			policy(andRules(`{"orRules":{"rules":[{"urlPath":{"path":{"exact":"/a"}}},{"andRules":{"rules":[{"urlPath":{"path":{"safeRegex":{"regex":".*[;%].*"}}}},{"orRules":{"rules":[{"urlPath":{"path":{"safeRegex":{"regex":"/a(?:;.*)?"}}}}]}}]}}]}}`), anything),
			"fails | Permissions[0].AndRules.Rules[0] | path is one of /a, another spelling with ; or % | /c",
		},
		"long": {
			policy(`{"urlPath":{"path":{"exact":"/`+strings.Repeat("a", 1000)+`"}}}`, anything),
			"fails | Permissions[0] | path is /" + strings.Repeat("a", mostTold-len("path is /")) + "… | /c",
		},
		"many": {
			policy(`{"orRules":{"rules":[`+strings.Repeat(`{"urlPath":{"path":{"exact":"/a"}}},`, 99)+`{"urlPath":{"path":{"exact":"/a"}}}]}}`, anything),
			"fails | Permissions[0] | path is one of /a, /a, /a, /a, /a, /a, /a, /a and 92 more | /c",
		},
		"nothing matches": {
			policy(`{"notRule":{"any":true}}`, anything),
			"fails | Permissions[0] | nothing: no request matches | ",
		},
		"no principals": {
			policy(anything, ""),
			"fails | Principals | nothing: no request matches | ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := stream()
			httpFilter(t, `{"rules":{"policies":{"r":`+c.policy+`}}}`).Decide(s)
			f := s.Findings[0]
			got := f.Matched.String()
			if !f.Matched.Holds() {
				got = strings.Join([]string{got, f.Clause, f.Wants, f.Saw}, " | ")
			}
			if diff := cmp.Diff(c.want, got); diff != "" || f.Rule != "r" || f.Kind != traffic.Allows {
				t.Error(f, diff)
			}
		})
	}
}

// TestWhatFailsIsBlamedBeforeWhatIsNotKnown holds that a rule that cannot match says by which condition.
func TestWhatFailsIsBlamedBeforeWhatIsNotKnown(t *testing.T) {
	onX := `{"header":{"name":"x","stringMatch":{"exact":"1"}}}`
	for config, want := range map[string]string{
		policy(onX, andIDs(addresses)):             "fails Principals[0].AndIds.Ids[0]",
		policy(andRules(onX, paths), andIDs(user)): "fails Permissions[0].AndRules.Rules[1]",
		policy(andRules(methods, onX), onX):        `header x is "1" Permissions[0].AndRules.Rules[1]`,
		policy(methods, onX):                       `header x is "1" Principals[0]`,
		policy(paths+","+onX, `{"any":true}`):      `header x is "1" Permissions[1]`,
	} {
		s := stream()
		s.Headers = traffic.NewHeaders(s.Headers.Lines(), traffic.OthersUnknown)
		httpFilter(t, `{"rules":{"policies":{"r":`+config+`}}}`).Decide(s)
		f := s.Findings[0]
		if got := f.Matched.String() + " " + f.Clause; got != want {
			t.Errorf("%s: %s, want %s", config, got, want)
		}
	}
}

// TestAllRulesAreTold holds that none is left out behind one that decides, and in which order they are.
func TestAllRulesAreTold(t *testing.T) {
	never := policy(`{"notRule":{"any":true}}`, `{"any":true}`)
	s := stream()
	e := httpFilter(t, `{"shadowRules":{"action":"ALLOW","policies":{"s":`+never+`}},"rules":{"action":"DENY","policies":{"c":`+everything+`,"a":`+never+`,"b":`+everything+`}}}`).Decide(s)
	var got []string
	for _, f := range s.Findings {
		got = append(got, strings.Join([]string{f.Filter, f.Rule, string(f.Kind), f.Matched.String()}, " "))
	}
	if diff := cmp.Diff([]string{
		"envoy.filters.http.rbac s would allow fails", "envoy.filters.http.rbac a denies fails",
		"envoy.filters.http.rbac b denies holds", "envoy.filters.http.rbac c denies holds",
	}, got); diff != "" {
		t.Error(diff)
	}
	want := traffic.Effect{Stops: traffic.Known(true), Reply: traffic.Reply{Status: 403, Body: "RBAC: access denied", Details: "rbac_access_denied_matched_policy[b]"}}
	if diff := cmp.Diff(want, e, cmp.Comparer(func(a, b traffic.Condition) bool { return a.String() == b.String() })); diff != "" {
		t.Error(diff)
	}
}

// TestWhatAFilterLeaves holds the dynamic metadata that it writes, also where facts decide.
func TestWhatAFilterLeaves(t *testing.T) {
	onX := policy(`{"header":{"name":"x","stringMatch":{"exact":"1"}}}`, `{"any":true}`)
	onY := policy(`{"header":{"name":"y","stringMatch":{"exact":"1"}}}`, `{"any":true}`)
	for name, c := range map[string]struct {
		filter, namespace string
		open              traffic.Others
		want              map[string]string
	}{
		"enforced":           {`{"rules":{"policies":{"b":` + everything + `,"a":` + onX + `}}}`, "envoy.filters.http.rbac", traffic.NoOthers, map[string]string{"enforced_effective_policy_id": "b", "enforced_engine_result": "allowed", "old": "kept"}},
		"nothing matches":    {`{"rulesStatPrefix":"p_","rules":{"policies":{"a":` + onX + `}}}`, "envoy.filters.http.rbac", traffic.NoOthers, map[string]string{"p_enforced_engine_result": "denied", "old": "kept"}},
		"shadow":             {`{"shadowRulesStatPrefix":"p_","shadowRules":{"action":"DENY","policies":{"b":` + everything + `}}}`, "envoy.filters.http.rbac", traffic.NoOthers, map[string]string{"p_shadow_effective_policy_id": "b", "p_shadow_engine_result": "denied", "old": "kept"}},
		"facts decide":       {`{"shadowRules":{"action":"DENY","policies":{"a":` + onX + `,"b":` + onY + `}}}`, "envoy.filters.http.rbac", traffic.OthersUnknown, map[string]string{"shadow_effective_policy_id": `a if header x is "1", b if header y is "1"`, "shadow_engine_result": `allowed if not ((header x is "1" or header y is "1")), denied if holds`, "old": "kept"}},
		"what is left stays": {`{"shadowRulesStatPrefix":"old_","shadowRules":{"action":"DENY","policies":{"a":` + onX + `}}}`, "envoy.filters.http.rbac", traffic.OthersUnknown, map[string]string{"old_shadow_effective_policy_id": `a if header x is "1", z if holds`, "old_shadow_engine_result": `allowed if not (header x is "1"), denied if holds`, "old": "kept"}},
		"a log":              {`{"rules":{"action":"LOG","policies":{"a":` + onX + `}}}`, "envoy.common", traffic.OthersUnknown, map[string]string{"access_log_hint": `true if header x is "1", false if holds`}},
		"no log":             {`{"rules":{"action":"LOG","policies":{"a":` + onX + `}}}`, "envoy.common", traffic.NoOthers, map[string]string{"access_log_hint": `false`}},
		"a shadow logs not":  {`{"shadowRules":{"action":"LOG","policies":{"a":` + onX + `}}}`, "envoy.common", traffic.NoOthers, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			before := traffic.Object{Fields: map[string]any{"old": "kept"}}
			if strings.Contains(c.filter, "old_") {
				before.Fields["old_shadow_effective_policy_id"] = "z"
			}
			held := len(before.Fields)
			s := &traffic.Stream{Headers: traffic.NewHeaders(nil, c.open), Metadata: map[string]traffic.Object{"envoy.filters.http.rbac": before}}
			httpFilter(t, c.filter).Decide(s)
			got := map[string]string{}
			for key, value := range s.Metadata[c.namespace].Fields {
				got[key] = spelled(value)
			}
			if diff := cmp.Diff(c.want, got); diff != "" || len(before.Fields) != held {
				t.Error(diff, before)
			}
		})
	}
}

func spelled(v any) string {
	choice, ok := v.(traffic.Choice)
	if !ok {
		return strings.Trim(strings.ReplaceAll(string(must(v)), `"`, ""), " ")
	}
	var out []string
	for _, c := range choice {
		out = append(out, spelled(c.Value)+" if "+c.If.String())
	}
	return strings.Join(out, ", ")
}

func must(v any) []byte {
	switch v := v.(type) {
	case string:
		return []byte(v)
	case bool:
		if v {
			return []byte("true")
		}
		return []byte("false")
	default:
		return []byte("?")
	}
}

// TestARefusalWhoseRuleIsNotKnownHasNoDetails holds what is said where facts decide.
func TestARefusalWhoseRuleIsNotKnownHasNoDetails(t *testing.T) {
	on := func(header string) string {
		return policy(`{"header":{"name":"`+header+`","stringMatch":{"exact":"1"}}}`, `{"any":true}`)
	}
	for name, c := range map[string]struct{ filter, stops, details string }{
		"one rule":           {`{"rules":{"action":"DENY","policies":{"a":` + on("x") + `}}}`, `header x is "1"`, "rbac_access_denied_matched_policy[a]"},
		"two rules":          {`{"rules":{"action":"DENY","policies":{"a":` + on("x") + `,"b":` + on("y") + `}}}`, `(header x is "1" or header y is "1")`, ""},
		"one that is sure":   {`{"rules":{"action":"DENY","policies":{"a":` + on("x") + `,"b":` + everything + `}}}`, `holds`, ""},
		"sure before":        {`{"rules":{"action":"DENY","policies":{"b":` + on("x") + `,"a":` + everything + `}}}`, `holds`, "rbac_access_denied_matched_policy[a]"},
		"none allows":        {`{"rules":{"policies":{"a":` + on("x") + `}}}`, `not (header x is "1")`, "rbac_access_denied_matched_policy[none]"},
		"a tree":             {`{"matcher":{"matcherTree":{"input":` + headerIn("x") + `,"exactMatchMap":{"map":{"1":` + act("DENY") + `}}},"onNoMatch":` + act("ALLOW") + `}}`, `header x is "1"`, "rbac_access_denied_matched_policy[an_action]"},
		"a tree without end": {`{"matcher":{"matcherTree":{"input":` + headerIn("x") + `,"exactMatchMap":{"map":{"1":` + act("ALLOW") + `}}}}}`, `not (header x is "1")`, "rbac_access_denied_matched_policy[none]"},
		"prefixes": {`{"matcher":{"matcherTree":{"input":` + headerIn("x") + `,"prefixMatchMap":{"map":{"1":` + act("ALLOW") + `,"12":` + act("DENY") + `}}},"onNoMatch":` + act("DENY") + `}}`,
			`not ((header x is a text that begins with "1" and not (header x is a text that begins with "12")))`, ""},
	} {
		s := &traffic.Stream{Headers: traffic.NewHeaders(nil, traffic.OthersUnknown)}
		e := httpFilter(t, c.filter).Decide(s)
		if e.Stops.String() != c.stops || e.Reply.Details != c.details {
			t.Errorf("%s: %s %s, want %s %s", name, e.Stops, e.Reply.Details, c.stops, c.details)
		}
	}
}

// TestAnAuthorizerIsAskedByRules holds how the rules are told that only find out whether one is.
func TestAnAuthorizerIsAskedByRules(t *testing.T) {
	s := stream()
	if e := httpFilter(t, `{"shadowRulesStatPrefix":"istio_ext_authz_","shadowRules":{"action":"DENY","policies":{"istio-ext-authz-p-ns[a]":`+everything+`}}}`).Decide(s); !e.Stops.Fails() {
		t.Error("it stops:", e.Stops)
	}
	if s.Findings[0].Kind != traffic.Asks || s.Metadata["envoy.filters.http.rbac"].Fields["istio_ext_authz_shadow_effective_policy_id"] != "istio-ext-authz-p-ns[a]" {
		t.Error(s.Findings, s.Metadata)
	}
}

// TestWhatIsNotUnderstoodIsRefused holds that no rule is taken for one that never matches.
func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	permission := func(p string) string { return `{"rules":{"policies":{"a":` + policy(p, `{"any":true}`) + `}}}` }
	principal := func(p string) string { return `{"rules":{"policies":{"a":` + policy(`{"any":true}`, p) + `}}}` }
	for kind, config := range map[string]string{
		"no rule":             permission(`{}`),
		"deep inside":         permission(andRules(paths, `{"notRule":{"orRules":{"rules":[{}]}}}`)),
		"an extension":        permission(`{"matcher":{"name":"x"}}`),
		"a broken template":   permission(`{"uriTemplate":{"name":"x"}}`),
		"a broken regex":      permission(`{"urlPath":{"path":{"safeRegex":{"regex":"("}}}}`),
		"metadata of route":   permission(`{"sourcedMetadata":{"metadataSource":"ROUTE"}}`),
		"no principal":        principal(`{}`),
		"source_ip":           principal(`{"sourceIp":{"addressPrefix":"1.1.1.1","prefixLen":32}}`),
		"custom principal":    principal(`{"custom":{"name":"x"}}`),
		"an old header":       principal(`{"header":{"name":"x","exactMatch":"a"}}`),
		"an address":          principal(`{"remoteIp":{"addressPrefix":"x"}}`),
		"state":               principal(`{"filterState":{"key":"x"}}`),
		"CEL":                 `{"rules":{"policies":{"a":{"permissions":[{"any":true}],"principals":[{"any":true}],"condition":{"id":"1"}}}}}`,
		"no name":             `{"rules":{"policies":{"":` + everything + `}}}`,
		"shadow":              strings.Replace(permission(`{}`), "rules", "shadowRules", 1),
		"a tree that logs":    `{"matcher":{"onNoMatch":` + act("LOG") + `}}`,
		"an input":            `{"matcher":{"matcherTree":{"input":` + networkIn("SourcePortInput") + `,"exactMatchMap":{"map":{"a":` + act("ALLOW") + `}}}}}`,
		"keep matching":       `{"matcher":{"onNoMatch":` + strings.TrimSuffix(act("ALLOW"), "}") + `,"keepMatching":true}}}`,
		"keep matching below": `{"matcher":{"onNoMatch":{"keepMatching":true,"matcher":{"onNoMatch":` + act("ALLOW") + `}}}}`,
		"an exclusive block":  ranges(headerIn("x"), strings.Replace(block(act("DENY"), "10.0.0.0/8"), "{", `{"exclusive":true,`, 1)),
		"a block of 33 bits":  ranges(headerIn("x"), block(act("DENY"), "10.0.0.0/33")),
		"another matcher":     custom(headerIn("x"), "Int32RangeMatcher", `"rangeMatchers":[]`),
	} {
		m := &rbachttpv3.RBAC{}
		if err := protojson.Unmarshal([]byte(config), m); err != nil {
			t.Errorf("%s: %v", kind, err)
			continue
		}
		if _, err := rbac.HTTP("f", m); err == nil {
			t.Errorf("%s is understood", kind)
		}
	}
	header := &rbacnetworkv3.RBAC{Rules: &rbacv3.RBAC{}}
	if err := protojson.Unmarshal([]byte(`{"policies":{"a":`+policy(methods, `{"any":true}`)+`}}`), header.GetRules()); err != nil {
		t.Fatal(err)
	}
	if _, err := rbac.Network("f", header); err == nil {
		t.Error("a header of a connection is understood")
	}
}

// TestAnIndexOverWhatIsNotKnownIsOpen holds that no entry is passed over where it is not known what is looked up, and
// that what an entry asks besides counts.
func TestAnIndexOverWhatIsNotKnownIsOpen(t *testing.T) {
	deny := named("DENY", "a")
	for kind, c := range map[string]struct{ config, want string }{
		"an exact map":  {mapOf("exactMatchMap", stateIn("k"), `"/a":`+deny, `"/b":`+below("1", "DENY", "b")), `filter state "k" is "/a"`},
		"a prefix map":  {mapOf("prefixMatchMap", stateIn("k"), `"/a":`+deny, `"/b":`+below("1", "DENY", "b")), `filter state "k" is a text that begins with "/a"`},
		"addresses":     {ranges(stateIn("k"), block(deny, "10.1.2.3/8"), block(below("1", "DENY", "b"), "11.0.0.0/8")), `filter state "k" is in "10.0.0.0/8"`},
		"two that deny": {mapOf("exactMatchMap", stateIn("k"), `"/a":`+deny, `"/b":`+deny), `(filter state "k" is "/a" or filter state "k" is "/b")`},
	} {
		s := stream()
		s.State = map[string]traffic.Text{"k": {Unknown: true}}
		if got := httpFilter(t, c.config).Decide(s).Stops.String(); got != c.want {
			t.Errorf("%s: stops where %s, want %s", kind, got, c.want)
		}
	}
}
