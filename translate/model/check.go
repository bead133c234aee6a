package model

import (
	"slices"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// check returns errors about resources that cannot be together, and warnings about how
// resources fit together. The latter refuse nothing: each of these configurations has a
// meaning, and Istio accepts it, but mostly another was meant. It keeps what was found, and what else came to
// light. What checks found in a model before this one, whose settings are alike, is taken from there where they would
// find the same; fresh are the policies that are not in it.
func (m *Model) check(before *Model, fresh map[*attached]bool) diag.List {
	c := newChecks(m)
	if m.routing != before.routing {
		m.routing.found = c.ofRouting()
	}
	c.tokenSide = c.tokensAfter(before)
	same := history{before: before, fresh: fresh, routing: m.routing == before.routing, tokens: c.alike(c.authentications, before)}
	ofScopes := policyChecks{c}.scopes(same)
	ofPolicies := policyChecks{c}.all(same)
	ofRoutes := c.routesAfter(before)
	ofProviders := providerChecks{c}.all()
	if c.suggested > maxComparisons {
		// Suggestions are bounded together, so that each depends on all: nothing can be taken from before.
		if before.judged.tokens != nil {
			return m.check(&Model{}, nil)
		}
		m.judged.tokens = nil
	}
	return slices.Concat(m.routing.found, ofScopes, c.serversAndPolicies(), c.tokenSide.found, ofPolicies, ofRoutes, ofProviders)
}

// ofRouting returns what is found without looking at a policy.
func (c *checks) ofRouting() diag.List {
	ofCertificates, certificates := certificateChecks{c}.all()
	c.certificates = certificates
	return slices.Concat(ofCertificates, serverChecks{c}.all(), routeChecks{c}.all(), destinationChecks{c}.all())
}

// checks is what the resources are held against: the model, and what is worked out once for
// a Build. The checks themselves are cut by subject, below.
type checks struct {
	*Model
	*surroundings
	*tokenSide
	authentications, authorizations []*attached
	// requiring finds the policies that tell requests with a token from those without.
	requiring *index
	preflight preflightSide
	cover     covering
	suggestions
}

// surroundings are what Gateways and routes say of that what policies name.
type surroundings struct {
	gatewaySide
	hosts  hostIndex
	open   openPorts
	byName gatewaysByName
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
	c := &checks{Model: m, surroundings: m.routing.around, cover: covering{maxCoverings}, suggestions: newSuggestions()}
	c.authentications = m.policies.inOrder(resource.RequestAuthentication)
	c.authorizations = m.policies.inOrder(resource.AuthorizationPolicy)
	if c.surroundings == nil {
		c.surroundings = &surroundings{}
		c.byName = c.gatewaysByName()
		c.gatewaySide = c.newGatewaySide()
		c.hosts = c.newHostIndex()
		c.open = c.newOpenPorts()
		m.routing.around = c.surroundings
	}
	c.requiring = c.newRequiring()
	c.preflight = c.newPreflightSide()
	return c
}

func (c serverChecks) all() diag.List {
	return slices.Concat(c.conflicts(), c.takenNames(), c.sameRoutes(), c.mtlsBypasses())
}

// serversAndPolicies holds the servers of Gateways against policies.
func (c *checks) serversAndPolicies() diag.List {
	return append(serverChecks{c}.closedServers(), serverChecks{c}.unaddressed()...)
}

func (c routeChecks) all() diag.List {
	return slices.Concat(c.references(), c.paths(), c.shadowed(), c.unserved(), c.unusedDelegates(), c.forMeshOnly(), c.delegates.found)
}

func (c destinationChecks) all() diag.List {
	return slices.Concat(c.servicesAndEndpoints(), c.portsAndSubsets(), c.backends(), c.allTunnels(), c.dynamicHosts(), c.destinationRules())
}

// scopes warns of policies that probably apply to no gateway.
func (c policyChecks) scopes(same history) diag.List {
	found := map[*attached]found{}
	c.judged.scopes = found
	all := slices.Concat(c.authentications, c.authorizations)
	return c.each(all, found, same.scope, func(policy *attached) diag.List { return c.scope(policy) })
}

func (c policyChecks) all(same history) diag.List {
	found := map[*attached]found{}
	c.judged.rules = found
	accepting := c.serversAcceptingAnyCert()
	out := c.each(c.authorizations, found, same.rules, func(policy *attached) diag.List {
		return append(c.authorization(policy), c.unverified(policy, accepting)...)
	})
	return slices.Concat(out, c.subtrees(), c.deniedAnyway(), c.normalization())
}

func (c routePolicyChecks) all() diag.List {
	return append(c.virtualServices(), c.redirectsRefused()...)
}

func (c providerChecks) all() diag.List {
	return slices.Concat(c.claimsAsked(), c.providers(), c.telemetry())
}

// diagnosticAt returns a diagnostic at a field of a resource. Its scope is nobody, as of a warning; who
// reports an error sets it.
func diagnosticAt(code diag.Code, r *resource.Resource, path resource.Path, format string, args ...any) diag.Diagnostic {
	d := diag.New(code, r.Origin.At(path), format, args...)
	d.Object, d.Field, d.Scope = r.Key.String(), path.String(), diag.Limited()
	return d
}
