package resource

import (
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// TestNoFieldIsDropped sets each field that the API has, one at a time: it is either listed
// as translated or reported. A field that a newer API adds is thereby reported too.
func TestNoFieldIsDropped(t *testing.T) {
	for name, c := range map[string]struct {
		message proto.Message
		fields  []string
	}{
		"RequestAuthentication": {&securityv1beta1.RequestAuthentication{}, requestAuthenticationFields()},
		"AuthorizationPolicy":   {&securityv1beta1.AuthorizationPolicy{}, authorizationPolicyFields()},
		"Gateway":               {&networkingv1alpha3.Gateway{}, gatewayFields()},
		"VirtualService":        {&networkingv1alpha3.VirtualService{}, virtualServiceFields()},
		"ServiceEntry":          {&networkingv1alpha3.ServiceEntry{}, serviceEntryFields()},
		"DestinationRule":       {&networkingv1alpha3.DestinationRule{}, destinationRuleFields()},
		"WorkloadEntry":         {&networkingv1alpha3.WorkloadEntry{}, workloadEntryFields()},
		// The blocks of the mesh configuration.
		"HTTPRetry":         {&networkingv1alpha3.HTTPRetry{}, below("http.retries.", virtualServiceFields())},
		"localityLbSetting": {&networkingv1alpha3.LocalityLoadBalancerSetting{}, below("loadBalancer.localityLbSetting.", portPolicyFields())},
		"proxyHeaders":      {&meshv1alpha1.ProxyConfig_ProxyHeaders{}, proxyHeaderFields()},
		"connectionPool":    {&networkingv1alpha3.ConnectionPoolSettings{}, below("connectionPool.", portPolicyFields())},
		"outlierDetection":  {&networkingv1alpha3.OutlierDetection{}, below("outlierDetection.", portPolicyFields())},
	} {
		t.Run(name, func(t *testing.T) {
			seen := map[string]bool{}
			eachField(c.message, func(path string, m proto.Message) {
				seen[path] = true
				got := reported(m, c.fields)
				if listed := slices.Contains(c.fields, path); listed == got {
					t.Errorf("%s: listed as translated %v, reported %v", path, listed, got)
				}
			})
			for _, f := range c.fields {
				if !seen[f] {
					t.Errorf("%s is listed and the API has no such plain field", f)
				}
			}
		})
	}
}

func reported(m proto.Message, fields []string) bool {
	r := &reporter{origin: Origin{Document: source.Document{Root: &yaml.Node{Kind: yaml.MappingNode}}}}
	r.supported(m, fields)
	return slices.ContainsFunc(r.diags, func(d diag.Diagnostic) bool { return d.Code == diag.CodeUnsupported })
}

// eachField calls visit with the path of every plain field below a message, and a message in
// which only that one is set.
func eachField(root proto.Message, visit func(path string, m proto.Message)) {
	var walk func(descriptor protoreflect.MessageDescriptor, steps []protoreflect.FieldDescriptor)
	walk = func(descriptor protoreflect.MessageDescriptor, steps []protoreflect.FieldDescriptor) {
		for i := range descriptor.Fields().Len() {
			f := descriptor.Fields().Get(i)
			path := append(slices.Clone(steps), f)
			if f.Message() != nil && !f.IsMap() && f.Message().FullName().Parent() != "google.protobuf" && len(path) < 8 {
				walk(f.Message(), path)
				continue
			}
			m := root.ProtoReflect().New()
			set(m, path)
			visit(dotted(path), m.Interface())
		}
	}
	walk(root.ProtoReflect().Descriptor(), nil)
}

func dotted(path []protoreflect.FieldDescriptor) string {
	var names []string
	for _, f := range path {
		names = append(names, f.JSONName())
	}
	return strings.Join(names, ".")
}

func set(m protoreflect.Message, path []protoreflect.FieldDescriptor) {
	f := path[0]
	if len(path) > 1 {
		if f.IsList() {
			set(m.Mutable(f).List().AppendMutable().Message(), path[1:])
		} else {
			set(m.Mutable(f).Message(), path[1:])
		}
		return
	}
	switch {
	case f.IsMap():
		m.Mutable(f).Map().Set(protoreflect.ValueOfString("k").MapKey(), m.Mutable(f).Map().NewValue())
	case f.IsList() && f.Message() == nil:
		m.Mutable(f).List().Append(sample(f))
	case f.Message() != nil:
		m.Mutable(f)
	default:
		m.Set(f, sample(f))
	}
}

func sample(f protoreflect.FieldDescriptor) protoreflect.Value {
	switch f.Kind() {
	case protoreflect.StringKind:
		return protoreflect.ValueOfString("x")
	case protoreflect.BytesKind:
		return protoreflect.ValueOfBytes([]byte("x"))
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(true)
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(1)
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(1)
	case protoreflect.Int32Kind:
		return protoreflect.ValueOfInt32(1)
	default:
		return protoreflect.ValueOfUint32(1)
	}
}
