package explain_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// twoRules refuse /a/b both; by their names the first is that about what begins with /a.
const twoRules = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: begins, namespace: istio-system}
spec: {action: DENY, rules: [{to: [{operation: {methods: [GET], paths: [/a/*]}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: whole, namespace: istio-system}
spec: {action: DENY, rules: [{to: [{operation: {methods: [GET], paths: [/a/b]}}]}]}
`

// servedAs returns the two policies as a gateway could be served them, in a tree of this test's own, and rule by rule.
func servedAs(t *testing.T, tree string) (served, told envoy.Resources) {
	t.Helper()
	p := translate.Compile([]source.File{{Path: "gateway.yaml", Content: []byte(routing)}, {Path: "policy.yaml", Content: []byte(twoRules)}}, model.DefaultSettings()).Unoptimized().WithConditions()
	told, refused := p.For(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}})
	if refused.HasErrors() {
		t.Fatal(refused)
	}
	served = told
	served.ExtensionConfigs = nil
	for _, c := range told.ExtensionConfigs {
		served.ExtensionConfigs = append(served.ExtensionConfigs, withTree(t, c, tree))
	}
	return served, told
}

func withTree(t *testing.T, c *corev3.TypedExtensionConfig, tree string) *corev3.TypedExtensionConfig {
	t.Helper()
	chain := &filterchainv3.FilterChainConfig{}
	if c.GetTypedConfig().UnmarshalTo(chain) != nil {
		return c
	}
	for _, f := range chain.GetDefaultFilterChain().GetFilters() {
		if f.GetName() == "envoy.filters.http.rbac.deny" {
			rules := &rbachttpv3.RBAC{}
			must(t, protojson.Unmarshal([]byte(`{"matcher":`+tree+`}`), rules))
			f.TypedConfig = match.Any(rules)
		}
	}
	return &corev3.TypedExtensionConfig{Name: c.GetName(), TypedConfig: match.Any(chain)}
}

func denies(rule string) string { return actionOf(rule, "DENY") }

func actionOf(rule, action string) string {
	return `{"action":{"name":"a","typedConfig":{"@type":"type.googleapis.com/envoy.config.rbac.v3.Action","name":"` + rule + `","action":"` + action + `"}}}`
}

// lookup is a map over the path, and what follows where it has nothing.
func lookup(kind, entries, otherwise string) string {
	return `{"matcherTree":{"input":{"name":"in","typedConfig":{"@type":"type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput","headerName":":path"}},"` + kind + `":{"map":{` + entries + `}}},"onNoMatch":` + otherwise + `}`
}

const begins, whole = "ns[istio-system]-policy[begins]-rule[0]", "ns[istio-system]-policy[whole]-rule[0]"

// TestTheLogNamesTheRuleOfWhatIsServed holds that an answer has the reasons of the policy and the details of the gateway,
// and that whatever else differs is said to be a fault.
func TestTheLogNamesTheRuleOfWhatIsServed(t *testing.T) {
	passes := actionOf("none", "ALLOW")
	prefixes := `{"matcher":` + lookup("prefixMatchMap", `"/a/":`+denies(begins), passes) + `}`
	for name, c := range map[string]struct{ tree, path, details, disagreement string }{
		"another of those that match": {lookup("exactMatchMap", `"/a/b":`+denies(whole), prefixes), "/a/b", whole, ""},
		"the same":                    {lookup("exactMatchMap", `"/a/b":`+denies(whole), prefixes), "/a/c", begins, ""},
		"none":                        {lookup("exactMatchMap", `"/a/b":`+denies(whole), prefixes), "/c", "", ""},
		"one that does not match":     {lookup("prefixMatchMap", `"/a/":`+denies(whole), passes), "/a/c", "", "which does not match"},
		"one that is lost":            {lookup("exactMatchMap", `"/a/b":`+denies(whole), passes), "/a/c", "", "served allowed"},
		"one too many":                {lookup("prefixMatchMap", `"/":`+denies(begins), passes), "/c", "", "rule by rule allowed"},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := explain.NewTold(servedAs(t, c.tree))
			must(t, err)
			a := g.Ask(explain.Request{Port: 80, Client: netip.MustParseAddrPort("127.0.0.1:1"), Method: "GET", Authority: "a.example", Path: c.path, At: time.Unix(0, 0)})
			if c.disagreement != "" {
				if !strings.Contains(a.Disagreement, c.disagreement) {
					t.Errorf("it says %q, want %q", a.Disagreement, c.disagreement)
				}
				return
			}
			want := ""
			if c.details != "" {
				want = "rbac_access_denied_matched_policy[" + c.details + "]"
			}
			if a.Disagreement != "" || a.Details != want {
				t.Errorf("%s %q (%s), want %q", a.Verdict, a.Details, a.Disagreement, want)
			}
			if a.Verdict == explain.Denied && (a.Decisive < 0 || a.Reasons[a.Decisive].Rule != begins || a.Reasons[a.Decisive].At == nil) {
				t.Errorf("it is decided by %d of %+v, want the first by name, and where that is written", a.Decisive, a.Reasons)
			}
		})
	}
}

// TestWhatIsNotKnownIsNoDisagreement holds that a request of which the path's query is not known is answered by both.
func TestWhatIsNotKnownIsNoDisagreement(t *testing.T) {
	g, err := explain.NewTold(servedAs(t, lookup("prefixMatchMap", `"/a/":`+denies(begins), actionOf("none", "ALLOW"))))
	must(t, err)
	r := explain.Request{Port: 80, Client: netip.MustParseAddrPort("127.0.0.1:1"), Method: "GET", Authority: "a.example", Path: "/a/c", At: time.Unix(0, 0)}
	r.Unknown.Query = true
	if a := g.Ask(r); a.Disagreement != "" || a.Verdict != explain.Denied {
		t.Errorf("%s: %s", a.Verdict, a.Disagreement)
	}
}

// TestAFormThatIsNotUnderstoodIsNotAnswered holds that neither form is taken for both.
func TestAFormThatIsNotUnderstoodIsNotAnswered(t *testing.T) {
	served, told := servedAs(t, lookup("exactMatchMap", `"/a/b":`+actionOf(whole, "LOG"), actionOf("none", "ALLOW")))
	if _, err := explain.NewTold(served, told); err == nil {
		t.Error("a tree that logs is taken")
	}
	told.ExtensionConfigs = append(told.ExtensionConfigs[:0:0], &corev3.TypedExtensionConfig{Name: told.ExtensionConfigs[0].GetName(), TypedConfig: &anypb.Any{TypeUrl: "type.googleapis.com/none"}})
	if _, err := explain.NewTold(told, told); err == nil {
		t.Error("a message that is not there is taken")
	}
}
