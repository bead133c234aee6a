package translate

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// edition tells the policy of one program from that of others, and what is another in it than in the one that it was
// compiled after.
type edition struct {
	self *token
	// after is nil where anything may be another: the settings are.
	after *token
	// changed are the objects that are in one of the two programs alone, by their Specs: also the old ones.
	changed  []*resource.Resource
	settings model.Settings
}

// token is told from others by its address.
type token struct{ _ byte }

// after returns the edition of a program that is compiled after another.
func (e *edition) next(before, now []*resource.Resource, settings model.Settings) *edition {
	out := &edition{self: &token{}, settings: settings}
	if e != nil && sameSettings(e.settings, settings) {
		out.after, out.changed = e.self, changedBetween(before, now)
	}
	return out
}

// sameSettings reports whether settings make the same of the same objects; what is found of objects is told by these. It fails closed:
// of a mesh configuration that is written it takes only the same value for the same.
func sameSettings(a, b model.Settings) bool {
	mesh := a.Mesh == b.Mesh || a.MeshFile == "" && b.MeshFile == "" && proto.Equal(a.Mesh.Config, b.Mesh.Config)
	return mesh && a.RootNamespace == b.RootNamespace && a.DomainSuffix == b.DomainSuffix && a.MeshFile == b.MeshFile && slices.Equal(a.Secrets, b.Secrets) &&
		reflect.DeepEqual(a.Optimization, b.Optimization) && reflect.DeepEqual(a.KeyFetch, b.KeyFetch) && reflect.DeepEqual(a.Gateway, b.Gateway)
}

// changedBetween returns the objects that are in one list alone. Both are mostly the same, but for a few places.
func changedBetween(before, now []*resource.Resource) []*resource.Resource {
	first, last, most := 0, 0, min(len(before), len(now))
	for first < most && before[first].Spec == now[first].Spec {
		first++
	}
	for last < most-first && before[len(before)-1-last].Spec == now[len(now)-1-last].Spec {
		last++
	}
	gone := map[proto.Message]*resource.Resource{}
	for i := first; i < len(before)-last; i++ {
		gone[before[i].Spec] = before[i]
	}
	var out []*resource.Resource
	for i := first; i < len(now)-last; i++ {
		if _, both := gone[now[i].Spec]; !both {
			out = append(out, now[i])
		}
		delete(gone, now[i].Spec)
	}
	return slices.AppendSeq(out, maps.Values(gone))
}

// renderings are what gateways were given by a program or the one before it. It is safe for concurrent use.
type renderings struct {
	mu          sync.Mutex
	now, before map[string]rendering
}

// rendering is what a gateway was given, of which edition and with which fetched keys.
type rendering struct {
	of        *token
	keys      model.Keys
	resources envoy.Resources
}

// next returns renderings for the next program, which forgets what it is not asked for itself when it is followed.
func (r *renderings) next() *renderings {
	if r == nil {
		return &renderings{now: map[string]rendering{}}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before := maps.Clone(r.now)
	if len(before) == 0 {
		before = r.before
	}
	return &renderings{now: map[string]rendering{}, before: before}
}

func (r *renderings) of(gateway string) (rendering, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if out, ok := r.now[gateway]; ok {
		return out, true
	}
	out, ok := r.before[gateway]
	return out, ok
}

func (r *renderings) keep(gateway string, of rendering) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now[gateway] = of
}

// untouched returns what a gateway was given by the program before, where nothing is another in this one that can make a
// difference to it: the same resources, and nothing that violates a constraint of Envoy's API. The caller asks Refusals.
func (p *Program) untouched(g model.Gateway) (envoy.Resources, bool) {
	known, ok := p.rendered.of(keyOf(g))
	if !ok || !maps.Equal(known.keys, p.keys) {
		return envoy.Resources{}, false
	}
	touches := func(r *resource.Resource) bool { return p.model.Touches(r, g) }
	if known.of != p.edition.self && (p.edition.after == nil || known.of != p.edition.after || slices.ContainsFunc(p.edition.changed, touches)) {
		return envoy.Resources{}, false
	}
	p.rendered.keep(keyOf(g), rendering{p.edition.self, p.keys, known.resources})
	return known.resources, true
}

func keyOf(g model.Gateway) string { return fmt.Sprintf("%#v", g) }
