package rollout

import (
	"maps"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/xds/snapshot"
)

// Part is the resources of one type. It is immutable, so any number of streams may share it. A nil
// Part has none.
type Part struct {
	url, version string
	items        map[string]types.ResourceWithTTL
	// encoded are the resources as they stand in a response. What a gateway has announced is not there.
	encoded  map[string]*anypb.Any
	versions map[string]string
	trace    snapshot.Trace
}

var _ cachev3.ResourceSnapshot = (*Part)(nil)

// GetVersion implements cachev3.ResourceSnapshot; of other types it has nothing.
func (p *Part) GetVersion(url string) string {
	if p == nil || url != p.url {
		return ""
	}
	return p.version
}

// GetResourcesAndTTL implements cachev3.ResourceSnapshot. The map must not be written to.
func (p *Part) GetResourcesAndTTL(url string) map[string]types.ResourceWithTTL {
	if p == nil || url != p.url {
		return nil
	}
	return p.items
}

// GetResources implements cachev3.ResourceSnapshot. The map is made anew; Resource looks up a single one.
func (p *Part) GetResources(url string) map[string]types.Resource {
	if p == nil || url != p.url {
		return nil
	}
	out := make(map[string]types.Resource, len(p.items))
	for name, item := range p.items {
		out[name] = item.Resource
	}
	return out
}

// ConstructVersionMap implements cachev3.ResourceSnapshot: there is one from the start.
func (p *Part) ConstructVersionMap() error { return nil }

// GetVersionMap implements cachev3.ResourceSnapshot. The map must not be written to.
func (p *Part) GetVersionMap(url string) map[string]string {
	if p == nil || url != p.url {
		return nil
	}
	return p.versions
}

// URL returns the type.
func (p *Part) URL() string { return p.url }

// Resource returns the resource of that name, or nil.
func (p *Part) Resource(name string) types.Resource {
	if p == nil {
		return nil
	}
	return p.items[name].Resource
}

// Encoded returns the resource of that name as it stands in a response, or nil where there is none, or
// only what a gateway has announced. It is shared and must not be written to.
func (p *Part) Encoded(name string) *anypb.Any {
	if p == nil {
		return nil
	}
	return p.encoded[name]
}

// Trace returns where the resources come from. The map must not be written to.
func (p *Part) Trace() snapshot.Trace {
	if p == nil {
		return nil
	}
	return p.trace
}

// Has reports whether there is a resource of that name.
func (p *Part) Has(name string) bool {
	if p == nil {
		return false
	}
	_, ok := p.versions[name]
	return ok
}

func (p *Part) size() int {
	if p == nil {
		return 0
	}
	return len(p.versions)
}

// Same reports whether two parts have the same content, which equal versions tell.
func (p *Part) Same(other *Part) bool {
	return p == other || p != nil && other != nil && p.version != "" && p.version == other.version
}

// Announced returns the part of which a gateway has said, on connecting, which resources it has in
// which versions. What they hold is not known, so they can be left with the gateway and never sent:
// each stands for itself as a message that cannot be marshalled, and is not encoded, so that sending one ends
// the stream instead of giving the gateway an empty cluster or a secret that verifies nobody.
func Announced(url string, versions map[string]string) *Part {
	items := make(map[string]types.ResourceWithTTL, len(versions))
	for name := range versions {
		items[name] = types.ResourceWithTTL{Resource: &clusterv3.Cluster{Name: "\xff"}}
	}
	return &Part{url: url, items: items, versions: versions}
}

// Generation is what a gateway is served of every type. It is immutable and shared like its parts. A
// nil Generation has none.
type Generation struct{ parts map[string]*Part }

// Of returns the generation that a snapshot holds. The snapshot must have versions of its resources. What
// is the same in the generation before is taken from there, which costs less; nil is none.
func Of(s *snapshot.Snapshot, before *Generation) *Generation {
	g := &Generation{parts: map[string]*Part{}}
	for _, t := range snapshot.Types() {
		g.parts[t.URL] = partOf(s, t.URL, before.Part(t.URL))
	}
	return g
}

func partOf(s *snapshot.Snapshot, url string, before *Part) *Part {
	p := &Part{url: url, version: s.GetVersion(url), items: s.GetResourcesAndTTL(url), versions: s.GetVersionMap(url), trace: s.Trace(url)}
	if p.Same(before) {
		p.items, p.versions, p.encoded = before.items, before.versions, before.encoded
		return p
	}
	p.encoded = make(map[string]*anypb.Any, len(p.versions))
	for name := range p.versions {
		p.encoded[name] = s.Encoded(url, name)
	}
	return p
}

// Part returns what the generation has of a type, or nil.
func (g *Generation) Part(url string) *Part {
	if g == nil {
		return nil
	}
	return g.parts[url]
}

// Base returns what is needed of the generation to recognise a gateway that comes back with it: all but
// the policy, which is the largest and is never held back.
func (g *Generation) Base() *Generation {
	if g == nil {
		return nil
	}
	out := &Generation{parts: maps.Clone(g.parts)}
	delete(out.parts, resourcev3.ExtensionConfigType)
	return out
}

// only returns a generation of a single part.
func only(p *Part) *Generation { return &Generation{parts: map[string]*Part{p.url: p}} }
