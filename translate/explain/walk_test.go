package explain_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// farAway is a request of a client that is not on the gateway's machine.
func farAway(method, url string, headers ...string) explain.Request {
	host, path, _ := strings.Cut(url, "/")
	out := explain.Request{Port: 80, Client: netip.MustParseAddrPort("198.51.100.7:4711"), Method: method, Authority: host, Path: "/" + path}
	for i := 0; i < len(headers); i += 2 {
		out.Headers = append(out.Headers, traffic.Header{Name: headers[i], Value: headers[i+1]})
	}
	return out
}

// said is an answer in one line.
func said(a explain.Answer) string {
	out := []string{string(a.Verdict)}
	if a.Status != 0 {
		out = append(out, fmt.Sprint(a.Status))
	}
	for _, part := range []string{a.Details, a.Flags, a.Body} {
		if part != "" {
			out = append(out, part)
		}
	}
	for _, h := range a.Headers {
		out = append(out, h.Name+"="+h.Value)
	}
	return strings.Join(out, " | ")
}

const manyRoutes = routing + `---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop, namespace: istio-system}
spec:
  hosts: [shop.example]
  gateways: [gateway]
  http:
  - {name: broken, match: [{uri: {prefix: /broken}}], fault: {abort: {httpStatus: 418, percentage: {value: 100}}}, route: [{destination: {host: backend.example}}]}
  - {name: shaky, match: [{uri: {prefix: /shaky}}], fault: {abort: {httpStatus: 500, percentage: {value: 10}}, delay: {fixedDelay: 2s, percentage: {value: 50}}}, route: [{destination: {host: backend.example}}]}
  - {name: never, match: [{uri: {prefix: /never}}], fault: {abort: {httpStatus: 500, percentage: {value: 0}}}, route: [{destination: {host: backend.example}}]}
  - name: shared
    match: [{uri: {prefix: /shared}}]
    corsPolicy: {allowOrigins: [{exact: https://ok.example}], allowMethods: [GET, PUT], allowHeaders: [x-a], exposeHeaders: [x-b], maxAge: 60s, allowCredentials: true}
    route: [{destination: {host: backend.example}}]
  - name: guarded
    match: [{uri: {prefix: /guarded}}]
    corsPolicy: {allowOrigins: [{exact: https://ok.example}], unmatchedPreflights: IGNORE}
    route: [{destination: {host: backend.example}}]
  - name: said
    match: [{uri: {prefix: /said}}]
    corsPolicy: {allowOrigins: [{exact: https://ok.example}]}
    directResponse: {status: 200, body: {string: hello}}
  - {name: moved, match: [{uri: {prefix: /moved}}], redirect: {authority: new.example, redirectCode: 308}}
  - {name: direct, match: [{uri: {prefix: /direct}}], directResponse: {status: 503, body: {string: later}}}
  - {name: nowhere, match: [{uri: {prefix: /nowhere}}], route: [{destination: {host: nobody.example}}]}
  - {name: both, match: [{uri: {prefix: /both}}], route: [{destination: {host: backend.example}, weight: 50}, {destination: {host: nobody.example}, weight: 50}]}
  - {name: all, match: [{uri: {prefix: /all}}], rewrite: {uri: /each, authority: inside.example}, headers: {request: {set: {x-tier: gold}}}, route: [{destination: {host: backend.example}}]}
`

