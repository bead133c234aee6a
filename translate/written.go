package translate

import (
	"sync"

	"github.com/portreeve/portreeve/translate/resource"
)

// written is what the files say, object by object, before any of it is expanded.
type written struct {
	objects []*resource.Resource
	secrets []*resource.Secret
	cache   decodeCache
	// mesh is what its file says; meshBroken that it cannot be read or is missing.
	mesh       *resource.Mesh
	meshBroken bool
	// What is found by what is worked out once, when it is first asked for.
	byKey    func() map[resource.Key]*resource.Resource
	byName   func() map[string]*resource.Resource
	unusable func() map[resource.Key]bool
}

func newWritten(objects []*resource.Resource, d decodeCache) *written {
	w := &written{objects: objects, cache: d, mesh: resource.DefaultMesh(), unusable: sync.OnceValue(d.refused)}
	w.byKey = sync.OnceValue(func() map[resource.Key]*resource.Resource {
		return indexed(objects, func(r *resource.Resource) resource.Key { return r.Key })
	})
	w.byName = sync.OnceValue(func() map[string]*resource.Resource { return indexed(objects, nameOf) })
	return w
}

// known returns the secrets, of which there are none where nothing was written.
func (w *written) known() []*resource.Secret {
	if w == nil {
		return nil
	}
	return w.secrets
}

// nameOf is what is left of a key when its namespace is another one.
func nameOf(r *resource.Resource) string { return string(r.Kind) + " " + r.Name }

func indexed[K comparable](objects []*resource.Resource, of func(*resource.Resource) K) map[K]*resource.Resource {
	out := make(map[K]*resource.Resource, len(objects))
	for _, r := range objects {
		if key := of(r); out[key] == nil {
			out[key] = r
		}
	}
	return out
}

// sources returns the objects that resources were written as, each once, in order.
func sources(resources []*resource.Resource) []*resource.Resource {
	out := make([]*resource.Resource, 0, len(resources))
	seen := map[*resource.Resource]bool{}
	for _, r := range resources {
		object := r.AsWritten()
		if object != r { // several may be made of one
			if seen[object] {
				continue
			}
			seen[object] = true
		}
		out = append(out, object)
	}
	return out
}

// reads reports whether a file is among those that were read.
func (w *written) reads(path string) bool {
	return w.cache.file(path) != nil
}
