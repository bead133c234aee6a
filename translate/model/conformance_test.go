package model_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// conformance is where Istio's own test data may lie; it is no part of the repository.
const conformance = "../../../shared/conformance"

// suite reads the cases of one of Istio's suites and skips when it is not there.
func suite[T any](t *testing.T, name string) map[string]T {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(conformance, name+".json"))
	if err != nil {
		t.Skipf("NOT RUN: Istio's suite %s is not there: %v", name, err)
	}
	var cases []struct {
		ID   string `json:"case"`
		Case T      `json:"case.json"`
	}
	if err := json.Unmarshal(content, &cases); err != nil {
		t.Fatal(err)
	}
	out := map[string]T{}
	for _, c := range cases {
		out[c.ID] = c.Case
	}
	if len(out) == 0 {
		t.Fatalf("the suite %s has no cases", name)
	}
	return out
}

// istioRoot is the root namespace in Istio's suites about scope.
const istioRoot = "istio-config"

// config is an object as the suites write it, on one side or the other.
type config struct {
	Kind      resource.Kind   `json:"kind"`
	Name      string          `json:"name"`
	Namespace string          `json:"namespace"`
	Spec      json.RawMessage `json:"spec"`
}

func (c config) key() string { return c.Namespace + "/" + c.Name }

// resource returns nothing for a kind that is none of ours.
func (c config) resource(t *testing.T) (*resource.Resource, bool) {
	t.Helper()
	var spec proto.Message
	switch c.Kind {
	case resource.AuthorizationPolicy:
		spec = &securityv1beta1.AuthorizationPolicy{}
	case resource.RequestAuthentication:
		spec = &securityv1beta1.RequestAuthentication{}
	default:
		return nil, false
	}
	if err := protojson.Unmarshal(c.Spec, spec); err != nil {
		t.Fatalf("%s: %v", c.key(), err)
	}
	return newResource(c.Kind, c.Namespace, c.Name, spec), true
}

func newResource(kind resource.Kind, namespace, name string, spec proto.Message) *resource.Resource {
	out := &resource.Resource{Key: resource.Key{Kind: kind, Namespace: namespace, Name: name}, Spec: spec}
	out.Origin.Document.Root = &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}
	return out
}

func view(t *testing.T, configs []config, namespace string, labels map[string]string) model.View {
	t.Helper()
	var resources []*resource.Resource
	for _, c := range configs {
		if r, ok := c.resource(t); ok {
			resources = append(resources, r)
		}
	}
	settings := model.DefaultSettings()
	settings.RootNamespace = istioRoot
	m, _ := model.Build(resources, settings)
	return m.For(model.Gateway{Namespace: namespace, Labels: labels})
}

func keys(policies []*resource.Resource) []string {
	out := []string{}
	for _, p := range policies {
		out = append(out, p.Namespace+"/"+p.Name)
	}
	return out
}

func keysOf(configs []config) []string {
	out := []string{}
	for _, c := range configs {
		out = append(out, c.key())
	}
	return out
}

type authorizationCase struct {
	Configs       []config `json:"configs"`
	SelectionOpts struct {
		IsWaypoint        bool
		WorkloadLabels    map[string]string
		WorkloadNamespace string
	} `json:"selectionOpts"`
	WantAllow  []config `json:"wantAllow"`
	WantDeny   []config `json:"wantDeny"`
	WantAudit  []config `json:"wantAudit"`
	WantCustom []config `json:"wantCustom"`
}

func TestIstioAuthorizationScope(t *testing.T) {
	var waypoints []string
	for id, c := range suite[authorizationCase](t, "go-policy-scope-authz") {
		if c.SelectionOpts.IsWaypoint {
			waypoints = append(waypoints, id)
			continue
		}
		t.Run(id, func(t *testing.T) {
			byAction := map[securityv1beta1.AuthorizationPolicy_Action][]*resource.Resource{}
			for _, p := range view(t, c.Configs, c.SelectionOpts.WorkloadNamespace, c.SelectionOpts.WorkloadLabels).AuthorizationPolicies {
				action := p.Spec.(*securityv1beta1.AuthorizationPolicy).GetAction()
				byAction[action] = append(byAction[action], p)
			}
			for action, want := range map[securityv1beta1.AuthorizationPolicy_Action][]config{
				securityv1beta1.AuthorizationPolicy_ALLOW: c.WantAllow, securityv1beta1.AuthorizationPolicy_DENY: c.WantDeny,
				securityv1beta1.AuthorizationPolicy_AUDIT: c.WantAudit, securityv1beta1.AuthorizationPolicy_CUSTOM: c.WantCustom,
			} {
				if diff := gocmp.Diff(keysOf(want), keys(byAction[action])); diff != "" {
					t.Errorf("%s differs from Istio (-want +got):\n%s", action, diff)
				}
			}
		})
	}
	skipped(t, waypoints)
}

type authenticationCase struct {
	IsWaypoint        bool              `json:"isWaypoint"`
	WorkloadLabels    map[string]string `json:"workloadLabels"`
	WorkloadNamespace string            `json:"workloadNamespace"`
	WantRequestAuthn  []config          `json:"wantRequestAuthn"`
}

func TestIstioAuthenticationScope(t *testing.T) {
	byID := suite[config](t, "go-policy-scope-reqauthn-configs")
	var configs []config
	for _, c := range byID {
		configs = append(configs, c)
	}
	var waypoints []string
	for id, c := range suite[authenticationCase](t, "go-policy-scope-reqauthn") {
		if c.IsWaypoint {
			waypoints = append(waypoints, id)
			continue
		}
		t.Run(id, func(t *testing.T) {
			got := view(t, configs, c.WorkloadNamespace, c.WorkloadLabels).RequestAuthentications
			if diff := gocmp.Diff(keysOf(c.WantRequestAuthn), keys(got)); diff != "" {
				t.Errorf("differs from Istio (-want +got):\n%s", diff)
			}
		})
	}
	skipped(t, waypoints)
}

// skipped says which cases have no meaning here, and holds that the documentation names each.
func skipped(t *testing.T, waypoints []string) {
	t.Helper()
	slices.Sort(waypoints)
	t.Logf("NOT RUN, since a gateway is no waypoint of a mesh: %v", waypoints)
	page, err := os.ReadFile("../../docs/istio-compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range waypoints {
		if !strings.Contains(string(page), "`"+id+"`") {
			t.Errorf("docs/istio-compatibility.md does not say why the case %s is not run", id)
		}
	}
}
