package translate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"
	telemetryv1alpha1 "istio.io/api/telemetry/v1alpha1"

	kubernetesv1 "github.com/portreeve/portreeve/proto/kubernetes/v1"
	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/diag"
)

// specs are the messages of the kinds; those of a few stand at the top of the object.
func specs() map[string]proto.Message {
	return map[string]proto.Message{
		"Gateway": &networkingv1alpha3.Gateway{}, "VirtualService": &networkingv1alpha3.VirtualService{}, "ServiceEntry": &networkingv1alpha3.ServiceEntry{},
		"WorkloadEntry": &networkingv1alpha3.WorkloadEntry{}, "DestinationRule": &networkingv1alpha3.DestinationRule{}, "Telemetry": &telemetryv1alpha1.Telemetry{},
		"RequestAuthentication": &securityv1beta1.RequestAuthentication{}, "AuthorizationPolicy": &securityv1beta1.AuthorizationPolicy{}, "JWTPolicy": &portreevev1alpha1.JWTPolicy{},
		"GatewayIdentity": &portreevev1alpha1.GatewayIdentity{},
		"Service":         &kubernetesv1.ServiceSpec{}, "Endpoints": &kubernetesv1.Endpoints{}, "EndpointSlice": &kubernetesv1.EndpointSlice{}, "MeshConfig": &meshv1alpha1.MeshConfig{},
	}
}

// field is a text, number or choice of an object of the scene.
type field struct {
	in    *document
	steps []fieldStep
	// key says that it is the key of a map that is meant.
	key  bool
	leaf protoreflect.FieldDescriptor // nil for one of metadata
}

// fieldStep is the name of a field, the key of a map (with inMap), or the first of a list.
type fieldStep struct {
	name  string
	first bool
	// others are the fields that cannot stand beside it.
	others []string
}

// String is the kind and the path, alike in all objects of the kind.
func (f field) String() string {
	out := f.in.kind
	for _, s := range f.steps {
		if !s.first {
			out += "." + s.name
		}
	}
	if f.key {
		out += " (key)"
	}
	return out
}

// fields returns the fields of all documents: those that a document has, and in the first of each
// kind those that no document of the kind has.
func (s *scene) fields(t *testing.T) []field {
	t.Helper()
	var out []field
	present := map[string]bool{}
	for _, absent := range []bool{false, true} {
		for _, d := range s.documents {
			for _, f := range d.fields() {
				name := f.String()
				switch has := f.has(); {
				case !absent && has:
					out = append(out, f)
					present[name] = true
				case absent && !has && !present[name]:
					out = append(out, f)
					present[name] = true
				}
			}
		}
	}
	for kind := range specs() {
		if !slices.ContainsFunc(s.documents, func(d *document) bool { return d.kind == kind }) {
			t.Errorf("no object of the kind %s", kind)
		}
	}
	return out
}

func (d *document) fields() []field {
	message, known := specs()[d.kind]
	if !known {
		return nil
	}
	var out []field
	at := []fieldStep{}
	if d.kind != "MeshConfig" {
		for _, name := range []string{"name", "namespace"} {
			out = append(out, field{in: d, steps: []fieldStep{{name: "metadata"}, {name: name}}})
		}
		for _, name := range []string{"labels", "annotations"} {
			f := field{in: d, steps: []fieldStep{{name: "metadata"}, {name: name}, {name: "a"}}}
			out = append(out, f)
			f.key = true
			out = append(out, f)
		}
		if d.kind != "Endpoints" && d.kind != "EndpointSlice" {
			at = append(at, fieldStep{name: "spec"})
		}
	}
	return append(out, below(d, message.ProtoReflect().Descriptor(), at)...)
}

