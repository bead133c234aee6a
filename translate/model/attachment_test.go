package model_test

import (
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// The gateways of the table: the usual one, one of the Kubernetes Gateway API, and each in
// the root namespace.
func classic(namespace string) model.Gateway {
	return model.Gateway{Namespace: namespace, Labels: map[string]string{"istio": "ingressgateway", "app": "gateway"}}
}

func gatewayAPI(namespace string) model.Gateway {
	return model.Gateway{Namespace: namespace, Labels: map[string]string{"gateway.networking.k8s.io/gateway-name": "web", "app": "gateway"}}
}

const (
	toGateway  = `"group":"gateway.networking.k8s.io","kind":"Gateway"`
	bySelector = `"selector":{"matchLabels":{"app":"gateway"}}`
)

// TestAttachment is how Istio decides whether a policy is for a workload, row by row.
func TestAttachment(t *testing.T) {
	for name, c := range map[string]struct {
		gateway   model.Gateway
		namespace string // the policy's
		spec      string
		want      bool
	}{
		"no attachment, same namespace":                 {classic("shop"), "shop", `{}`, true},
		"no attachment, root namespace":                 {classic("shop"), "root", `{}`, true},
		"no attachment, another namespace":              {classic("shop"), "other", `{}`, false},
		"no attachment, gateway in the root namespace":  {classic("root"), "shop", `{}`, false},
		"an empty selector":                             {classic("shop"), "shop", `{"selector":{}}`, true},
		"a selector with an empty mapping":              {classic("shop"), "shop", `{"selector":{"matchLabels":{}}}`, true},
		"a selector that fits":                          {classic("shop"), "shop", `{` + bySelector + `}`, true},
		"a selector that fits, root namespace":          {classic("shop"), "root", `{` + bySelector + `}`, true},
		"a selector that fits, another namespace":       {classic("shop"), "other", `{` + bySelector + `}`, false},
		"every label of a selector has to fit":          {classic("shop"), "shop", `{"selector":{"matchLabels":{"app":"gateway","istio":"other"}}}`, false},
		"a label that the gateway lacks":                {classic("shop"), "shop", `{"selector":{"matchLabels":{"version":"v1"}}}`, false},
		"a label that the gateway lacks, empty":         {classic("shop"), "shop", `{"selector":{"matchLabels":{"version":""}}}`, false},
		"labels are compared to the letter":             {classic("shop"), "shop", `{"selector":{"matchLabels":{"app":"Gateway"}}}`, false},
		"a selector does not fit in the root namespace": {classic("shop"), "root", `{"selector":{"matchLabels":{"app":"other"}}}`, false},
		"a target, but no gateway of the API":           {classic("shop"), "shop", `{"targetRefs":[{` + toGateway + `,"name":"web"}]}`, false},
		"the older target, but no gateway of the API":   {classic("shop"), "shop", `{"targetRef":{` + toGateway + `,"name":"web"}}`, false},
		"a target named as the gateway's own label":     {classic("shop"), "shop", `{"targetRefs":[{` + toGateway + `,"name":"gateway"}]}`, false},
		"no attachment, gateway of the API":             {gatewayAPI("shop"), "shop", `{}`, true},
		"no attachment, root, gateway of the API":       {gatewayAPI("shop"), "root", `{}`, true},
		"a selector, gateway of the API":                {gatewayAPI("shop"), "shop", `{` + bySelector + `}`, true},
		"a selector for the name, gateway of the API":   {gatewayAPI("shop"), "shop", `{"selector":{"matchLabels":{"gateway.networking.k8s.io/gateway-name":"web"}}}`, true},
		"a selector that does not fit, API":             {gatewayAPI("shop"), "shop", `{"selector":{"matchLabels":{"app":"other"}}}`, false},
		"a target that fits":                            {gatewayAPI("shop"), "shop", `{"targetRefs":[{` + toGateway + `,"name":"web"}]}`, true},
		"the older target that fits":                    {gatewayAPI("shop"), "shop", `{"targetRef":{` + toGateway + `,"name":"web"}}`, true},
		"the older target beside a list":                {gatewayAPI("shop"), "shop", `{"targetRef":{` + toGateway + `,"name":"web"},"targetRefs":[{` + toGateway + `,"name":"other"}]}`, false},
		"a target with its own namespace":               {gatewayAPI("shop"), "shop", `{"targetRefs":[{` + toGateway + `,"name":"web","namespace":"shop"}]}`, true},
		"a target with another namespace":               {gatewayAPI("shop"), "shop", `{"targetRefs":[{` + toGateway + `,"name":"web","namespace":"other"}]}`, false},
		"a target of another name":                      {gatewayAPI("shop"), "shop", `{"targetRefs":[{` + toGateway + `,"name":"other"}]}`, false},
		"a target is compared to the letter":            {gatewayAPI("shop"), "shop", `{"targetRefs":[{` + toGateway + `,"name":"we"}]}`, false},
		"the second of two targets fits":                {gatewayAPI("shop"), "shop", `{"targetRefs":[{` + toGateway + `,"name":"other"},{` + toGateway + `,"name":"web"}]}`, true},
		"a target from the root namespace":              {gatewayAPI("shop"), "root", `{"targetRefs":[{` + toGateway + `,"name":"web"}]}`, false},
		"a target from the root names the namespace":    {gatewayAPI("shop"), "root", `{"targetRefs":[{` + toGateway + `,"name":"web","namespace":"shop"}]}`, false},
		"a target, gateway in the root namespace":       {gatewayAPI("root"), "root", `{"targetRefs":[{` + toGateway + `,"name":"web"}]}`, true},
		"a target from another namespace":               {gatewayAPI("shop"), "other", `{"targetRefs":[{` + toGateway + `,"name":"web"}]}`, false},
		"a target of Istio's own kind Gateway":          {gatewayAPI("shop"), "shop", `{"targetRefs":[{"group":"networking.istio.io","kind":"Gateway","name":"web"}]}`, false},
		"a target without a group":                      {gatewayAPI("shop"), "shop", `{"targetRefs":[{"kind":"Gateway","name":"web"}]}`, false},
		"a Service":                                     {gatewayAPI("shop"), "shop", `{"targetRefs":[{"kind":"Service","name":"web"}]}`, false},
		"a ServiceEntry":                                {gatewayAPI("shop"), "shop", `{"targetRefs":[{"group":"networking.istio.io","kind":"ServiceEntry","name":"web"}]}`, false},
		"a GatewayClass from the root namespace":        {gatewayAPI("shop"), "root", `{"targetRefs":[{"group":"gateway.networking.k8s.io","kind":"GatewayClass","name":"istio-waypoint"}]}`, false},
		"a GatewayClass named as the gateway":           {gatewayAPI("shop"), "shop", `{"targetRefs":[{"group":"gateway.networking.k8s.io","kind":"GatewayClass","name":"web"}]}`, false},
		"a Service and the gateway":                     {gatewayAPI("shop"), "shop", `{"targetRefs":[{"kind":"Service","name":"a"},{` + toGateway + `,"name":"web"}]}`, true},
		"a target wins over a selector that fits":       {gatewayAPI("shop"), "shop", `{` + bySelector + `,"targetRefs":[{` + toGateway + `,"name":"other"}]}`, false},
		"a target without the API, selector or not":     {classic("shop"), "shop", `{` + bySelector + `,"targetRefs":[{` + toGateway + `,"name":"web"}]}`, false},
		"a gateway without any labels":                  {model.Gateway{Namespace: "shop"}, "shop", `{}`, true},
		"a gateway without any labels, selector":        {model.Gateway{Namespace: "shop"}, "shop", `{` + bySelector + `}`, false},
		"a gateway without any labels, empty selector":  {model.Gateway{Namespace: "shop"}, "root", `{"selector":{}}`, true},
		"a gateway whose name of the API is empty":      {model.Gateway{Namespace: "shop", Labels: map[string]string{"gateway.networking.k8s.io/gateway-name": ""}}, "shop", `{"targetRefs":[{` + toGateway + `,"name":"web"}]}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			for kind, spec := range map[resource.Kind]proto.Message{
				resource.AuthorizationPolicy: &securityv1beta1.AuthorizationPolicy{}, resource.RequestAuthentication: &securityv1beta1.RequestAuthentication{},
			} {
				if err := protojson.Unmarshal([]byte(c.spec), spec); err != nil {
					t.Fatal(err)
				}
				settings := model.DefaultSettings()
				settings.RootNamespace = "root"
				m, _ := model.Build([]*resource.Resource{newResource(kind, c.namespace, "p", spec)}, settings)
				v := m.For(c.gateway)
				if got := len(v.AuthorizationPolicies)+len(v.RequestAuthentications) == 1; got != c.want {
					t.Errorf("%s applies: %v, want %v", kind, got, c.want)
				}
			}
		})
	}
}

// TestOrderOfPolicies holds Istio's two orders: RequestAuthentications of the gateway's
// namespace come first, AuthorizationPolicies of the root namespace do. In a namespace the
// older comes first, then the name decides, and never the order of the files.
func TestOrderOfPolicies(t *testing.T) {
	type written struct {
		namespace, name string
		age             int // days; 0 is no creation time, which counts as the oldest
	}
	for name, c := range map[string]struct {
		policies       []written
		authorization  []string
		authentication []string
	}{
		"by name": {
			[]written{{"shop", "b", 0}, {"root", "b", 0}, {"shop", "a", 0}, {"root", "a", 0}},
			[]string{"root/a", "root/b", "shop/a", "shop/b"}, []string{"shop/a", "shop/b", "root/a", "root/b"},
		},
		"the older first, whatever its name": {
			[]written{{"shop", "a", 1}, {"shop", "b", 3}, {"shop", "c", 2}},
			[]string{"shop/b", "shop/c", "shop/a"}, []string{"shop/b", "shop/c", "shop/a"},
		},
		"age does not cross namespaces": {
			[]written{{"shop", "a", 9}, {"root", "z", 1}, {"shop", "b", 1}, {"root", "y", 9}},
			[]string{"root/y", "root/z", "shop/a", "shop/b"}, []string{"shop/a", "shop/b", "root/y", "root/z"},
		},
		"of one age by name": {
			[]written{{"shop", "b", 5}, {"shop", "a", 5}, {"shop", "c", 6}},
			[]string{"shop/c", "shop/a", "shop/b"}, []string{"shop/c", "shop/a", "shop/b"},
		},
		"without a creation time before all others": {
			[]written{{"shop", "a", 5}, {"shop", "z", 0}},
			[]string{"shop/z", "shop/a"}, []string{"shop/z", "shop/a"},
		},
		"names by their bytes": {
			[]written{{"shop", "a10", 0}, {"shop", "a9", 0}, {"shop", "a-1", 0}, {"shop", "a.1", 0}},
			[]string{"shop/a-1", "shop/a.1", "shop/a10", "shop/a9"}, []string{"shop/a-1", "shop/a.1", "shop/a10", "shop/a9"},
		},
		"another namespace's are left out": {
			[]written{{"other", "a", 0}, {"shop", "b", 0}},
			[]string{"shop/b"}, []string{"shop/b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			var resources []*resource.Resource
			for _, p := range c.policies {
				for kind, spec := range map[resource.Kind]proto.Message{
					resource.AuthorizationPolicy: &securityv1beta1.AuthorizationPolicy{}, resource.RequestAuthentication: &securityv1beta1.RequestAuthentication{},
				} {
					r := newResource(kind, p.namespace, p.name, spec)
					if p.age > 0 {
						r.Created = now.AddDate(0, 0, -p.age)
					}
					resources = append(resources, r)
				}
			}
			settings := model.DefaultSettings()
			settings.RootNamespace = "root"
			m, _ := model.Build(resources, settings)
			v := m.For(classic("shop"))
			if diff := gocmp.Diff(c.authorization, keys(v.AuthorizationPolicies)); diff != "" {
				t.Errorf("AuthorizationPolicies (-want +got):\n%s", diff)
			}
			if diff := gocmp.Diff(c.authentication, keys(v.RequestAuthentications)); diff != "" {
				t.Errorf("RequestAuthentications (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAGatewayInTheRootNamespaceHasEachPolicyOnce holds where both namespaces are one.
func TestAGatewayInTheRootNamespaceHasEachPolicyOnce(t *testing.T) {
	settings := model.DefaultSettings()
	settings.RootNamespace = "root"
	m, _ := model.Build([]*resource.Resource{
		newResource(resource.AuthorizationPolicy, "root", "a", &securityv1beta1.AuthorizationPolicy{}),
		newResource(resource.RequestAuthentication, "root", "a", &securityv1beta1.RequestAuthentication{}),
	}, settings)
	v := m.For(classic("root"))
	if len(v.AuthorizationPolicies) != 1 || len(v.RequestAuthentications) != 1 {
		t.Errorf("%d and %d policies, want each once", len(v.AuthorizationPolicies), len(v.RequestAuthentications))
	}
}
