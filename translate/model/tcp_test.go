package model_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// built is the model of documents and what Build finds.
func built(t *testing.T, documents ...string) (*model.Model, diag.List) {
	t.Helper()
	parsed, found := source.Parse([]source.File{{Path: "f.yaml", Content: []byte(strings.Join(documents, "\n---\n"))}})
	resources, more := resource.Decode(parsed)
	if all := append(found, more...); all.HasErrors() {
		t.Fatal(all)
	}
	return model.Build(resources, model.DefaultSettings())
}

func gateway(name, selector, servers string) string {
	return "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: " + name + "}\nspec: {selector: {" + selector + "}, servers: [" + servers + "]}"
}

func server(port, name, protocol, host string) string {
	tls := ""
	if protocol == "TLS" {
		tls = ", tls: {mode: PASSTHROUGH}"
	}
	return "{port: {number: " + port + ", name: " + name + ", protocol: " + protocol + "}, hosts: [" + host + "]" + tls + "}"
}

func virtualService(name, gateways, routes string) string {
	return "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: " + name + "}\nspec: {hosts: ['*'], gateways: [" + gateways + "], " + routes + "}"
}

func tlsRoute(sni, host string) string {
	return "{match: [{sniHosts: [" + sni + "]}], route: [{destination: {host: " + host + "}}]}"
}

func tcpRoute(match, host string) string {
	return "{match: [" + match + "], route: [{destination: {host: " + host + "}}]}"
}

