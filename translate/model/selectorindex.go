package model

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/portreeve/portreeve/translate/resource"
)

// workloadScope is a set of workloads: those of a namespace, or of every namespace where it is
// empty, that have all the labels. Workloads may have any other label besides.
type workloadScope struct {
	namespace string
	labels    map[string]string
	// name is equal for equal scopes; empty where it has not been worked out.
	name string
}

// scopes returns the workloads that a policy of a namespace can apply to. A target that is no Gateway
// adds none.
func (a attachment) scopes(namespace, root string) []workloadScope {
	if len(a.targets) == 0 {
		if namespace == root {
			namespace = ""
		}
		return []workloadScope{workloadScope{namespace: namespace, labels: a.labels}.named()}
	}
	var out []workloadScope
	for _, t := range a.targets {
		if isGatewayTarget(t) {
			out = append(out, workloadScope{namespace: namespace, labels: map[string]string{gatewayNameLabel: t.GetName()}}.named())
		}
	}
	return out
}

// named returns the scope with its name.
func (s workloadScope) named() workloadScope {
	var b strings.Builder
	b.WriteString(s.namespace)
	for _, k := range slices.Sorted(maps.Keys(s.labels)) {
		b.WriteString("\x00" + k + "\x00" + s.labels[k])
	}
	s.name = b.String()
	return s
}

// index finds resources by the workloads that they apply to. A question costs what the
// number of different sets of label names does, not what the number of resources does.
//
// It may be asked by several at once, but not while something is added.
type index struct {
	// mu guards what questions are answered by, which is made when they are asked.
	mu          sync.Mutex
	everywhere  *selectors
	byNamespace map[string]*selectors
	// first are the resources that are found: the first of each scope; names are those of the scopes, in the same order.
	first []*resource.Resource
	names []string
	known map[string]bool
}

func newIndex() *index {
	return &index{everywhere: &selectors{}, byNamespace: map[string]*selectors{}, known: map[string]bool{}}
}

// add puts a resource to those that are found. Of a scope that has one already it makes no difference.
func (x *index) add(r *resource.Resource, to ...workloadScope) {
	for _, at := range to {
		if at.name == "" {
			at = at.named()
		}
		if x.known[at.name] {
			continue
		}
		x.known[at.name], x.names, x.first = true, append(x.names, at.name), append(x.first, r)
		x.everywhere.add(at.labels, r)
		if x.byNamespace[at.namespace] == nil {
			x.byNamespace[at.namespace] = &selectors{}
		}
		x.byNamespace[at.namespace].add(at.labels, r)
	}
}

// find returns a resource that can apply to a workload of one of the sets, or nil.
func (x *index) find(of ...workloadScope) *resource.Resource {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, at := range of {
		if at.namespace == "" {
			if r := x.everywhere.find(at.labels); r != nil {
				return r
			}
			continue
		}
		for _, namespace := range []string{"", at.namespace} {
			if r := x.byNamespace[namespace].find(at.labels); r != nil {
				return r
			}
		}
	}
	return nil
}

// selectors holds label selectors, grouped by the names of their labels.
type selectors struct {
	groups []*group
	byKeys map[string]*group
}

// group is the selectors with the same names of labels.
type group struct {
	keys    []string
	members []member
	// views holds the members by the values of a part of the names, made when first asked for.
	views map[string]*view
}

type member struct {
	labels map[string]string
	of     *resource.Resource
}

type view struct {
	keys  []string
	first map[string]*resource.Resource
}

func (s *selectors) add(labels map[string]string, r *resource.Resource) {
	keys := slices.Sorted(maps.Keys(labels))
	name := strings.Join(keys, "\x00")
	g := s.byKeys[name]
	if g == nil {
		if s.byKeys == nil {
			s.byKeys = map[string]*group{}
		}
		g = &group{keys: keys, views: map[string]*view{}}
		s.byKeys[name] = g
		s.groups = append(s.groups, g)
	}
	g.members = append(g.members, member{labels, r})
	for _, v := range g.views {
		v.add(g.members[len(g.members)-1])
	}
}

// find returns a resource whose selector one workload can meet together with the labels:
// no label has two values. Of several it is the first of the first group.
func (s *selectors) find(labels map[string]string) *resource.Resource {
	if s == nil {
		return nil
	}
	for _, g := range s.groups {
		shared := slices.DeleteFunc(slices.Clone(g.keys), func(k string) bool { _, ok := labels[k]; return !ok })
		if r := g.view(shared).first[values(labels, shared)]; r != nil {
			return r
		}
	}
	return nil
}

func (g *group) view(keys []string) *view {
	name := strings.Join(keys, "\x00")
	v := g.views[name]
	if v == nil {
		v = &view{keys, map[string]*resource.Resource{}}
		for _, m := range g.members {
			v.add(m)
		}
		g.views[name] = v
	}
	return v
}

func (v *view) add(m member) {
	key := values(m.labels, v.keys)
	if v.first[key] == nil {
		v.first[key] = m.of
	}
}

func values(labels map[string]string, keys []string) string {
	var b strings.Builder
	for _, k := range keys {
		b.WriteString(labels[k])
		b.WriteByte(0)
	}
	return b.String()
}
