package resource

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"
	telemetryv1alpha1 "istio.io/api/telemetry/v1alpha1"

	kubernetesv1 "github.com/portreeve/portreeve/proto/kubernetes/v1"
	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// definition is what is known of one kind.
type definition struct {
	kind     Kind
	group    string
	versions []string
	message  func() proto.Message
	// scope is that of the document's findings.
	scope func(*reporter) diag.Scope
	// check reports what is wrong with a spec that has the right types.
	check func(valueChecker, proto.Message)
	// fields stand at the top of the object where it has no spec.
	fields []string
	// counts are the fields of Istio's message that are translated; every other one is refused. The
	// messages that are defined here have no others.
	counts []string
}

const (
	securityGroup   = "security.istio.io"
	networkingGroup = "networking.istio.io"
	telemetryGroup  = "telemetry.istio.io"
	portreeveGroup  = "portreeve.dev"
	// The groups of Kubernetes, of which a few kinds are read and all others ignored.
	coreGroup      = ""
	discoveryGroup = "discovery.k8s.io"
)

func definitions() []definition {
	security := []string{"v1", "v1beta1"}
	networking := []string{"v1", "v1beta1", "v1alpha3"}
	return []definition{
		{RequestAuthentication, securityGroup, security, func() proto.Message { return &securityv1beta1.RequestAuthentication{} }, policyScope, checkRequestAuthentication, nil, requestAuthenticationFields()},
		{AuthorizationPolicy, securityGroup, security, func() proto.Message { return &securityv1beta1.AuthorizationPolicy{} }, policyScope, checkAuthorizationPolicy, nil, authorizationPolicyFields()},
		{Gateway, networkingGroup, networking, func() proto.Message { return &networkingv1alpha3.Gateway{} }, gatewayScope, checkGateway, nil, gatewayFields()},
		{VirtualService, networkingGroup, networking, func() proto.Message { return &networkingv1alpha3.VirtualService{} }, virtualServiceScope, checkVirtualService, nil, virtualServiceFields()},
		{ServiceEntry, networkingGroup, networking, func() proto.Message { return &networkingv1alpha3.ServiceEntry{} }, everyGateway, checkServiceEntry, nil, serviceEntryFields()},
		{DestinationRule, networkingGroup, networking, func() proto.Message { return &networkingv1alpha3.DestinationRule{} }, everyGateway, checkDestinationRule, nil, destinationRuleFields()},
		{WorkloadEntry, networkingGroup, networking, func() proto.Message { return &networkingv1alpha3.WorkloadEntry{} }, everyGateway, checkWorkloadEntry, nil, workloadEntryFields()},
		{KubernetesService, coreGroup, []string{"v1"}, func() proto.Message { return &kubernetesv1.ServiceSpec{} }, everyGateway, checkKubernetesService, nil, nil},
		{Endpoints, coreGroup, []string{"v1"}, func() proto.Message { return &kubernetesv1.Endpoints{} }, everyGateway, checkEndpoints, []string{"subsets"}, nil},
		{EndpointSlice, discoveryGroup, []string{"v1", "v1beta1"}, func() proto.Message { return &kubernetesv1.EndpointSlice{} }, everyGateway, checkEndpointSlice, []string{"addressType", "endpoints", "ports"}, nil},
		{JWTPolicy, portreeveGroup, []string{"v1alpha1"}, func() proto.Message { return &portreevev1alpha1.JWTPolicy{} }, policyScope, checkJWTPolicy, nil, nil},
		{GatewayIdentity, portreeveGroup, []string{"v1alpha1"}, func() proto.Message { return &portreevev1alpha1.GatewayIdentity{} }, everyGateway, checkGatewayIdentity, nil, nil},
		{PolicyTest, portreeveGroup, []string{"v1alpha1"}, func() proto.Message { return &portreevev1alpha1.PolicyTest{} }, policyTestScope, checkPolicyTest, nil, nil},
		{AuditAlert, portreeveGroup, []string{"v1alpha1"}, func() proto.Message { return &portreevev1alpha1.AuditAlert{} }, noGateway, checkAuditAlert, nil, nil},
		{Telemetry, telemetryGroup, []string{"v1", "v1alpha1"}, func() proto.Message { return &telemetryv1alpha1.Telemetry{} }, policyScope, checkTelemetry, nil, telemetryFields()},
	}
}