// TestRoutesEndRequestsAsEnvoyDoes holds what Envoy 1.40 answered to these.
func TestRoutesEndRequestsAsEnvoyDoes(t *testing.T) {
	g := gateway(t, "", manyRoutes)
	const grpc = "application/grpc"
	for name, c := range map[string]struct {
		request explain.Request
		want    string
	}{
		"a fault":              {farAway("GET", "shop.example/broken"), "answered | 418 | fault_filter_abort | FI | fault filter abort"},
		"a fault of HEAD":      {farAway("HEAD", "shop.example/broken"), "answered | 418 | fault_filter_abort | FI"},
		"a fault of gRPC":      {farAway("POST", "shop.example/broken", "content-type", grpc), "answered | 200 | fault_filter_abort | FI | grpc-status=2 | grpc-message=fault filter abort"},
		"a fault by chance":    {farAway("GET", "shop.example/shaky"), "depends"},
		"a fault of nobody":    {farAway("GET", "shop.example/never"), "allowed"},
		"a preflight":          {farAway("OPTIONS", "shop.example/shared", "origin", "https://ok.example", "access-control-request-method", "PUT"), "answered | 200 | cors_response | access-control-allow-origin=https://ok.example | access-control-allow-credentials=true | access-control-allow-methods=GET,PUT | access-control-allow-headers=x-a | access-control-max-age=60 | access-control-expose-headers=x-b"},
		"another's preflight":  {farAway("OPTIONS", "shop.example/shared", "origin", "https://bad.example", "access-control-request-method", "PUT"), "allowed"},
		"no preflight":         {farAway("OPTIONS", "shop.example/shared", "origin", "https://ok.example"), "allowed"},
		"a preflight ignored":  {farAway("OPTIONS", "shop.example/guarded", "origin", "https://bad.example", "access-control-request-method", "PUT"), "answered | 200 | cors_response"},
		"not a shared answer":  {farAway("GET", "shop.example/said", "origin", "https://ok.example"), "answered | 200 | direct_response | hello"},
		"no preflight of it":   {farAway("OPTIONS", "shop.example/said", "origin", "https://ok.example", "access-control-request-method", "PUT"), "answered | 200 | direct_response | hello"},
		"a redirect":           {farAway("GET", "shop.example/moved?q=1"), "answered | 308 | direct_response | location=http://new.example/moved?q=1"},
		"a direct response":    {farAway("GET", "shop.example/direct"), "answered | 503 | direct_response | later"},
		"one to gRPC":          {farAway("POST", "shop.example/direct", "content-type", grpc+"+proto"), "answered | 200 | direct_response | grpc-status=14 | grpc-message=later"},
		"no cluster":           {farAway("GET", "shop.example/nowhere"), "answered | 503 | cluster_not_found | NC"},
		"one of two clusters":  {farAway("GET", "shop.example/both"), "depends"},
		"no route":             {farAway("GET", "shop.example/none"), "answered | 404 | route_not_found | NR"},
		"no route of gRPC":     {farAway("POST", "shop.example/none", "content-type", grpc), "answered | 200 | route_not_found | NR | grpc-status=12"},
		"a fragment":           {farAway("GET", "shop.example/all#x"), "answered | 400 | path_normalization_failed"},
		"no host":              {farAway("GET", "/all"), "answered | 400 | missing_host_header"},
		"a target without /":   {explain.Request{Port: 80, Authority: "a", Method: "OPTIONS", Path: "*"}, "answered | 404 | absolute_path_rejected"},
		"a tunnel":             {explain.Request{Port: 80, Authority: "shop.example", Method: "CONNECT", Path: "shop.example:443"}, "answered | 404 | route_not_found | NR"},
		"a strange method":     {farAway("BREW", "shop.example/all"), "answered | 400 | http1.codec_error | DPE | Bad Request"},
		"a strange upgrade":    {farAway("GET", "shop.example/all", "connection", "upgrade", "upgrade", "foo"), "answered | 403 | upgrade_failed"},
		"one without a route":  {farAway("GET", "shop.example/none", "connection", "upgrade", "upgrade", "foo"), "answered | 404 | route_not_found | NR"},
		"an upgrade":           {farAway("GET", "shop.example/all", "connection", "upgrade", "upgrade", "WebSocket"), "allowed"},
		"bytes":                {explain.Request{Port: 80, Connection: true}, "depends"},
		"TLS at plain text":    {explain.Request{Port: 80, TLS: true, Authority: "a", Path: "/"}, "closed | http1.codec_error | DPE"},
		"no port":              {explain.Request{Port: 81, Authority: "a", Path: "/"}, "closed"},
		"a host of another":    {farAway("GET", "other.example/x"), "allowed"},
		"a host with a dot":    {farAway("GET", "shop.example./direct"), "answered | 503 | direct_response | later"},
		"a host with its port": {farAway("GET", "shop.example:80/direct"), "answered | 503 | direct_response | later"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := said(g.Ask(c.request)); got != c.want {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

// TestTheBackendSeesWhatRoutesAndTheGatewayMakeOfARequest holds host, path and headers.
func TestTheBackendSeesWhatRoutesAndTheGatewayMakeOfARequest(t *testing.T) {
	a := gateway(t, "", manyRoutes).Ask(farAway("GET", "shop.example/all/x?q=1", "x-envoy-internal", "true", "x-a", "1", "x-forwarded-for", "203.0.113.9", "x-request-id", "mine"))
	if a.Destination == nil {
		t.Fatalf("%+v", a)
	}
	got := fmt.Sprint(a.Destination.Clusters, " ", a.Destination.VirtualHost, " ", a.Destination.Route, " ", a.Destination.Authority, a.Destination.Path)
	if want := "[{outbound|80||backend.example 0}] shop.example:80 all inside.example/each/x?q=1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	want := []traffic.Header{
		{Name: "x-a", Value: "1"}, {Name: "x-forwarded-for", Value: "203.0.113.9,198.51.100.7"},
		{Name: "x-forwarded-proto", Value: "http"}, {Name: "x-tier", Value: "gold"},
	}
	if diff := cmp.Diff(want, a.Destination.Headers); diff != "" {
		t.Error(diff)
	}
	if a.Destination.At == nil || a.Destination.At.File != "gateway.yaml" {
		t.Errorf("the route is written at %v", a.Destination.At)
	}
}

const threeRules = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: closed, namespace: istio-system}
spec: {action: DENY, rules: [{to: [{operation: {paths: [/admin*]}}]}, {to: [{operation: {methods: [DELETE]}}]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: open, namespace: istio-system}
spec: {rules: [{to: [{operation: {methods: [GET]}}]}, {from: [{source: {ipBlocks: [10.0.0.0/8]}}]}]}
`

// TestAllReasonsAreToldAndTheDecisiveOneIsNamed holds that nothing stops at the first reason.
func TestAllReasonsAreToldAndTheDecisiveOneIsNamed(t *testing.T) {
	g := gateway(t, threeRules, routing)
	for name, c := range map[string]struct {
		request  explain.Request
		want     string
		decisive string
	}{
		"allowed":            {farAway("GET", "a.example/x"), "allowed", "ns[istio-system]-policy[open]-rule[0]"},
		"denied by a rule":   {farAway("GET", "a.example/admin"), "denied | 403 | rbac_access_denied_matched_policy[ns[istio-system]-policy[closed]-rule[0]] | RBAC: access denied", "ns[istio-system]-policy[closed]-rule[0]"},
		"denied by both":     {farAway("DELETE", "a.example/admin"), "denied | 403 | rbac_access_denied_matched_policy[ns[istio-system]-policy[closed]-rule[0]] | RBAC: access denied", "ns[istio-system]-policy[closed]-rule[0]"},
		"allowed by nobody":  {farAway("POST", "a.example/x"), "denied | 403 | rbac_access_denied_matched_policy[none] | RBAC: access denied", ""},
		"denied before that": {farAway("DELETE", "a.example/x"), "denied | 403 | rbac_access_denied_matched_policy[ns[istio-system]-policy[closed]-rule[1]] | RBAC: access denied", "ns[istio-system]-policy[closed]-rule[1]"},
	} {
		t.Run(name, func(t *testing.T) {
			a := g.Ask(c.request)
			if got := said(a); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			rules := 0
			for i, r := range a.Reasons {
				if strings.HasPrefix(r.Rule, "ns[") {
					rules++
					if r.At == nil || r.At.File != "policy.yaml" || r.At.Line == 0 {
						t.Errorf("%s is written at %v", r.Rule, r.At)
					}
				}
				if i == a.Decisive && r.Rule != c.decisive {
					t.Errorf("%s decides, want %s", r.Rule, c.decisive)
				}
			}
			if rules != 4 || (a.Decisive < 0) != (c.decisive == "") {
				t.Errorf("%d reasons and %d decides, want all 4 and %s", rules, a.Decisive, c.decisive)
			}
			if a.Destination == nil {
				t.Error("it is not told where the request goes, or would go")
			}
		})
	}
}

// TestWhatIsNotSaidDecidesNothing holds that an answer depends on what the request does not say.
func TestWhatIsNotSaidDecidesNothing(t *testing.T) {
	g := gateway(t, threeRules, routing)
	r := farAway("POST", "a.example/x")
	r.Client = netip.AddrPort{}
	a := g.Ask(r)
	if a.Verdict != explain.Depends || len(a.Ends) != 2 || a.Ends[0].Verdict != explain.Denied || a.Ends[1].Verdict != explain.Allowed {
		t.Errorf("%+v", a.Ends)
	}
	if want := []string{"source IP is in 10.0.0.0/8"}; !slices.Equal(a.DependsOn, want) {
		t.Errorf("it depends on %q, want %q", a.DependsOn, want)
	}
	r.Method = "DELETE"
	if a := g.Ask(r); a.Verdict != explain.Denied || len(a.Ends) != 1 {
		t.Errorf("%+v, want denied whatever is not known", a.Ends)
	}
}
