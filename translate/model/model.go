package model

import (
	"cmp"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// Model is all resources, indexed. It is immutable and safe for concurrent use.
type Model struct {
	settings Settings
	// resources are what it was built from, in their order.
	resources []*resource.Resource
	// policies holds RequestAuthentications, AuthorizationPolicies and Telemetry by kind and namespace, in Istio's order.
	policies policies
	// disabled holds the marks of what is switched off on purpose, by namespace.
	disabled map[string][]*attached
	*routing
	judged judged
}

// View is what one gateway enforces and serves, in the order in which it is evaluated.
type View struct {
	Gateway Gateway
	// RequestAuthentications that apply: those of the gateway's namespace, then the root namespace's.
	RequestAuthentications []*resource.Resource
	// AuthorizationPolicies that apply: the root namespace's, then those of the gateway's
	// namespace; identities of the mesh are written for each of its trust domains.
	AuthorizationPolicies []*resource.Resource
	// Ports are the ports that the gateway opens, ordered by address and number.
	Ports []Port
	// Secrets are those that the ports and the services need, ordered by name.
	Secrets []Secret
	// Services are those that the gateway can route to, ordered by host.
	Services      []Service
	rootNamespace string
	// ambiguous are the hosts that several namespaces define, whether the gateway sees them or not.
	ambiguous map[Host]bool
	// AccessLogs are the logs that the gateway writes.
	AccessLogs AccessLogs
	// Mesh is the mesh configuration.
	Mesh *resource.Mesh
	// KeyFetch and Keys say where the keys come from that rules do not hold themselves.
	KeyFetch KeyFetch
	Keys     Keys
	// Standalone says that secrets stand in the gateway's bootstrap. For leaves it unset.
	Standalone bool
	// Conditions says that the trace leads to the conditions within rules too, which takes a third longer to
	// render. For leaves it unset.
	Conditions bool
}

// Build indexes the resources. Findings are about how resources fit together; each
// resource by itself has been validated before.
func Build(resources []*resource.Resource, settings Settings) (*Model, diag.List) {
	return (*Model)(nil).Rebuild(resources, settings)
}

// Rebuild indexes the resources as Build does: equal arguments give an equal model, whatever the receiver is, which
// may be nil. It only takes less time where the receiver was built from many of the same resources: what is known of
// those, and what was found, is taken from there. What the mesh configuration makes of a resource is the same one
// again.
func (m *Model) Rebuild(resources []*resource.Resource, settings Settings) (*Model, diag.List) {
	settings = settings.completed()
	before := &Model{policies: noPolicies()}
	if m != nil && m.settings.readAlike(settings) {
		before = m
	}
	gone, come := resource.Difference(before.resources, resources)
	out := &Model{settings: settings, resources: resources, routing: before.routing, disabled: marksOf(settings)}
	var fresh map[*attached]bool
	out.policies, fresh = before.policies.next(gone, come, settings)
	alike := before == m && before.settings.judgedAlike(settings)
	if !alike || slices.ContainsFunc(slices.Concat(gone, come), isRouting) || !slices.Equal(before.settings.Secrets, settings.Secrets) {
		out.routing = before.routing.next(resources, settings)
	}
	if !alike {
		return out, out.check(&Model{}, fresh)
	}
	return out, out.check(before, fresh)
}

// isRouting reports a resource that is no policy.
func isRouting(r *resource.Resource) bool { return !isPolicy(r.Kind) }

// marksOf returns the marks of what is switched off on purpose, by namespace.
func marksOf(settings Settings) map[string][]*attached {
	out := map[string][]*attached{}
	for _, mark := range settings.Disabled {
		out[mark.Namespace] = append(out[mark.Namespace], newAttached(mark, settings))
	}
	return out
}

// For returns what applies to a gateway. It is total: whatever could fail has been
// reported by Build or before it.
func (m *Model) For(g Gateway) View {
	services := m.visibleServices(g)
	ports, secrets := m.ports(g)
	m.addRuled(secrets, services, g)
	return View{
		Gateway:                g,
		RequestAuthentications: m.applying(resource.RequestAuthentication, g, g.Namespace, m.settings.RootNamespace),
		AuthorizationPolicies:  m.applying(resource.AuthorizationPolicy, g, m.settings.RootNamespace, g.Namespace),
		Ports:                  ports,
		Secrets:                secretsOf(secrets),
		Services:               services,
		rootNamespace:          m.settings.RootNamespace,
		ambiguous:              m.services.ambiguous,
		AccessLogs:             m.accessLogs(g, services),
		Mesh:                   m.settings.Mesh,
		KeyFetch:               m.settings.KeyFetch,
		Keys:                   m.settings.Keys,
	}
}

// visibleServices returns the services that a gateway can route to, with what DestinationRules
// say of them.
func (m *Model) visibleServices(g Gateway) []Service {
	out := m.services.visible(g)
	for i, s := range out {
		out[i].Rule = m.rules.of(s, g, m.settings.RootNamespace)
		out[i].Rule.base = baseline(m.settings.Mesh.Config, s)
	}
	return out
}

// inIstioOrder orders by creation time, then name, then namespace, as Istio lists every
// kind. Without creation times the order is that of the names, whatever the files are called.
func inIstioOrder(resources []*resource.Resource) []*resource.Resource {
	out := slices.Clone(resources)
	slices.SortStableFunc(out, compareAge)
	return out
}

func compareAge(a, b *resource.Resource) int {
	return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.Name, b.Name), strings.Compare(a.Namespace, b.Namespace))
}
