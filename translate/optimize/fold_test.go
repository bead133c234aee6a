package optimize_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/optimize"
	"github.com/portreeve/portreeve/translate/policy"
	"github.com/portreeve/portreeve/translate/resource"
)

// only are options by which one rule works, on the smallest sets.
func only(rule string) optimize.Options {
	return optimize.Options{Rules: []string{rule}, Thresholds: optimize.Thresholds{Index: 1, Fold: 2, Issuers: 1}}
}

// written are the filters of policies.
func written(specs ...*securityv1beta1.AuthorizationPolicy) policy.Policy {
	var view model.View
	for i, spec := range specs {
		key := resource.Key{Kind: resource.AuthorizationPolicy, Namespace: "ns", Name: fmt.Sprintf("p%d", i)}
		object := &resource.Resource{Key: key, Spec: spec}
		object.Origin.Document.Root = &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}
		view.AuthorizationPolicies = append(view.AuthorizationPolicies, object)
	}
	return policy.Of(view)
}

func rules(action securityv1beta1.AuthorizationPolicy_Action, rules ...*securityv1beta1.Rule) *securityv1beta1.AuthorizationPolicy {
	return &securityv1beta1.AuthorizationPolicy{Action: action, Rules: rules}
}

func to(o *securityv1beta1.Operation) *securityv1beta1.Rule {
	return &securityv1beta1.Rule{To: []*securityv1beta1.Rule_To{{Operation: o}}}
}

func from(s *securityv1beta1.Source) *securityv1beta1.Rule {
	return &securityv1beta1.Rule{From: []*securityv1beta1.Rule_From{{Source: s}}}
}

func when(key string, values ...string) *securityv1beta1.Rule {
	return &securityv1beta1.Rule{When: []*securityv1beta1.Condition{{Key: key, Values: values}}}
}

func whenNot(key string, values ...string) *securityv1beta1.Rule {
	return &securityv1beta1.Rule{When: []*securityv1beta1.Condition{{Key: key, NotValues: values}}}
}

// deny returns the rules that deny.
func deny(p policy.Policy) *rbacv3.RBAC {
	for _, f := range p.HTTP {
		if f.Name == policy.DenyFilter {
			return f.Config.(*rbachttpv3.RBAC).GetRules()
		}
	}
	return nil
}

// claims is the header by which a request has claims.
func claims(payload string) string {
	value := &structpb.Value{}
	if err := protojson.Unmarshal([]byte(payload), value); err != nil {
		panic(err)
	}
	content, err := proto.Marshal(value)
	if err != nil {
		panic(err)
	}
	return "claims: " + base64.StdEncoding.EncodeToString(content)
}

