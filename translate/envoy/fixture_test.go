package envoy

import (
	"encoding/json"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// asking is a view in which a policy asks the provider of a name about everything.
func asking(t *testing.T, mesh, provider string) model.View {
	t.Helper()
	config := &meshv1alpha1.MeshConfig{}
	fromYAML(t, mesh, config)
	return model.View{
		Mesh:     &resource.Mesh{Config: config},
		Services: []model.Service{{Host: "authz.example", Ports: []model.ServicePort{{Number: 80, Name: "http", Protocol: "GRPC"}}, Origin: object(resource.ServiceEntry, &networkingv1alpha3.ServiceEntry{})}},
		AuthorizationPolicies: []*resource.Resource{authorization(&securityv1beta1.AuthorizationPolicy{
			Action: securityv1beta1.AuthorizationPolicy_CUSTOM, Rules: []*securityv1beta1.Rule{{}},
			ActionDetail: &securityv1beta1.AuthorizationPolicy_Provider{Provider: &securityv1beta1.AuthorizationPolicy_ExtensionProvider{Name: provider}},
		})},
	}
}

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
