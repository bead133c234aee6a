package manifest_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"
	telemetryv1alpha1 "istio.io/api/telemetry/v1alpha1"
	typev1beta1 "istio.io/api/type/v1beta1"

	"github.com/portreeve/portreeve/translate/manifest"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// reload returns what the printed form of the resources is read as.
func reload(t *testing.T, in []*resource.Resource) ([]*resource.Resource, string) {
	t.Helper()
	text, err := manifest.YAML(in)
	if err != nil {
		t.Fatal(err)
	}
	documents, found := source.Parse([]source.File{{Path: "printed.yaml", Content: text}})
	out, more := resource.Decode(documents)
	if diags := append(found, more...); diags.HasErrors() {
		t.Errorf("the printed form has findings: %v", diags)
	}
	return out, string(text)
}

// same compares what makes up the meaning of resources: all but where they stand.
func same(want, got []*resource.Resource) string {
	return cmp.Diff(want, got, protocmp.Transform(), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(resource.Resource{}, "Origin"))
}

func object(kind resource.Kind, name string, spec proto.Message) *resource.Resource {
	return &resource.Resource{Key: resource.Key{Kind: kind, Namespace: "istio-system", Name: name}, Spec: spec}
}

// awkward holds strings that YAML reads as something else where they are not quoted.
var awkward = []string{
	"y", "n", "yes", "null", "~", "true", "0x10", "1e3", "1_000", "012", "1:30", "2026-01-01", "<<", "=", "- a", "? a", ": a", "a: b", "a #b",
	"#", "&a", "*a", "!a", "|", ">", "%a", "@a", "`a", "'", "\"", "\\", "a\n", "a\n\n", "\na", " a", "a ", "\ta", "a\tb", " a\n b\n", "a \nb",
	"a\r\nb", "\u0085", "\u2028a", "\ufeffa", "\x7f", "\u00e9", "\U0001f600", "---", "...", "a\n---\nb", "a\n...\nb",
}

func TestAwkwardStringsLoadAgain(t *testing.T) {
	for _, s := range awkward {
		t.Run(fmt.Sprintf("%q", s), func(t *testing.T) {
			in := object(resource.AuthorizationPolicy, "p", &securityv1beta1.AuthorizationPolicy{
				Action: securityv1beta1.AuthorizationPolicy_DENY,
				Rules: []*securityv1beta1.Rule{{When: []*securityv1beta1.Condition{
					{Key: "request.auth.claims[a]", Values: []string{s}},
				}}},
			})
			in.Annotations = map[string]string{"example.com/note": s}
			want := []*resource.Resource{in}
			got, text := reload(t, want)
			if diff := same(want, got); diff != "" {
				t.Errorf("(-printed +loaded)\n%s\n%s", diff, text)
			}
		})
	}
}

// TestRandomStringsLoadAgain tries what nobody thought of, among them key sets of many lines.
func TestRandomStringsLoadAgain(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // a test wants the same strings again
	letters := []rune("a{}[]:,#'\"\\|>-? \t\n&*!%@`~0.\u0085\u00e9\U0001f600")
	for range 500 {
		text := make([]rune, 1+r.IntN(12))
		for i := range text {
			text[i] = letters[r.IntN(len(letters))]
		}
		in := object(resource.AuthorizationPolicy, "p", &securityv1beta1.AuthorizationPolicy{
			Rules: []*securityv1beta1.Rule{{When: []*securityv1beta1.Condition{{Key: "request.auth.claims[a]", NotValues: []string{"x", string(text)}}}}},
		})
		got, printed := reload(t, []*resource.Resource{in})
		if diff := same([]*resource.Resource{in}, got); diff != "" {
			t.Fatalf("%q: (-printed +loaded)\n%s\n%s", string(text), diff, printed)
		}
	}
}