// folded are rules that have much to fold, each with what a request asks that may match.
func folded() map[string]struct {
	rule     *securityv1beta1.Rule
	requests []request
} {
	type table = struct {
		rule     *securityv1beta1.Rule
		requests []request
	}
	paths := gets("/", "/a", "/A", "/a/", "/ab", "/a?b", "/b", "/c", "/cd", "/c/d", "/x.php", "/a.b.php", "/.php", "/xphp", "/x", "/1/x", "/1/2/x", "/t/1/x", "/t//x", "/t/1/2/x", "/t/", "/t/1/2", "/t", "/q/y", "/q/w/z", "/y",
		"/a;v", "/t;v/1/x", "/c%64", "/%61", "/a%3bv", "/x.php;w", "/+", "/(a)", "/a.c", "/axc", "/a|b", "/$", "/^", "/{x}", "/[y]", "/\xc3\xa9", "/\xc3", "/%c3%a9", "/%C3%A9", "/a*b", "/aXb", "/q\xffw/z")
	hosts := []string{"a.example", "A.EXAMPLE", "a.example:80", "a.example:", "b.example:x", "x.c.example", "x.C.example:8", "c.example", ".c.example", "d.other", "D.oTher:1", "axexample", "a.example.", "", "\xc3\xa9.example"}
	values := []string{"", "a", "A", "b", "ab", "x-a", "a-", "sig", "ab\xff", "\xff-a", "\xff", "\xc3\xa9", "\xc3", "a,b", "b, a", "c.d", "cxd"}
	payloads := []string{`{}`, `{"s":"a"}`, `{"s":"b"}`, `{"s":"pre-x"}`, `{"s":"pre-\nx"}`, `{"s":"x\n-suf"}`, `{"s":""}`, `{"s":5}`, `{"s":"5"}`, `{"s":["q","a"]}`, `{"s":["q"]}`, `{"s":[["a"]]}`, `{"s":[5,"5"]}`, `{"s":{"a":"a"}}`, `{"s":"A"}`, `{"s":null}`, `{"s":"\u00e9"}`,
		`{"iss":"i","sub":"s1"}`, `{"iss":"i","sub":"s2"}`, `{"iss":"j","sub":"s1"}`, `{"iss":"i","sub":"pre/3"}`, `{"iss":"i"}`, `{"aud":["x","y"]}`, `{"aud":"y"}`, `{"azp":"p"}`}
	op := func(o *securityv1beta1.Operation) *securityv1beta1.Rule { return to(o) }
	return map[string]table{
		"paths":          {op(&securityv1beta1.Operation{Paths: manyPaths()}), paths},
		"paths excepted": {op(&securityv1beta1.Operation{NotPaths: manyPaths()}), paths},
		"any path":       {op(&securityv1beta1.Operation{Paths: []string{"*", "/a", "/b"}}), paths},
		"hosts":          {op(&securityv1beta1.Operation{Hosts: []string{"a.example", "b.example", "*.c.example", "*.e.example", "d.*", "f.*"}}), with("Host: ", hosts)},
		"hosts excepted": {op(&securityv1beta1.Operation{NotHosts: []string{"a.example", "b.example", "*.c.example", "*.e.example", "d.*", "f.*"}}), with("Host: ", hosts)},
		"methods":        {op(&securityv1beta1.Operation{Methods: []string{"GET", "PUT", "P*", "DEL*", "*ST"}}), methods("GET", "get", "PUT", "PUTS", "POST", "DELETE", "HEAD", "LIST")},
		"headers":        {when("request.headers[x-v]", "a", "b", "ab*", "si*", "*-a", "*-b", "c.d", "é", "ü"), twice("x-v: ", values)},
		"headers not":    {whenNot("request.headers[x-v]", "a", "b", "ab*", "si*", "*-a", "*-b", "c.d", "é", "ü"), twice("x-v: ", values)},
		"claims":         {when("request.auth.claims[s]", "a", "b", "pre-*", "per-*", "*-suf", "*-sfu", "5", "é"), with("", each(payloads, claims))},
		"claims not":     {whenNot("request.auth.claims[s]", "a", "b", "pre-*", "per-*", "*-suf", "*-sfu", "5", "é"), with("", each(payloads, claims))},
		"subjects":       {from(&securityv1beta1.Source{RequestPrincipals: []string{"i/s1", "i/s2", "i/pre*", "j/s2", "j/s3", "*"}}), with("", each(payloads, claims))},
		"audiences":      {when("request.auth.audiences", "x", "z", "w"), with("", each(payloads, claims))},
	}
}

func manyPaths() []string {
	return []string{"/a", "/b", "/+", "/(a)", "/a.c", "/a|c", "/$", "/é", "/ü", "/a*b", "/c*", "/d*", "*.php", "*/x", "/t/{*}/x", "/u/{*}/x", "/t/{**}", "/u/{**}", "/{**}/y", "/{**}/z"}
}

func gets(paths ...string) []request {
	return each(paths, func(path string) request { return get(path) })
}

func methods(names ...string) []request {
	return each(names, func(name string) request { return request{line: name + " /"} })
}

func with(name string, values []string) []request {
	return each(values, func(value string) request { return get("/", name+value) })
}

// twice has each value, and each of two of them, and none.
func twice(name string, values []string) []request {
	out := append(with(name, values), get("/"))
	for i := range values {
		out = append(out, get("/", name+values[i], name+values[(i+5)%len(values)]))
	}
	return out
}

func each[A, B any](of []A, made func(A) B) []B {
	out := make([]B, 0, len(of))
	for _, a := range of {
		out = append(out, made(a))
	}
	return out
}

// TestFoldedRulesAreDecidedAsWritten asks Envoy the same of rules as they are written and as they are folded.
func TestFoldedRulesAreDecidedAsWritten(t *testing.T) {
	var listeners []string
	for name, c := range folded() {
		for _, action := range []securityv1beta1.AuthorizationPolicy_Action{securityv1beta1.AuthorizationPolicy_DENY, securityv1beta1.AuthorizationPolicy_ALLOW} {
			p := written(rules(action, c.rule))
			listeners = append(listeners, listener(t, fmt.Sprint(name, action, "written"), p.HTTP), listener(t, fmt.Sprint(name, action, "folded"), optimize.Policy(p, only("fold"), nil).HTTP))
		}
	}
	envoy := asked(t, listeners)
	for name, c := range folded() {
		t.Run(name, func(t *testing.T) {
			for _, action := range []securityv1beta1.AuthorizationPolicy_Action{securityv1beta1.AuthorizationPolicy_DENY, securityv1beta1.AuthorizationPolicy_ALLOW} {
				answers := map[string]int{}
				plain, made := envoy.MustListener(t, fmt.Sprint(name, action, "written")), envoy.MustListener(t, fmt.Sprint(name, action, "folded"))
				for _, r := range c.requests {
					want, got := ask(t, plain, r), ask(t, made, r)
					if got != want {
						t.Errorf("%s %q: %s, as written %s", action, r, got, want)
					}
					answers[want]++
				}
				if len(answers) < 2 {
					t.Errorf("%s: all requests are answered alike: %v", action, answers)
				}
			}
		})
	}
}

