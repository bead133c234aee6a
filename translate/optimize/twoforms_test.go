package optimize_test

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/optimize"
	"github.com/portreeve/portreeve/translate/policy"
	"github.com/portreeve/portreeve/translate/source"
)

// signingKey is the one of all tokens here.
const signingKey = "0123456789abcdef0123456789abcdef"

func base64url(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// tokenOf is a token with a payload.
func tokenOf(payload string) string {
	signed := base64url([]byte(`{"alg":"HS256","kid":"a"}`)) + "." + base64url([]byte(payload))
	mac := hmac.New(sha256.New, []byte(signingKey))
	mac.Write([]byte(signed))
	return signed + "." + base64url(mac.Sum(nil))
}

// authentication has tokens of issuers verified, each from a header of its own where it has one: "issuer" or "issuer@header".
func authentication(issuers ...string) string {
	out := "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: tokens, namespace: istio-system}\nspec:\n  jwtRules:\n"
	for _, i := range issuers {
		issuer, header, own := strings.Cut(i, "@")
		out += fmt.Sprintf("  - issuer: %s\n    jwks: '{\"keys\":[{\"kty\":\"oct\",\"kid\":\"a\",\"alg\":\"HS256\",\"k\":%q}]}'\n", issuer, base64url([]byte(signingKey)))
		if own {
			out += "    fromHeaders: [{name: " + header + "}]\n"
		}
	}
	return out
}

// authorization is a policy with one rule, as JSON.
func authorization(name, action string, rule map[string]any) string {
	b, err := json.Marshal(map[string]any{
		"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy", "metadata": map[string]any{"name": name, "namespace": "istio-system"},
		"spec": map[string]any{"action": action, "rules": []any{rule}},
	})
	if err != nil {
		panic(err)
	}
	return string(b)
}

// filtersOf compiles policy to what enforces it, rule by rule.
func filtersOf(t testing.TB, documents ...string) []policy.Filter {
	t.Helper()
	gateway := "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: gateway, namespace: istio-system}\nspec:\n  selector: {istio: ingressgateway}\n  servers:\n  - port: {number: 8080, name: http, protocol: HTTP}\n    hosts: [\"*\"]\n"
	files := []source.File{{Path: "policy.yaml", Content: []byte(strings.Join(append(documents, gateway), "\n---\n"))}}
	r, diags := translate.Compile(files, model.Settings{}).Unoptimized().For(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	var chain filterchainv3.FilterChainConfig
	for _, c := range r.ExtensionConfigs {
		if c.GetName() != envoy.PolicyFilter {
			continue
		}
		if err := c.GetTypedConfig().UnmarshalTo(&chain); err != nil {
			t.Fatal(err)
		}
	}
	var out []policy.Filter
	for _, f := range chain.GetDefaultFilterChain().GetFilters() {
		m, err := f.GetTypedConfig().UnmarshalNew()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, policy.Filter{Name: f.GetName(), Config: m})
	}
	return out
}

// always are options with which every form is taken, however small a set is.
func always() optimize.Options {
	o := optimize.Standard()
	o.Thresholds = optimize.Thresholds{Index: 1, Fold: 2, Issuers: 1}
	return o
}

// twoForms is an Envoy with a listener for each form of one policy.
type twoForms struct{ rules, optimized string }

func runBoth(t testing.TB, filters []policy.Filter) twoForms {
	t.Helper()
	return runForms(t, filters, optimize.Policy(policy.Policy{HTTP: filters}, always(), nil).HTTP)
}

func runForms(t testing.TB, filters, optimized []policy.Filter) twoForms {
	t.Helper()
	run := envoytest.Run(t, envoytest.Options{Concurrency: 1, Extension: ".pb", Bootstrap: bootstrapOf(t, map[string][]policy.Filter{"rules": filters, "optimized": optimized})})
	return twoForms{run.MustListener(t, "rules"), run.MustListener(t, "optimized")}
}

func bootstrapOf(t testing.TB, listeners map[string][]policy.Filter) []byte {
	t.Helper()
	out := &bootstrapv3.Bootstrap{}
	if err := protojson.Unmarshal([]byte(`{"admin":{"address":{"socketAddress":{"address":"127.0.0.1","portValue":0}}},
"layeredRuntime":{"layers":[{"name":"static","staticLayer":{"re2.max_program_size.error_level":32768}}]}}`), out); err != nil {
		t.Fatal(err)
	}
	out.StaticResources = &bootstrapv3.Bootstrap_StaticResources{}
	for name, filters := range listeners {
		out.StaticResources.Listeners = append(out.StaticResources.Listeners, listenerOf(t, name, filters))
	}
	b, err := proto.Marshal(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// listenerOf answers what the filters let pass, and says why it answers. It believes the last address of x-forwarded-for.
func listenerOf(t testing.TB, name string, filters []policy.Filter) *listenerv3.Listener {
	t.Helper()
	manager := &hcmv3.HttpConnectionManager{StatPrefix: "http", UseRemoteAddress: wrapperspb.Bool(true), XffNumTrustedHops: 1}
	routes := &routev3.RouteConfiguration{}
	if err := protojson.Unmarshal([]byte(`{"virtualHosts":[{"name":"all","domains":["*"],"routes":[{"match":{"prefix":"/"},"directResponse":{"status":200}}]}]}`), routes); err != nil {
		t.Fatal(err)
	}
	manager.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: routes}
	reply := &hcmv3.LocalReplyConfig{}
	if err := protojson.Unmarshal([]byte(`{"mappers":[{"filter":{"statusCodeFilter":{"comparison":{"op":"GE","value":{"defaultValue":0,"runtimeKey":"none"}}}},
"headersToAdd":[{"header":{"key":"x-details","value":"%RESPONSE_CODE_DETAILS%"}}]}]}`), reply); err != nil {
		t.Fatal(err)
	}
	manager.LocalReplyConfig = reply
	for _, f := range append(filters[:len(filters):len(filters)], policy.Filter{Name: "router", Config: &routerv3.Router{}}) {
		manager.HttpFilters = append(manager.HttpFilters, &hcmv3.HttpFilter{Name: f.Name, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: match.Any(f.Config)}})
	}
	return &listenerv3.Listener{
		Name: name,
		Address: &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
			Address: "127.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{},
		}}},
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name: "http", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: match.Any(manager)},
		}}}},
	}
}

