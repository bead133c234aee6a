package model

import (
	"maps"
	"slices"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// check returns errors about resources that cannot be together, and warnings about how
// resources fit together. The latter refuse nothing: each of these configurations has a
// meaning, and Istio accepts it, but mostly another was meant. It keeps what else came to
// light: the certificates of the Secrets that are named, and the policies without a gateway.
func (m *Model) check() diag.List {
	c := newChecks(m)
	ofCertificates, certificates := certificateChecks{c}.all()
	ofScopes, unserved := policyChecks{c}.scopes()
	m.certificates, m.unserved = certificates, unserved
	return slices.Concat(
		ofCertificates,
		serverChecks{c}.all(),
		routeChecks{c}.all(),
		destinationChecks{c}.all(),
		ofScopes,
		policyChecks{c}.all(),
		// After the RequestAuthentications, whose headers are known then.
		routePolicyChecks{c}.all(),
		providerChecks{c}.all(),
	)
}

// checks is what the resources are held against: the model, and what is worked out once for
// a Build. The checks themselves are cut by subject, below.
type checks struct {
	*Model
	authentications, authorizations []*resource.Resource
	gatewaySide
	tokenSide
	preflight preflightSide
	hosts     hostIndex
	open      openPorts
	byName    gatewaysByName
	cover     covering
	// near holds suggestions: the same slip often stands in many policies.
	near map[slip]string
	// comparisons is how many more names may be compared: a suggestion must not make a
	// large directory slow.
	comparisons int
}

// The checks by subject. Each has a method all, which returns what its checks find, in no
// order: diagnostics are sorted later.
type (
	// certificateChecks hold the Secrets that are named against what they are named for.
	certificateChecks struct{ *checks }
	// serverChecks hold the servers of Gateways against each other, and against policies that
	// mean something else there than they read.
	serverChecks struct{ *checks }
	// routeChecks hold VirtualServices against Gateways and against each other.
	routeChecks struct{ *checks }
	// destinationChecks hold routes against services, and services against DestinationRules.
	destinationChecks struct{ *checks }
	// policyChecks hold RequestAuthentications and AuthorizationPolicies against each other,
	// and against the Gateways.
	policyChecks struct{ *checks }
	// routePolicyChecks hold routes and redirects against the policies that come before them.
	routePolicyChecks struct{ *checks }
	// providerChecks hold what the mesh configuration provides against who names it.
	providerChecks struct{ *checks }
)

func newChecks(m *Model) *checks {
	c := &checks{Model: m, near: map[slip]string{}, comparisons: maxComparisons, cover: covering{maxCoverings}}
	c.authentications = c.policiesOf(resource.RequestAuthentication)
	c.authorizations = c.policiesOf(resource.AuthorizationPolicy)
	c.byName = c.gatewaysByName()
	c.gatewaySide = c.newGatewaySide()
	c.hosts = c.newHostIndex()
	c.open = c.newOpenPorts()
	c.tokenSide = c.newTokenSide()
	c.preflight = c.newPreflightSide()
	return c
}

func (c serverChecks) all() diag.List {
	return slices.Concat(c.conflicts(), c.closedServers(), c.unaddressed(), c.takenNames(), c.sameRoutes(), c.mtlsBypasses())
}

func (c routeChecks) all() diag.List {
	return slices.Concat(c.references(), c.paths(), c.shadowed(), c.unserved(), c.unusedDelegates(), c.forMeshOnly(), c.delegates.found)
}

func (c destinationChecks) all() diag.List {
	return slices.Concat(c.servicesAndEndpoints(), c.portsAndSubsets(), c.backends(), c.allTunnels(), c.dynamicHosts(), c.destinationRules())
}

// scopes warns of policies that probably apply to no gateway, and returns which they are.
func (c policyChecks) scopes() (diag.List, map[*resource.Resource]bool) {
	var out diag.List
	unserved := map[*resource.Resource]bool{}
	for _, policy := range slices.Concat(c.authentications, c.authorizations) {
		found := c.scope(policy)
		if out = append(out, found...); len(found) > 0 {
			unserved[policy] = true
		}
	}
	return out, unserved
}

func (c policyChecks) all() diag.List {
	var out diag.List
	for _, policy := range c.authentications {
		out = append(out, c.authentication(policy)...)
	}
	for _, policy := range c.authorizations {
		out = append(out, c.authorization(policy)...)
	}
	return slices.Concat(out, c.subtrees(), c.deniedAnyway(), c.unverified(), c.normalization(), c.claimHeaders())
}

func (c routePolicyChecks) all() diag.List {
	return append(c.virtualServices(), c.redirectsRefused()...)
}

func (c providerChecks) all() diag.List {
	return slices.Concat(c.claimsAsked(), c.providers(), c.telemetry())
}

// policiesOf returns the policies of a kind, namespace by namespace in Istio's order.
func (c *checks) policiesOf(kind resource.Kind) []*resource.Resource {
	var out []*resource.Resource
	for _, namespace := range slices.Sorted(maps.Keys(c.policies[kind])) {
		out = append(out, c.policies[kind][namespace]...)
	}
	return out
}

// slip is a written name and what it should be the name of.
type slip struct{ kind, written string }

// maxComparisons bounds the names that are compared for suggestions in one Build.
const maxComparisons = 5000

// meant returns the hint for a name that is not among the known ones of its kind: the one
// that was probably meant, or else what to do.
func (c *checks) meant(s slip, known map[string]bool, otherwise string) string {
	near, ok := c.near[s]
	if !ok && len(known) <= c.comparisons {
		c.comparisons -= len(known)
		near = resource.DidYouMean(s.written, slices.Sorted(maps.Keys(known)))
		c.near[s] = near
	}
	if near == "" {
		return otherwise
	}
	return "did you mean " + near + "?"
}

// diagnosticAt returns a diagnostic at a field of a resource. Its scope is nobody, as of a warning; who
// reports an error sets it.
func diagnosticAt(code diag.Code, r *resource.Resource, path resource.Path, format string, args ...any) diag.Diagnostic {
	d := diag.New(code, r.Origin.At(path), format, args...)
	d.Object, d.Field, d.Scope = r.Key.String(), path.String(), diag.Limited()
	return d
}
