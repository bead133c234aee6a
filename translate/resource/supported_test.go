package resource

import (
	"iter"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// TestNoFieldIsDropped sets each field that the API has, one at a time: it is either listed
// as translated, or a part of what is, or reported. A field that a newer API adds is thereby
// reported too.
func TestNoFieldIsDropped(t *testing.T) {
	type api struct {
		message proto.Message
		fields  []string
	}
	cases := map[string]api{
		// The blocks of the mesh configuration.
		"HTTPRetry":         {&networkingv1alpha3.HTTPRetry{}, below("http.retries.", virtualServiceFields())},
		"localityLbSetting": {&networkingv1alpha3.LocalityLoadBalancerSetting{}, below("loadBalancer.localityLbSetting.", portPolicyFields())},
		"proxyHeaders":      {&meshv1alpha1.ProxyConfig_ProxyHeaders{}, proxyHeaderFields()},
		"connectionPool":    {&networkingv1alpha3.ConnectionPoolSettings{}, below("connectionPool.", portPolicyFields())},
		"outlierDetection":  {&networkingv1alpha3.OutlierDetection{}, below("outlierDetection.", portPolicyFields())},
	}
	for _, def := range definitions() {
		if ofIstio(def.message()) {
			cases[string(def.kind)] = api{def.message(), def.counts}
		}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			seen := map[string]bool{}
			eachField(c.message, func(path string, m proto.Message) {
				listed := false
				for part := range prefixes(path) {
					seen[part] = true
					listed = listed || slices.Contains(c.fields, part)
				}
				if got := reported(m, c.fields); listed == got {
					t.Errorf("%s: listed as translated %v, reported %v", path, listed, got)
				}
			})
			for _, f := range c.fields {
				if !seen[f] {
					t.Errorf("%s is listed and the API has no such field", f)
				}
			}
		})
	}
}

// prefixes yields the path of a field and those of what it is a part of.
func prefixes(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i, r := range path + "." {
			if r == '.' && !yield(path[:i]) {
				return
			}
		}
	}
}

// TestAKindOfIstioCountsWhatItLists holds that what a kind does not list is refused wherever an object of it is
// read: a kind that lists nothing refuses everything.
func TestAKindOfIstioCountsWhatItLists(t *testing.T) {
	kinds := 0
	for _, def := range definitions() {
		if !ofIstio(def.message()) {
			continue
		}
		kinds++
		def.counts = nil
		d := NewDecoder(Options{})
		d.definitions = []definition{def}
		field := def.message().ProtoReflect().Descriptor().Fields().ByName(map[Kind]protoreflect.Name{
			VirtualService: "hosts", ServiceEntry: "hosts", DestinationRule: "host", WorkloadEntry: "address",
		}[def.kind])
		written := "selector: {matchLabels: {a: b}}"
		switch {
		case def.kind == Gateway:
			written = "selector: {a: b}"
		case field != nil && field.IsList():
			written = string(field.Name()) + ": [a.example]"
		case field != nil:
			written = string(field.Name()) + ": a.example"
		}
		documents, _ := source.Parse([]source.File{{Path: "a.yaml", Content: []byte("apiVersion: " + def.group + "/" + def.versions[0] + "\nkind: " + string(def.kind) + "\nmetadata: {name: a, namespace: b}\nspec:\n  " + written + "\n")}})
		_, found := Unique(d.Objects(documents))
		if !slices.ContainsFunc(found, func(f diag.Diagnostic) bool { return f.Code == diag.CodeUnsupported && f.Pos.Line == 5 }) {
			t.Errorf("%s takes %s, which it does not list: %v", def.kind, written, found)
		}
	}
	if kinds < 8 {
		t.Errorf("%d kinds of Istio, want 8 or more", kinds)
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