// question is a request: where it comes from, its path, and lines of headers.
type question struct {
	from, path string
	headers    []string
}

// answer is what Envoy says: a status, and why.
type answer struct {
	status  int
	details string
}

// send sends a request.
func send(t testing.TB, address string, r question) answer {
	t.Helper()
	dialer := net.Dialer{Timeout: 10 * time.Second}
	if r.from != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(r.from)}
	}
	c, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	lines := append([]string{"GET " + r.path + " HTTP/1.1", "Host: a.example"}, r.headers...)
	if _, err := c.Write([]byte(strings.Join(lines, "\r\n") + "\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%v: %v", r, err)
	}
	defer got.Body.Close()
	return answer{got.StatusCode, got.Header.Get("x-details")}
}

// ask asks both forms, and fails the test where their verdicts differ.
func (f twoForms) ask(t testing.TB, r question) (rules, optimized answer) {
	t.Helper()
	rules, optimized = send(t, f.rules, r), send(t, f.optimized, r)
	if rules.status != optimized.status || rules.status == http.StatusUnauthorized && rules.details != optimized.details {
		t.Errorf("%q: rules say %v, the optimised form %v", r, rules, optimized)
	}
	return rules, optimized
}

// left returns how many rules a filter has that no index finds.
func left(filters []policy.Filter, name string) int {
	for _, f := range filters {
		if f.Name == name {
			return len(f.Config.(*rbachttpv3.RBAC).GetRules().GetPolicies())
		}
	}
	return -1
}
