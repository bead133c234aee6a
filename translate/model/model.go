package model

import (
	"cmp"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// Model is all resources, indexed. It is immutable and safe for concurrent use.
type Model struct {
	settings Settings
	// policies holds RequestAuthentications, AuthorizationPolicies and Telemetry by kind and namespace, in Istio's order.
	policies map[resource.Kind]map[string][]*resource.Resource
	// disabled holds the marks of what is switched off on purpose, by namespace.
	disabled map[string][]*resource.Resource
	// gateways holds the Gateway resources, oldest first.
	gateways []*resource.Resource
	// routes holds the VirtualServices by the Gateway ("namespace/name") that they name, in Istio's order.
	routes map[string][]*resource.Resource
	// meshOnly are the VirtualServices that name no Gateway, in Istio's order.
	meshOnly []*resource.Resource
	// delegates holds what VirtualServices delegate to.
	delegates delegates
	services  registry
	// rules holds the DestinationRules.
	rules ruleIndex
	// credentials are the Secrets, and named the uses that servers and DestinationRules make of them.
	credentials  credentials
	named        []credential
	certificates []Certificate
	// unserved are the policies of which Build says that they probably apply to no gateway.
	unserved map[*resource.Resource]bool
	// migrated holds what the mesh's trust domains make of those AuthorizationPolicies that they change.
	migrated map[*resource.Resource]*resource.Resource
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
func Build(resources []resource.Resource, settings Settings) (*Model, diag.List) {
	m := &Model{
		settings: settings.completed(),
		policies: map[resource.Kind]map[string][]*resource.Resource{
			resource.RequestAuthentication: {},
			resource.AuthorizationPolicy:   {},
			resource.Telemetry:             {},
		},
		routes:    map[string][]*resource.Resource{},
		delegates: newDelegates(),
		rules:     ruleIndex{},
		disabled:  map[string][]*resource.Resource{},
		migrated:  map[*resource.Resource]*resource.Resource{},
	}
	for _, r := range withExportTo(inIstioOrder(resources), m.settings.Mesh.Config) {
		m.add(r)
	}
	for i := range m.settings.Disabled {
		mark := &m.settings.Disabled[i]
		m.disabled[mark.Namespace] = append(m.disabled[mark.Namespace], mark)
	}
	m.services.complete(m.settings)
	m.delegates.merge(m.routes, m.settings)
	m.credentials = credentialsOf(m.settings.Secrets)
	m.named = m.namedCredentials()
	return m, m.check()
}

func (m *Model) add(r *resource.Resource) {
	switch spec := r.Spec.(type) {
	case *networkingv1alpha3.Gateway:
		m.gateways = append(m.gateways, r)
	case *networkingv1alpha3.VirtualService:
		if len(spec.GetHosts()) == 0 {
			m.delegates.add(r)
			return
		}
		names := gatewayNames(spec, r.Namespace)
		if len(names) == 0 {
			m.meshOnly = append(m.meshOnly, r)
		}
		for _, name := range names {
			m.routes[name] = append(m.routes[name], r)
		}
	case *networkingv1alpha3.DestinationRule:
		m.rules.add(r, m.settings)
	default:
		m.services.add(r)
		if byNamespace, ok := m.policies[r.Kind]; ok {
			byNamespace[r.Namespace] = append(byNamespace[r.Namespace], r)
			if migrated, changed := trustDomainsOf(m.settings.Mesh.Config).migrate(r); changed {
				m.migrated[r] = migrated
			}
		}
	}
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
		AuthorizationPolicies:  m.inTrustDomains(m.applying(resource.AuthorizationPolicy, g, m.settings.RootNamespace, g.Namespace)),
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

// inTrustDomains puts what the mesh's trust domains make of policies in their places.
func (m *Model) inTrustDomains(policies []*resource.Resource) []*resource.Resource {
	for i, p := range policies {
		if migrated, ok := m.migrated[p]; ok {
			policies[i] = migrated
		}
	}
	return policies
}

// inIstioOrder orders by creation time, then name, then namespace, as Istio lists every
// kind. Without creation times the order is that of the names, whatever the files are called.
func inIstioOrder(resources []resource.Resource) []*resource.Resource {
	out := make([]*resource.Resource, len(resources))
	for i := range resources {
		out[i] = &resources[i]
	}
	slices.SortStableFunc(out, compareAge)
	return out
}

func compareAge(a, b *resource.Resource) int {
	return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.Name, b.Name), strings.Compare(a.Namespace, b.Namespace))
}
