package policy

import (
	"encoding/json"
	"testing"

	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	rbacnetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	gocmp "github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

func authorization(spec *securityv1beta1.AuthorizationPolicy) *resource.Resource {
	return object(resource.AuthorizationPolicy, spec)
}

func object(kind resource.Kind, spec proto.Message) *resource.Resource {
	out := &resource.Resource{Key: resource.Key{Kind: kind, Namespace: "foo", Name: "p"}, Spec: spec}
	out.Origin.Document.Root = &yaml.Node{Kind: yaml.MappingNode, Line: 1, Column: 1}
	return out
}

func fromYAML(t *testing.T, text string, into proto.Message) {
	t.Helper()
	var value any
	if err := yaml.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	content, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	if err := protojson.Unmarshal(content, into); err != nil {
		t.Fatal(err)
	}
}

func equal(t *testing.T, want, got proto.Message) {
	t.Helper()
	if diff := gocmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

// rbacFilter, networkRBAC and customRules are what is made of policies alone.
func rbacFilter(policies []*resource.Resource, action securityv1beta1.AuthorizationPolicy_Action, as form) (*rbachttpv3.RBAC, map[string]diag.Position) {
	set := setOf{form: as, action: action}.without(byAction(policies)[action])
	return set.config.(*rbachttpv3.RBAC), set.trace.All()
}

func networkRBAC(policies []*resource.Resource, action securityv1beta1.AuthorizationPolicy_Action) (*rbacnetworkv3.RBAC, map[string]diag.Position) {
	set := setOf{form: connections, action: action}.without(byAction(policies)[action])
	return set.config.(*rbacnetworkv3.RBAC), set.trace.All()
}

// makingOf makes the filters of a view without knowing of any.
func makingOf(v model.View) making {
	return making{view: v, rules: jwtRulesOf(v.RequestAuthentications), policies: byAction(v.AuthorizationPolicies)}
}
