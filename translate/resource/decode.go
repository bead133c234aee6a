package resource

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/internal/diag"
	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/source"
)

// definition is what is known of one kind.
type definition struct {
	kind     Kind
	group    string
	versions []string
	message  func() proto.Message
	reach    func(scope) diag.Scope
	check    func(*checker, proto.Message)
}

func definitions() []definition {
	security := []string{"v1", "v1beta1"}
	networking := []string{"v1", "v1beta1", "v1alpha3"}
	return []definition{
		{RequestAuthentication, "security.istio.io", security, func() proto.Message { return &securityv1beta1.RequestAuthentication{} }, selectorReach, checkRequestAuthentication},
		{AuthorizationPolicy, "security.istio.io", security, func() proto.Message { return &securityv1beta1.AuthorizationPolicy{} }, selectorReach, checkAuthorizationPolicy},
		{Gateway, "networking.istio.io", networking, func() proto.Message { return &networkingv1alpha3.Gateway{} }, gatewayReach, checkGateway},
		{VirtualService, "networking.istio.io", networking, func() proto.Message { return &networkingv1alpha3.VirtualService{} }, virtualServiceReach, checkVirtualService},
		{ServiceEntry, "networking.istio.io", networking, func() proto.Message { return &networkingv1alpha3.ServiceEntry{} }, everyone, checkServiceEntry},
		{JWTPolicy, "portreeve.dev", []string{"v1alpha1"}, func() proto.Message { return &portreevev1alpha1.JWTPolicy{} }, selectorReach, checkJWTPolicy},
	}
}

// Decode turns documents into resources, strictly: a field that the kind does not have, a
// value of another type, and a kind that our API groups do not have are errors. Kinds of
// other API groups are listed as ignored. The resources returned are valid; one with an
// error is left out, and the error's Reach says which gateways that touches.
//
// The Reach of a policy names its namespace as written; whoever knows the root namespace widens it.
func Decode(documents []source.Document) ([]Resource, diag.List) {
	d := decoder{definitions: definitions(), seen: map[Key]seen{}}
	for _, document := range documents {
		d.document(document)
	}
	return d.resources, d.diags
}

type decoder struct {
	definitions []definition
	resources   []Resource
	diags       diag.List
	seen        map[Key]seen
}

// seen remembers the first document of a key.
type seen struct {
	pos   diag.Position
	reach diag.Scope
}

func (d *decoder) document(document source.Document) {
	if document.Root.Kind != yaml.MappingNode {
		d.diags = append(d.diags, diag.New(diag.CodeNotAnObject, document.Position(document.Root), "the document is not an object").
			WithHint("an object has apiVersion, kind, metadata and spec"))
		return
	}
	def, ok := d.definition(document)
	if !ok {
		return
	}
	c := &checker{origin: Origin{Document: document}, key: Key{Kind: def.kind}}
	meta := c.metadata()
	c.key.Namespace, c.key.Name = meta.namespace, meta.name
	if meta.valid {
		c.reach = def.reach(scope{root: document.Root, namespace: meta.namespace})
	}
	d.once(c)
	spec := def.message()
	c.topLevel()
	if node := child(document.Root, "spec"); node != nil && c.decode(node, spec) {
		def.check(c, spec)
	} else if node == nil {
		def.check(c, spec)
	}
	d.diags = append(d.diags, c.finish()...)
	if !c.diags.HasErrors() {
		d.resources = append(d.resources, Resource{Key: c.key, Labels: meta.labels, Annotations: meta.annotations, Created: meta.created, Spec: spec, Origin: c.origin})
	}
}

// once refuses a second document of the same object. Which of the two the user means is
// unknown, so the error reaches whatever either of them reaches.
func (d *decoder) once(c *checker) {
	if c.key.Name == "" {
		return
	}
	pos := c.origin.At(Path{"metadata", "name"})
	first, again := d.seen[c.key]
	if !again {
		d.seen[c.key] = seen{pos, c.reach}
		return
	}
	c.add(diag.CodeDuplicateName, Path{"metadata", "name"}, "%s is defined here and at %s", c.key, first.pos).WithHint("keep one of them")
	c.reach = c.reach.Union(first.reach)
}

// definition finds what is known of the document's kind, or reports why there is nothing.
func (d *decoder) definition(document source.Document) (definition, bool) {
	apiVersion, kind := child(document.Root, "apiVersion"), child(document.Root, "kind")
	if apiVersion == nil || kind == nil || apiVersion.Value == "" || kind.Value == "" {
		d.diags = append(d.diags, diag.New(diag.CodeNotAnObject, document.Position(document.Root), "the object has no apiVersion and kind").
			WithHint("for example apiVersion: security.istio.io/v1, kind: AuthorizationPolicy"))
		return definition{}, false
	}
	group, version, _ := strings.Cut(apiVersion.Value, "/")
	var ofGroup []string
	for _, def := range d.definitions {
		if def.group != group {
			continue
		}
		ofGroup = append(ofGroup, string(def.kind))
		if string(def.kind) != kind.Value {
			continue
		}
		if slices.Contains(def.versions, version) {
			return def, true
		}
		d.diags = append(d.diags, diag.New(diag.CodeUnknownKind, document.Position(apiVersion), "%s has no version %q", kind.Value, version).
			WithHint("write %s/%s", group, strings.Join(def.versions, " or "+group+"/")))
		return definition{}, false
	}
	d.diags = append(d.diags, unknownKind(document, group, kind, ofGroup))
	return definition{}, false
}

// unknownKind is an error in our API groups, where a misspelt policy would silently not be
// enforced, and a note elsewhere.
func unknownKind(document source.Document, group string, kind *yaml.Node, ofGroup []string) diag.Diagnostic {
	ours := group == "portreeve.dev" || group == "istio.io" || strings.HasSuffix(group, ".istio.io")
	if !ours {
		f := diag.New(diag.CodeForeignKind, document.Position(kind), "%s of %s is ignored", kind.Value, group)
		f.Reach = diag.Limited()
		return f
	}
	f := diag.New(diag.CodeUnknownKind, document.Position(kind), "the kind %q of %s is not known or not translated yet", kind.Value, group)
	if near := nearest(kind.Value, ofGroup); near != "" {
		return f.WithHint("did you mean %s?", near)
	}
	if len(ofGroup) == 0 {
		return f.WithHint("the API groups are security.istio.io, networking.istio.io and portreeve.dev")
	}
	return f.WithHint("%s has %s", group, strings.Join(ofGroup, ", "))
}
