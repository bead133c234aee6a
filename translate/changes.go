package translate

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// Inventory is what is written, object by object, as each was when it could last be read. It
// is immutable. A nil one is that of before anything was read.
type Inventory struct {
	written *written
	// lost are the objects that are not in the program and may be written all the same.
	lost map[resource.Key]entry
}

// entry is one object: a resource, a secret, or the mesh configuration.
type entry struct {
	object *resource.Resource
	secret *resource.Secret
	mesh   *resource.Mesh
}

// Changes are the objects in which two inventories differ. Comments, and the place where an
// object stands, make no difference.
type Changes struct {
	Added   Objects `json:"added"`
	Changed Objects `json:"changed"`
	Removed Objects `json:"removed"`
	// Unread are objects that may be gone or not: where they stood cannot be read.
	Unread Objects `json:"unread"`
}

// Objects are how many there are, and the first fifty by their place. A removed one stands
// where it stood. Of what was read first none is named.
type Objects struct {
	Total int       `json:"total"`
	Named []Written `json:"named,omitempty"`
}

// maxObjects bounds the objects of one kind of change that are named.
const maxObjects = 50

// Next returns the inventory of a program and how it differs from this one. What is missing
// counts as removed only where it is known to be: not where its file has an error for which
// objects in it are not known, and nothing where the program is of a reading that failed in
// part, as the findings unreadable say.
func (i *Inventory) Next(p *Program, unreadable diag.List) (*Inventory, Changes) {
	next := &Inventory{p.written, map[resource.Key]entry{}}
	if i == nil {
		return next, Changes{Added: Objects{Total: len(p.written.entries(p.written.objects))}}
	}
	gone, come := resource.Difference(i.written.objects, p.written.objects)
	before, now := i.written.entries(gone), p.written.entries(come)
	maps.Copy(before, i.lost)
	var added, changed, removed, unread []Written
	for key, e := range now {
		switch was, known := before[key]; {
		case !known:
			added = append(added, e.written())
		case !e.same(was):
			changed = append(changed, e.written())
		}
	}
	for key, was := range before {
		_, there := now[key]
		switch {
		case there:
		case len(unreadable) > 0 || p.written.mayHold(key, was):
			next.lost[key] = was
			unread = append(unread, was.written())
		default:
			removed = append(removed, was.written())
		}
	}
	return next, Changes{Added: objects(added), Changed: objects(changed), Removed: objects(removed), Unread: objects(unread)}
}

// TakenBy returns the changes in which the removed objects of files that were taken away name
// what did it, as by says it of the path of a file; it is empty where nothing did.
func (c Changes) TakenBy(by func(path string) string) Changes {
	c.Removed.Named = slices.Clone(c.Removed.Named)
	for i, w := range c.Removed.Named {
		c.Removed.Named[i].By = by(w.Pos.File)
	}
	return c
}

func objects(all []Written) Objects {
	slices.SortFunc(all, func(a, b Written) int { return cmp.Or(a.Pos.Compare(b.Pos), strings.Compare(a.Object, b.Object)) })
	return Objects{Total: len(all), Named: slices.Clone(all[:min(len(all), maxObjects)])}
}

// The kinds of what has no definition among those of resources.
const (
	secretKind resource.Kind = "Secret"
	meshKind   resource.Kind = "the mesh configuration"
)

// entries returns some of the objects that are written and can be read, and all secrets and the mesh configuration.
func (w *written) entries(of []*resource.Resource) map[resource.Key]entry {
	out := make(map[resource.Key]entry, len(of)+len(w.secrets)+1)
	for _, r := range of {
		out[r.Key] = entry{object: r}
	}
	for _, s := range w.secrets {
		key := secretKey(s)
		if out[key].secret == nil {
			out[key] = entry{secret: s}
		}
	}
	if w.mesh.Origin.Document.Root != nil {
		out[resource.Key{Kind: meshKind}] = entry{mesh: w.mesh}
	}
	return out
}

func secretKey(s *resource.Secret) resource.Key {
	return resource.Key{Kind: secretKind, Namespace: s.Namespace, Name: s.Name}
}

// written names the object. Nothing of what it says is told.
func (e entry) written() Written {
	switch {
	case e.object != nil:
		return Written{Object: e.object.Key.String(), Key: e.object.Key, Pos: e.object.Origin.At(resource.Path{"metadata", "name"})}
	case e.secret != nil:
		return Written{Object: e.secret.String(), Key: secretKey(e.secret), Pos: e.secret.Pos}
	default:
		return Written{Object: string(meshKind), Key: resource.Key{Kind: meshKind}, Pos: e.mesh.At(nil)}
	}
}

// same reports whether two objects of one name say the same.
func (e entry) same(o entry) bool {
	switch {
	case e.object != nil && o.object != nil:
		return e.object.Spec == o.object.Spec || sameObject(e.object, o.object)
	case e.secret != nil && o.secret != nil:
		return e.secret.Same(o.secret)
	case e.mesh != nil && o.mesh != nil:
		return proto.Equal(e.mesh.Config, o.mesh.Config)
	default:
		return false
	}
}

func sameObject(a, b *resource.Resource) bool {
	return maps.Equal(a.Labels, b.Labels) && maps.Equal(a.Annotations, b.Annotations) && a.Created.Equal(b.Created) && proto.Equal(a.Spec, b.Spec)
}

// mayHold reports whether an object that is missing may be written all the same: it has errors
// of its own, or its file has one for which not every object in it is known.
func (w *written) mayHold(key resource.Key, e entry) bool {
	if e.mesh != nil {
		return w.meshBroken
	}
	file := w.cache.file(e.written().Pos.File)
	return w.unusable()[key] || file != nil && file.doubtful()
}

// doubtful reports a file in which something is written of which not even the name is known.
func (f *decodedFile) doubtful() bool {
	return f.diags.HasErrors() || slices.ContainsFunc(f.objects, func(o *resource.Object) bool { return o.Nameless() })
}
