package resource

import (
	"slices"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/diag"
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
// left out; the error's Scope says which gateways that touches. The Scope of a policy names
// its namespace as written; whoever knows the root namespace widens that one to all.
func Decode(documents []source.Document) ([]*Resource, diag.List) {
	return Options{}.Decode(documents)
}

// Options say what is decoded in another way than usual. The zero value is the usual way.
type Options struct {
	// Ignored are kinds whose objects are left out with a warning, see [Ignorable].
	Ignored []Kind
	// DetectsOutliers says that the mesh configuration has the outlierDetection of those
	// DestinationRules that have none.
	DetectsOutliers bool
	// GatewaysFile is the file that alone holds GatewayIdentity objects, and nothing else. Empty
	// means that they may stand in any.
	GatewaysFile string
}

// Equal reports whether objects are decoded in the same way with both options.
func (o Options) Equal(p Options) bool {
	return slices.Equal(o.Ignored, p.Ignored) && o.DetectsOutliers == p.DetectsOutliers && o.GatewaysFile == p.GatewaysFile
}

// Decode is the function Decode with options.
func (o Options) Decode(documents []source.Document) ([]*Resource, diag.List) {
	return Unique(NewDecoder(o).Objects(documents))
}

// Decoder decodes one document after the other. What it has learnt of one (a key set) only
// makes the next cheaper: an object depends on its document and the options alone.
type Decoder struct {
	options     Options
	definitions []definition
	keySets     map[string]keySet
	spotted     spotted
	// diags are the findings about the document that is being looked at.
	diags diag.List
}

// NewDecoder returns a decoder. It is for one goroutine.
func NewDecoder(o Options) *Decoder {
	return &Decoder{options: o, definitions: definitions(), keySets: map[string]keySet{}, spotted: spotted{map[string]string{}}}
}

// Object is what one document says by itself: a resource, or why it is none. It is shared
// and must not be changed.
type Object struct {
	// resource is valid where there is no error among the findings; its key also elsewhere, where named says so. It
	// is nil where nothing is known of it.
	resource *Resource
	// hash is that of the key.
	hash  uint64
	named bool
	diags diag.List
	// alone are warnings that count where no Gateway is among the objects, so that nobody knows
	// which servers there are.
	alone diag.List
	scope diag.Scope
}

// maxErrors bounds the errors of the documents that are decoded together: a file with more is
// none of ours, and its findings would take more memory than its text.
const maxErrors = 1000

// Objects decodes every document by itself. After a thousand errors it stops; the last object
// then has an error that says so and reaches every gateway, as nobody knows what would have
// followed.
func (d *Decoder) Objects(documents []source.Document) []*Object {
	out := make([]*Object, 0, len(documents))
	errors := 0
	for _, document := range documents {
		if errors >= maxErrors {
			return append(out, &Object{diags: diag.List{diag.New(diag.CodeLimit, document.Position(document.Root), "the file has more than %d errors; it is not read any further", maxErrors).
				WithHint("mend the errors before it, or move the file elsewhere")}})
		}
		d.diags = nil
		object := d.object(document)
		object.diags = append(d.diags, object.diags...)
		errors += len(object.diags.Errors())
		out = append(out, &object)
	}
	return out
}

// Errors returns how many errors the object has.
func (o *Object) Errors() int { return len(o.diags.Errors()) }

func (d *Decoder) object(document source.Document) Object {
	if document.Root.Kind != yaml.MappingNode {
		d.diags = append(d.diags, diag.New(diag.CodeNotAnObject, document.Position(document.Root), "the document is %s, not an object", kindOf(document.Root)).
			WithHint("an object has apiVersion, kind, metadata and spec"))
		return Object{}
	}
	if misplaced, found := d.misplaced(document); found {
		d.diags = append(d.diags, misplaced)
		return Object{}
	}
	def, ok := d.definition(document)
	if !ok {
		return Object{}
	}
	r := newReporter(document, def.kind)
	r.keySets, r.detectsOutliers = d.keySets, d.options.DetectsOutliers
	objectReader{r}.topLevel(def.fields)
	spec := def.message()
	if (strictDecoder{r}).decodeObject(def, spec) {
		if ofIstio(spec) {
			r.supported(spec, def.counts)
		}
		def.check(valueChecker{r}, spec)
		withoutPrivate(spec)
	}
	if r.meta.valid || def.kind == AuditAlert { // which reaches no gateway, wherever it is
		r.scope = def.scope(r)
	}
	return Object{
		resource: &Resource{Key: r.key, Labels: r.meta.labels, Annotations: r.meta.annotations, Created: r.meta.created, Spec: spec, Origin: r.origin.compact(d.spotted)},
		hash:     hashOf(r.key),
		named:    r.meta.valid, diags: r.finish(r.diags), alone: r.finish(r.alone), scope: r.scope,
	}
}

// kindOf says what a document is that is no object, without a word of it: a key that was put into a
// file of its own is one.
func kindOf(node *yaml.Node) string {
	switch {
	case node.Kind == yaml.SequenceNode:
		return "a list"
	case isNull(node):
		return "empty"
	default:
		return "a plain value"
	}
}

// decodeObject decodes what the kind says of itself: the spec, or what stands at the top.
func (d strictDecoder) decodeObject(def definition, spec proto.Message) bool {
	root := d.origin.Document.Root
	if def.fields == nil {
		return d.decode(child(root, "spec"), spec)
	}
	var own []*yaml.Node
	for i := 0; i+1 < len(root.Content); i += 2 {
		if slices.Contains(def.fields, root.Content[i].Value) {
			own = append(own, root.Content[i], root.Content[i+1])
		}
	}
	return d.decodeAt(withContent(root, own), spec, nil)
}

// Unique returns the resources and findings of objects, in their order. It refuses a second
// object of the same key. Which of the two the user means is unknown, so the error reaches
// whatever either of them reaches.
func Unique(objects []*Object) ([]*Resource, diag.List) {
	resources := make([]*Resource, 0, len(objects))
	var diags diag.List
	servers := slices.ContainsFunc(objects, func(o *Object) bool { return o.named && o.resource.Kind == Gateway })
	seen := newSeen(len(objects))
	for _, object := range objects {
		found := object.diags
		if !servers && len(object.alone) > 0 {
			found = slices.Concat(found, object.alone).Sorted()
		}
		if object.named {
			if first := seen.before(object); first != nil {
				found = object.again(first, found)
			}
		}
		diags = append(diags, found...)
		if object.resource != nil && !found.HasErrors() {
			resources = append(resources, object.resource)
		}
	}
	return resources, diags
}

// Refused returns the key of an object that its own errors leave out, or false where there
// are none or its key cannot be read.
func (o *Object) Refused() (Key, bool) {
	if !o.named || !o.diags.HasErrors() {
		return Key{}, false
	}
	return o.resource.Key, true
}

// Nameless reports an object with errors for which not even its key is known.
func (o *Object) Nameless() bool { return !o.named && o.diags.HasErrors() }

// again returns the findings of an object whose key an earlier one has, with that.
func (o *Object) again(first *Object, found diag.List) diag.List {
	path := Path{"metadata", "name"}
	key := o.resource.Key
	d := diag.New(diag.CodeDuplicateName, o.resource.Origin.At(path), "%s is defined here and at %s", key, first.resource.Origin.At(path)).
		WithHint("keep one of them")
	d.Object, d.Field = key.String(), path.String()
	out := append(slices.Clone(found), d)
	for i := range out {
		out[i].Scope = o.scope.Union(first.scope)
	}
	return out.Sorted()
}
