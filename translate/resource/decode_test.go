package resource_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/durationpb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"
	typev1beta1 "istio.io/api/type/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

const okp = `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`

func TestDecodeSpecs(t *testing.T) {
	for name, c := range map[string]struct {
		document string
		want     proto.Message
	}{
		"a policy": {
			"apiVersion: security.istio.io/v1beta1\nkind: AuthorizationPolicy\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {app: shop}}\n  action: DENY\n  rules:\n  - to: [{operation: {paths: [/a], ports: ['80']}}]\n",
			&securityv1beta1.AuthorizationPolicy{
				Selector: &typev1beta1.WorkloadSelector{MatchLabels: map[string]string{"app": "shop"}}, Action: securityv1beta1.AuthorizationPolicy_DENY,
				Rules: []*securityv1beta1.Rule{{To: []*securityv1beta1.Rule_To{{Operation: &securityv1beta1.Operation{Paths: []string{"/a"}, Ports: []string{"80"}}}}}},
			},
		},
		"no spec":   {"apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a}\n", &securityv1beta1.AuthorizationPolicy{}},
		"null spec": {"apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a}\nspec:\n", &securityv1beta1.AuthorizationPolicy{}},
		"null fields": {
			"apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a}\nspec:\n  selector:\n  rules:\n  - to:\n    - operation: {hosts: ~, paths: [/a]}\n    from: null\n  action: null\n",
			&securityv1beta1.AuthorizationPolicy{Rules: []*securityv1beta1.Rule{{To: []*securityv1beta1.Rule_To{{Operation: &securityv1beta1.Operation{Paths: []string{"/a"}}}}}}},
		},
		"both spellings of names": {
			"apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: a}\nspec:\n  jwt_rules:\n  - issuer: a\n    jwks: '" + okp + "'\n    forwardOriginalToken: true\n    output_payload_to_header: x-p\n    timeout: 250ms\n",
			&securityv1beta1.RequestAuthentication{JwtRules: []*securityv1beta1.JWTRule{{Issuer: "a", Jwks: okp, ForwardOriginalToken: true, OutputPayloadToHeader: "x-p", Timeout: durationpb.New(250 * time.Millisecond)}}},
		},
		"numbers": {
			"apiVersion: networking.istio.io/v1alpha3\nkind: Gateway\nmetadata: {name: a}\nspec:\n  servers:\n  - port: {number: '80', name: a, protocol: HTTP}\n    hosts: ['*']\n",
			&networkingv1alpha3.Gateway{Servers: []*networkingv1alpha3.Server{{Port: &networkingv1alpha3.Port{Number: 80, Name: "a", Protocol: "HTTP"}, Hosts: []string{"*"}}}},
		},
		"a date is text": {
			"apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a}\nspec:\n  selector: {matchLabels: {since: 2026-01-31}}\n",
			&securityv1beta1.AuthorizationPolicy{Selector: &typev1beta1.WorkloadSelector{MatchLabels: map[string]string{"since": "2026-01-31"}}},
		},
		"an alias": {
			"apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, labels: &l {app: shop}}\nspec:\n  selector: {matchLabels: *l}\n",
			&securityv1beta1.AuthorizationPolicy{Selector: &typev1beta1.WorkloadSelector{MatchLabels: map[string]string{"app": "shop"}}},
		},
		"JSON": {
			`{"apiVersion":"security.istio.io/v1","kind":"AuthorizationPolicy","metadata":{"name":"a"},"spec":{"action":"AUDIT","rules":[{}]}}`,
			&securityv1beta1.AuthorizationPolicy{Action: securityv1beta1.AuthorizationPolicy_AUDIT, Rules: []*securityv1beta1.Rule{{}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			resources, found := compile(source.File{Path: "f", Content: []byte(c.document)})
			if len(found.Errors()) > 0 || len(resources) != 1 {
				t.Fatalf("%d resources, %v", len(resources), found)
			}
			if d := cmp.Diff(c.want, resources[0].Spec, protocmp.Transform()); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestDecodeMetadata(t *testing.T) {
	resources, found := compile(source.File{Path: "f", Content: []byte(`apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata:
  name: a.b
  labels: {app: shop}
  annotations: {note: "1"}
  creationTimestamp: 2026-01-31T12:00:00Z
`)})
	if len(found) > 0 || len(resources) != 1 {
		t.Fatal(found)
	}
	r := resources[0]
	want := resource.Key{Kind: resource.AuthorizationPolicy, Namespace: "default", Name: "a.b"}
	if r.Key != want || r.Labels["app"] != "shop" || r.Annotations["note"] != "1" || !r.Created.Equal(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)) {
		t.Errorf("got %+v", r)
	}
}

// TestDecodeLeavesTheTreeAlone holds that documents can be decoded again, with the same result.
func TestDecodeLeavesTheTreeAlone(t *testing.T) {
	documents, _ := source.Parse([]source.File{{Path: "f", Content: []byte("apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a}\nspec:\n  selector:\n  action: DENY\n  rules:\n  - {from: , to: [{operation: {paths: [/a], hosts: }}]}\n")}})
	var said []string
	for range 2 {
		resources, found := resource.Decode(documents)
		if len(resources) != 1 || len(found) != 1 || found[0].Code != diag.CodeDenyTCP {
			t.Fatalf("%v, %v", resources, found)
		}
		said = append(said, found[0].String()+prototext.Format(resources[0].Spec))
	}
	if said[0] != said[1] {
		t.Errorf("first %s\nthen %s", said[0], said[1])
	}
}

func TestOriginAt(t *testing.T) {
	resources, _ := compile(source.File{Path: "f", Content: []byte(strings.Join([]string{
		"apiVersion: security.istio.io/v1", "kind: RequestAuthentication", "metadata: {name: a}", "spec:", "  jwt_rules:", "  - issuer: a", "    jwks: '" + okp + "'", "    fromHeaders:", "    - name: x",
	}, "\n"))})
	if len(resources) != 1 {
		t.Fatal("not decoded")
	}
	for name, c := range map[string]struct {
		path resource.Path
		want string
	}{
		"a value":                      {resource.Path{"metadata", "name"}, "f:3:18"},
		"a name in the other spelling": {resource.Path{"spec", "jwtRules", 0, "issuer"}, "f:6:13"},
		"an item":                      {resource.Path{"spec", "jwtRules", 0, "fromHeaders", 0}, "f:9:7"},
		"what is not there":            {resource.Path{"spec", "jwtRules", 0, "audiences", 3}, "f:6:5"},
		"an index that is not there":   {resource.Path{"spec", "jwtRules", 7}, "f:6:3"},
		"a negative index":             {resource.Path{"spec", "jwtRules", -1}, "f:6:3"},
		"nothing":                      {nil, "f:1:1"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := resources[0].Origin.At(c.path).String(); got != c.want {
				t.Errorf("%s: got %s, want %s", c.path, got, c.want)
			}
		})
	}
	from, to := resource.Path{"spec", "rules", 0}, resource.Path{"spec", "jwtRules", 0}
	aliased := resources[0].Origin.Aliased(from, to)
	if got := aliased.At(from.Field("issuer")).String(); got != "f:6:13" {
		t.Errorf("aliased: %s", got)
	}
}