// TestChains holds where connections go on port 1 of a gateway with the labels a and b:
// "server name → host".
func TestChains(t *testing.T) {
	for name, c := range map[string]struct {
		documents []string
		want      []string
	}{
		"no route": {[]string{gateway("g", "a: a", server("1", "x", "TCP", "'*'"))}, nil},
		"the first route of the first VirtualService": {[]string{
			gateway("g", "a: a", server("1", "x", "TCP", "'*'")),
			virtualService("w", "g", "tcp: ["+tcpRoute("", "second.test")+"]"),
			virtualService("v", "g", "tcp: ["+tcpRoute("{port: 2}", "other.test")+", "+tcpRoute("{port: 2}, {port: 1}", "first.test")+", "+tcpRoute("", "second.test")+"]"),
		}, []string{" → first.test"}},
		"a route for another Gateway": {[]string{
			gateway("g", "a: a", server("1", "x", "TCP", "'*'")),
			virtualService("v", "g", "tcp: ["+tcpRoute("{gateways: [h]}", "other.test")+", "+tcpRoute("{gateways: [h, default/g]}", "own.test")+"]"),
		}, []string{" → own.test"}},
		"another VirtualService's Gateway": {[]string{
			gateway("g", "a: a", server("1", "x", "TCP", "'*'")), virtualService("v", "h", "tcp: ["+tcpRoute("", "other.test")+"]"),
		}, nil},
		"http routes are not for connections": {[]string{
			gateway("g", "a: a", server("1", "x", "TCP", "'*'")), virtualService("v", "g", "http: [{directResponse: {status: 200}}], tls: ["+tlsRoute("'*'", "a.test")+"]"),
		}, nil},
		"tcp routes are not for TLS": {[]string{
			gateway("g", "a: a", server("1", "x", "TLS", "'*'")), virtualService("v", "g", "tcp: ["+tcpRoute("", "a.test")+"]"),
		}, nil},
		"names that the server has": {[]string{
			gateway("g", "a: a", server("1", "x", "TLS", "'*.a.test', b.test")),
			virtualService("v", "g", "tls: ["+tlsRoute("x.a.test, c.test", "one.test")+", "+tlsRoute("'*'", "two.test")+"]"),
		}, []string{"*.a.test → two.test", "b.test → two.test", "x.a.test → one.test"}},
		"a name twice": {[]string{
			gateway("g", "a: a", server("1", "x", "TLS", "'*'")),
			virtualService("w", "g", "tls: ["+tlsRoute("a.test", "late.test")+"]"),
			virtualService("v", "g", "tls: ["+tlsRoute("A.test", "one.test")+", "+tlsRoute("a.test", "two.test")+"]"),
		}, []string{"a.test → one.test"}},
		"of two servers that conflict the first": {[]string{
			gateway("g", "a: a", server("1", "x", "TCP", "'*'")), gateway("h", "b: b", server("1", "x", "TLS", "'*'")),
			virtualService("v", "g, h", "tcp: ["+tcpRoute("", "tcp.test")+"], tls: ["+tlsRoute("'*'", "tls.test")+"]"),
		}, []string{" → tcp.test"}},
		"of two servers for one name the first": {[]string{
			gateway("g", "a: a", server("1", "x", "TLS", "a.test")), gateway("h", "b: b", server("1", "x", "TLS", "b.test, a.test")),
			virtualService("v", "g", "tls: ["+tlsRoute("'*'", "g.test")+"]"), virtualService("w", "h", "tls: ["+tlsRoute("'*'", "h.test")+"]"),
		}, []string{"a.test → g.test"}},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := built(t, c.documents...)
			var got []string
			for _, p := range m.For(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"a": "a", "b": "b"}}).Ports {
				if p.Traffic == model.HTTP || p.Number != 1 || p.Hosts != nil {
					t.Errorf("port %d is %s with %d hosts", p.Number, p.Traffic, len(p.Hosts))
				}
				for _, chain := range p.Chains {
					got = append(got, first(chain)+" → "+string(chain.Hosts[0]))
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestConflictsReachTheGatewaysThatHaveBoth holds whom a conflict refuses.
func TestConflictsReachTheGatewaysThatHaveBoth(t *testing.T) {
	http, tcp := server("1", "x", "HTTP", "'*'"), server("1", "x", "TCP", "'*'")
	for name, c := range map[string]struct {
		first, second string
		code          diag.Code
		refused       []string // of a, b, ab
	}{
		"the same selector":       {"a: a", "a: a", diag.CodeServerConflict, []string{"a", "ab"}},
		"a narrower selector":     {"a: a", "a: a, b: b", diag.CodeServerConflict, []string{"ab"}},
		"a selector of all":       {"", "b: b", diag.CodeServerConflict, []string{"b", "ab"}},
		"selectors that may meet": {"a: a", "b: b", diag.CodeServerOverlap, nil},
		"selectors that do not":   {"a: a", "a: z", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			m, found := built(t, gateway("g", c.first, http), gateway("h", c.second, tcp))
			var codes, refused []string
			for _, d := range found {
				codes = append(codes, string(d.Code))
			}
			if want := strings.Fields(string(c.code)); !slices.Equal(codes, want) {
				t.Errorf("the findings are %v, want %v", codes, want)
			}
			for _, who := range []string{"a", "b", "ab"} {
				labels := map[string]string{}
				for _, l := range who {
					labels[string(l)] = string(l)
				}
				for _, d := range found.Errors() {
					if m.InScope(d.Scope, model.Gateway{Namespace: "any", Labels: labels}) {
						refused = append(refused, who)
					}
				}
			}
			if diff := cmp.Diff(c.refused, refused); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestServersThatAPolicyCloses holds when a DENY policy of HTTP fields is said to close a server.
func TestServersThatAPolicyCloses(t *testing.T) {
	const path, port = "{to: [{operation: {paths: [/a]}}]}", `{to: [{operation: {paths: [/a], ports: ["80"]}}]}`
	for name, c := range map[string]struct {
		namespace, selector, annotations, action, rule, protocol string
		warned                                                   bool
	}{
		"the root namespace":        {"istio-system", "", "", "DENY", path, "TCP", true},
		"by its labels":             {"shop", "a: a", "", "DENY", path, "TLS", true},
		"the Gateway's namespace":   {"default", "", "", "DENY", path, "TCP", true},
		"another namespace":         {"shop", "", "", "DENY", path, "TCP", false},
		"other labels":              {"istio-system", "a: z", "", "DENY", path, "TCP", false},
		"more labels":               {"istio-system", "b: b", "", "DENY", path, "TCP", false},
		"an HTTP server":            {"istio-system", "", "", "DENY", path, "HTTP", false},
		"with a port":               {"istio-system", "", "", "DENY", port, "TCP", false},
		"meant for all connections": {"istio-system", "", "", "DENY", "{}", "TCP", false},
		"another action":            {"istio-system", "", "", "ALLOW", path, "TCP", false},
		"a dry run":                 {"istio-system", "", "istio.io/dry-run: 'true'", "DENY", path, "TCP", false},
	} {
		t.Run(name, func(t *testing.T) {
			selector := ""
			if c.selector != "" {
				selector = "selector: {matchLabels: {" + c.selector + "}}, "
			}
			_, found := built(t, gateway("g", "a: a", server("1", "x", c.protocol, "'*'")),
				"apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: "+c.namespace+", annotations: {"+c.annotations+"}}\n"+
					"spec: {"+selector+"action: "+c.action+", rules: ["+c.rule+"]}")
			warned := slices.ContainsFunc(found, func(d diag.Diagnostic) bool { return d.Code == diag.CodeServerClosed })
			if warned != c.warned {
				t.Errorf("warned %v, want %v: %v", warned, c.warned, found)
			}
		})
	}
}

// first returns the first name of a chain, or nothing for one of plain TCP.
func first(c model.Chain) string {
	if len(c.ServerNames) == 0 {
		return ""
	}
	return string(c.ServerNames[0])
}
