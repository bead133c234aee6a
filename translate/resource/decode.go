package resource

import (
	"slices"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// Decode turns documents into resources, strictly: a field that the kind does not have, a
// value of another type, a value that Istio would refuse, and a kind that our API groups
// do not have are errors. So is a field that Istio has and we do not translate yet, since
// dropping it would change what the policy means. Kinds of other API groups are listed as
// ignored. All findings of a document are reported; those of a field's type first, and the
// others once the types are right.
//
// The resources returned are valid and in the order of the documents. One with an error is
// left out; the error's Reach says which gateways that touches. The Reach of a policy names
// its namespace as written; whoever knows the root namespace widens that one to all.
func Decode(documents []source.Document) ([]Resource, diag.List) {
	d := decoder{definitions: definitions(), seen: make(map[Key]seen, len(documents)), keySets: map[string]keySet{}}
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
	keySets     map[string]keySet
}

// seen remembers the first document of a key.
type seen struct {
	pos   diag.Position
	reach diag.Scope
}

func (d *decoder) document(document source.Document) {
	if document.Root.Kind != yaml.MappingNode {
		d.diags = append(d.diags, diag.New(diag.CodeNotAnObject, document.Position(document.Root), "the document is %s, not an object", describe(document.Root)).
			WithHint("an object has apiVersion, kind, metadata and spec"))
		return
	}
	def, ok := d.definition(document)
	if !ok {
		return
	}
	c := &checker{origin: Origin{Document: document}, key: Key{Kind: def.kind}, keySets: d.keySets}
	c.metadata()
	c.key.Namespace, c.key.Name = c.meta.namespace, c.meta.name
	c.topLevel(def.fields)
	spec := def.message()
	if c.decodeObject(def, spec) {
		def.check(c, spec)
	}
	if c.meta.valid {
		c.reach = def.reach(c)
	}
	d.once(c)
	d.diags = append(d.diags, c.finish()...)
	if !c.diags.HasErrors() {
		d.resources = append(d.resources, Resource{Key: c.key, Labels: c.meta.labels, Annotations: c.meta.annotations, Created: c.meta.created, Spec: spec, Origin: c.origin})
	}
}

// decodeObject decodes what the kind says of itself: the spec, or what stands at the top.
func (c *checker) decodeObject(def definition, spec proto.Message) bool {
	root := c.origin.Document.Root
	if def.fields == nil {
		return c.decode(child(root, "spec"), spec)
	}
	var own []*yaml.Node
	for i := 0; i+1 < len(root.Content); i += 2 {
		if slices.Contains(def.fields, root.Content[i].Value) {
			own = append(own, root.Content[i], root.Content[i+1])
		}
	}
	return c.decodeAt(withContent(root, own), spec, nil)
}

// once refuses a second document of the same object. Which of the two the user means is
// unknown, so the error reaches whatever either of them reaches.
func (d *decoder) once(c *checker) {
	if !c.meta.valid {
		return
	}
	path := Path{"metadata", "name"}
	first, again := d.seen[c.key]
	if !again {
		d.seen[c.key] = seen{c.origin.At(path), c.reach}
		return
	}
	c.add(diag.CodeDuplicateName, path, "%s is defined here and at %s", c.key, first.pos).WithHint("keep one of them")
	c.reach = c.reach.Union(first.reach)
}