// TestTemplatesAreTheirExpressions asks Envoy about every character that a path can have.
func TestTemplatesAreTheirExpressions(t *testing.T) {
	templates := []string{"/a/{*}", "/b/{*}.c", "/c/{**}", "/d/{**}/e", "/$(+)/{*}/", "/f/{*}/{**}"}
	p := written(rules(securityv1beta1.AuthorizationPolicy_DENY, to(&securityv1beta1.Operation{Paths: templates})))
	envoy := asked(t, []string{listener(t, "written", p.HTTP), listener(t, "folded", optimize.Policy(p, only("fold"), nil).HTTP)})
	plain, made := envoy.MustListener(t, "written"), envoy.MustListener(t, "folded")
	denied := 0
	for c := range 256 {
		for _, form := range []string{"/a/%s", "/b/x%s.c", "/c/%sx", "/d/x%s/e", "/$(+)/%s/", "/f/%s/%[1]s", "/a%s"} {
			if c <= ' ' {
				continue // ends the line
			}
			r := get(fmt.Sprintf(form, string([]byte{byte(c)})))
			want, got := ask(t, plain, r), ask(t, made, r)
			if got != want {
				t.Errorf("%q: %s, as written %s", r, got, want)
			}
			if strings.HasPrefix(want, "403") {
				denied++
			}
		}
	}
	if denied < 256 {
		t.Errorf("only %d requests are denied", denied)
	}
}

// TestAlternationsFitIntoEnvoy holds that Envoy takes what is made of any number of values, the most expensive
// ones too: it refuses all policy over one expression that is too large.
func TestAlternationsFitIntoEnvoy(t *testing.T) {
	values := map[string]func(i int) string{
		"exact":     func(i int) string { return fmt.Sprintf("/%d/a", i*7919) },
		"prefix":    func(i int) string { return fmt.Sprintf("/%d/a*", i*7919) },
		"suffix":    func(i int) string { return fmt.Sprintf("*/%d/a", i*7919) },
		"segments":  func(i int) string { return fmt.Sprintf("/%d/{*}/{*}/{*}/{*}/a", i*7919) },
		"the rest":  func(i int) string { return fmt.Sprintf("/%d/{**}/%d", i*7919, i) },
		"slashes":   func(i int) string { return fmt.Sprintf("/%d%s", i, strings.Repeat("/a", 40)) },
		"no ASCII":  func(i int) string { return fmt.Sprintf("/%d/%s", i, strings.Repeat("é", 40)) },
		"reserved":  func(i int) string { return fmt.Sprintf("/%d/%s", i, strings.Repeat("@*", 20)) },
		"long ones": func(i int) string { return fmt.Sprintf("/%d/%s", i, strings.Repeat("a", 5000)) },
	}
	var listeners []string
	for name, value := range values {
		var paths []string
		for i := range 5000 {
			if name == "long ones" && i > 20 {
				break
			}
			paths = append(paths, value(i))
		}
		p := optimize.Policy(written(rules(securityv1beta1.AuthorizationPolicy_DENY, to(&securityv1beta1.Operation{Paths: paths}))), only("fold"), nil)
		if n := proto.Size(deny(p)); n < 20_000 {
			t.Fatalf("%s: only %d bytes", name, n)
		}
		listeners = append(listeners, listener(t, name, p.HTTP))
	}
	envoy := asked(t, listeners)
	for name, value := range values {
		address := envoy.MustListener(t, name)
		path := strings.NewReplacer("{**}", "x/y", "{*}", "x", "é", "%C3%a9").Replace(value(17))
		if got := ask(t, address, get(strings.Trim(path, "*"))); !strings.HasPrefix(got, "403") {
			t.Errorf("%s: %.200s: %s", name, path, got)
		}
		if got := ask(t, address, get("/none")); !strings.HasPrefix(got, "200") {
			t.Errorf("%s: another: %s", name, got)
		}
	}
}