// below returns the fields of a message, however deep.
func below(d *document, m protoreflect.MessageDescriptor, at []fieldStep) []field {
	var out []field
	if len(at) > 14 {
		return nil
	}
	for i := range m.Fields().Len() {
		fd := m.Fields().Get(i)
		step := fieldStep{name: fd.JSONName()}
		if one := fd.ContainingOneof(); one != nil {
			for k := range one.Fields().Len() {
				if other := one.Fields().Get(k); other != fd {
					step.others = append(step.others, other.JSONName())
				}
			}
		}
		steps := append(at[:len(at):len(at)], step)
		if fd.IsMap() {
			keyed := append(steps, fieldStep{name: keyIn(valueAt(d.content, steps))})
			out = append(out, field{in: d, steps: keyed, key: true, leaf: fd.MapKey()})
			steps, fd = keyed, fd.MapValue()
		} else if fd.IsList() {
			steps = append(steps, fieldStep{first: true})
		}
		if fd.Message() == nil || isScalar(fd.Message()) {
			out = append(out, field{in: d, steps: steps, leaf: fd})
			continue
		}
		out = append(out, below(d, fd.Message(), steps)...)
	}
	return out
}

// isScalar reports messages that are written as one value.
func isScalar(m protoreflect.MessageDescriptor) bool {
	return strings.HasPrefix(string(m.FullName()), "google.protobuf.") || m.FullName() == "portreeve.kubernetes.v1.IntOrString"
}

// keyIn is a key of a map, the first in order, or one for a map that is not there.
func keyIn(v any) string {
	m, _ := v.(map[string]any)
	first := ""
	for k := range m {
		if first == "" || k < first {
			first = k
		}
	}
	if first == "" {
		return "k"
	}
	return first
}

func valueAt(v any, steps []fieldStep) any {
	for _, s := range steps {
		switch in := v.(type) {
		case map[string]any:
			v = in[s.name]
		case []any:
			if len(in) == 0 || !s.first {
				return nil
			}
			v = in[0]
		default:
			return nil
		}
	}
	return v
}

func (f field) has() bool { return valueAt(f.in.content, f.steps) != nil }

// put returns the object with a value in the field, in place of what cannot stand beside it.
func (f field) put(object, value any) any { return put(object, f.steps, f.key, value) }

func put(v any, steps []fieldStep, key bool, value any) any {
	if len(steps) == 0 {
		return value
	}
	step := steps[0]
	if step.first {
		list, _ := v.([]any)
		if len(list) == 0 {
			list = []any{nil}
		}
		list[0] = put(list[0], steps[1:], key, value)
		return list
	}
	m, _ := v.(map[string]any)
	if m == nil {
		m = map[string]any{}
	}
	for _, other := range step.others {
		delete(m, other)
	}
	if key && len(steps) == 1 {
		old := m[step.name]
		delete(m, step.name)
		if old == nil {
			old = "a"
		}
		m[fmt.Sprint(value)] = old
		return m
	}
	m[step.name] = put(m[step.name], steps[1:], key, value)
	return m
}

// line is where the value is in the text, or the deepest part of the way to it that is found.
func (f field) line(t *testing.T, content []byte, value any) int {
	t.Helper()
	var root yaml.Node
	if err := yaml.Unmarshal(content, &root); err != nil {
		t.Fatal(err)
	}
	node := root.Content[0]
	line := node.Line
	for i, s := range f.steps {
		name := s.name
		if f.key && i == len(f.steps)-1 {
			name = fmt.Sprint(value)
		}
		next := (*yaml.Node)(nil)
		if s.first && len(node.Content) > 0 {
			next = node.Content[0]
		}
		for k := 0; !s.first && k+1 < len(node.Content); k += 2 {
			if node.Content[k].Value == name {
				next = node.Content[k+1]
			}
		}
		if next == nil {
			break
		}
		node, line = next, next.Line
	}
	return line
}

// blamed reports whether a finding is at the field: in its file, at or above its line.
func (f field) blamed(found diag.List, line int) bool {
	for _, d := range found {
		if d.Pos.File == f.in.path && d.Pos.Line <= line {
			return true
		}
	}
	return false
}