// everything has a resource of each kind of Istio, with numbers of every size, empty
// objects that have a meaning, and all of the metadata.
func everything() []*resource.Resource {
	keys := `{"keys":[` + "\n" + `  {"kty":"oct","kid":"k","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}` + "\n" + `]}` + "\n"
	first := object(resource.RequestAuthentication, "a", &securityv1beta1.RequestAuthentication{
		Selector: &typev1beta1.WorkloadSelector{MatchLabels: map[string]string{"istio": "ingressgateway", "version": "1.10"}},
		JwtRules: []*securityv1beta1.JWTRule{{
			Issuer: "me", Jwks: keys, ForwardOriginalToken: true, FromHeaders: []*securityv1beta1.JWTHeader{{Name: "x-token", Prefix: "Token "}},
		}},
	})
	first.Labels, first.Created = map[string]string{"on": "1"}, time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC)
	return []*resource.Resource{
		first,
		object(resource.AuthorizationPolicy, "all", &securityv1beta1.AuthorizationPolicy{Rules: []*securityv1beta1.Rule{{}}}),
		object(resource.AuthorizationPolicy, "nothing", &securityv1beta1.AuthorizationPolicy{}),
		object(resource.Telemetry, "t", &telemetryv1alpha1.Telemetry{AccessLogging: []*telemetryv1alpha1.AccessLogging{{
			Providers: []*telemetryv1alpha1.ProviderRef{{Name: "envoy"}}, Disabled: wrapperspb.Bool(false),
			Match:  &telemetryv1alpha1.AccessLogging_LogSelector{Mode: telemetryv1alpha1.WorkloadMode_CLIENT},
			Filter: &telemetryv1alpha1.AccessLogging_Filter{Expression: `response.code >= 400 && request.path != "a: b"`},
		}}}),
		object(resource.Gateway, "g", &networkingv1alpha3.Gateway{
			Selector: map[string]string{"istio": "ingressgateway"},
			Servers: []*networkingv1alpha3.Server{{
				Port: &networkingv1alpha3.Port{Number: 8080, Name: "http", Protocol: "HTTP"}, Hosts: []string{"*"}, Bind: "127.0.0.1",
			}},
		}),
		object(resource.VirtualService, "v", &networkingv1alpha3.VirtualService{
			Hosts: []string{"*"}, Gateways: []string{"g"},
			Http: []*networkingv1alpha3.HTTPRoute{{
				Match: []*networkingv1alpha3.HTTPMatchRequest{{Uri: &networkingv1alpha3.StringMatch{MatchType: &networkingv1alpha3.StringMatch_Prefix{Prefix: "/"}}}},
				Route: []*networkingv1alpha3.HTTPRouteDestination{{Destination: &networkingv1alpha3.Destination{Host: "s.example.com", Port: &networkingv1alpha3.PortSelector{Number: 9080}}}},
			}},
		}),
		object(resource.ServiceEntry, "s", &networkingv1alpha3.ServiceEntry{
			Hosts: []string{"s.example.com"}, Resolution: networkingv1alpha3.ServiceEntry_STATIC,
			Ports: []*networkingv1alpha3.ServicePort{{Number: 9080, Name: "http", Protocol: "HTTP"}},
			Endpoints: []*networkingv1alpha3.WorkloadEntry{
				{Address: "127.0.0.1", Weight: 1000000}, {Address: "127.0.0.2", Weight: 4294967295}, {Address: "127.0.0.3", Weight: 123456789},
			},
		}),
	}
}

func TestEveryKindLoadsAgain(t *testing.T) {
	want := everything()
	got, text := reload(t, want)
	if diff := same(want, got); diff != "" {
		t.Errorf("(-printed +loaded)\n%s\n%s", diff, text)
	}
	if _, again := reload(t, got); again != text {
		t.Errorf("printed again it differs:\n%s\n%s", text, again)
	}
}

func TestNothingPrintsNothing(t *testing.T) {
	if text, err := manifest.YAML(nil); err != nil || len(text) > 0 {
		t.Errorf("got %q, %v", text, err)
	}
}