// definition finds what is known of the document's kind, or reports why there is nothing.
func (d *Decoder) definition(document source.Document) (definition, bool) {
	apiVersion, kind := child(document.Root, "apiVersion"), child(document.Root, "kind")
	if !isText(apiVersion) || !isText(kind) {
		d.diags = append(d.diags, notAnObject(document, apiVersion, kind))
		return definition{}, false
	}
	group, version := "", apiVersion.Value
	if i := strings.LastIndexByte(apiVersion.Value, '/'); i >= 0 {
		group, version = apiVersion.Value[:i], apiVersion.Value[i+1:]
	}
	for _, def := range d.definitions {
		if def.group != group || string(def.kind) != kind.Value {
			continue
		}
		if slices.Contains(def.versions, version) {
			return def, true
		}
		d.diags = append(d.diags, diag.New(diag.CodeUnknownKind, document.Position(apiVersion), "%s has no version %q", kind.Value, version).
			WithHint("write %s", versionsOf(def)))
		return definition{}, false
	}
	d.diags = append(d.diags, d.unknownKind(document, group, apiVersion, kind))
	return definition{}, false
}

func isText(n *yaml.Node) bool { return n != nil && n.Kind == yaml.ScalarNode && n.Value != "" }

func notAnObject(document source.Document, apiVersion, kind *yaml.Node) diag.Diagnostic {
	missing := "kind"
	switch {
	case !isText(apiVersion) && !isText(kind):
		missing = "apiVersion and kind"
	case !isText(apiVersion):
		missing = "apiVersion"
	}
	return diag.New(diag.CodeNotAnObject, document.Position(document.Root), "the object has no %s", missing).
		WithHint("for example apiVersion: %s/v1 and kind: %s", securityGroup, AuthorizationPolicy)
}

// unknownKind is an error in our API groups and wherever one of our kinds was probably
// meant: a misspelt policy would silently not be enforced. Elsewhere it is a note.
func (d *Decoder) unknownKind(document source.Document, group string, apiVersion, kind *yaml.Node) diag.Diagnostic {
	var groups, ofGroup []string
	for _, def := range d.definitions {
		if ofKubernetes(def.group) {
			continue
		}
		if !slices.Contains(groups, def.group) {
			groups = append(groups, def.group)
		}
		if def.group == group {
			ofGroup = append(ofGroup, string(def.kind))
		}
	}
	if f, ok := d.noEffect(document, group, kind.Value); ok {
		return f
	}
	istio := strings.HasSuffix(group, ".istio.io")
	near := closest(group, groups)
	if group == "" || slices.Contains([]Kind{JWTPolicy, GatewayIdentity, PolicyTest, AuditAlert}, Kind(kind.Value)) { // which are nobody else's kinds
		near = d.groupOf(kind.Value)
	}
	switch {
	case len(ofGroup) > 0:
		return diag.New(diag.CodeUnknownKind, document.Position(kind), "%s has no kind %q", group, kind.Value).
			WithHint("%s", suggestion(kind.Value, ofGroup))
	case near != "":
		return diag.New(diag.CodeUnknownKind, document.Position(apiVersion), "%q is not an API group of %s", group, kind.Value).
			WithHint("did you mean %s?", near)
	case istio:
		return diag.New(diag.CodeUnknownKind, document.Position(apiVersion), "the API group %q is not known", group).
			WithHint("the API groups are %s", strings.Join(groups, ", "))
	}
	f := diag.New(diag.CodeForeignKind, document.Position(kind), "%s of %s is ignored", kind.Value, apiVersion.Value)
	f.Scope = diag.Limited()
	return f
}

// ofKubernetes reports the groups of which most kinds are no business of a gateway.
func ofKubernetes(group string) bool { return group == coreGroup || group == discoveryGroup }

// versionsOf names the apiVersions of a kind.
func versionsOf(def definition) string {
	if def.group == coreGroup {
		return strings.Join(def.versions, " or ")
	}
	return def.group + "/" + strings.Join(def.versions, " or "+def.group+"/")
}

// groupOf returns the group of one of our kinds, for an apiVersion without a group.
func (d *Decoder) groupOf(kind string) string {
	for _, def := range d.definitions {
		if strings.EqualFold(string(def.kind), kind) {
			return def.group
		}
	}
	return ""
}
