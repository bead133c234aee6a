package model

import (
	"maps"
	"slices"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// check returns errors about resources that cannot be together, and warnings about how
// resources fit together. The latter refuse nothing: each of these configurations has a
// meaning, and Istio accepts it, but mostly another was meant.
func (m *Model) check() diag.List {
	out := append(m.serverConflicts(), m.closedServers()...)
	out = append(out, m.unaddressed()...)
	out = append(append(out, m.takenNames()...), m.sameRoutes()...)
	out = append(out, m.withoutCertificate()...)
	out = append(out, m.checkCredentials()...)
	c := m.newChecks()
	out = append(out, m.checkRoutes()...)
	out = append(out, m.checkRoutePaths()...)
	out = append(append(out, m.shadowed()...), m.checkDoors()...)
	out = append(append(out, m.unusedDelegates()...), m.sharedCertificates()...)
	out = append(out, m.checkMesh()...)
	out = append(out, m.delegates.found...)
	out = append(out, m.checkServices()...)
	out = append(out, m.checkDestinations()...)
	out = append(out, m.checkBackends()...)
	out = append(out, m.checkTunnels()...)
	out = append(out, m.checkDynamic()...)
	out = append(out, m.checkRules()...)
	for _, policy := range slices.Concat(c.authentications, c.authorizations) {
		out = append(out, c.scope(policy)...)
	}
	for _, policy := range c.authentications {
		out = append(out, c.authentication(policy)...)
	}
	for _, policy := range c.authorizations {
		out = append(out, c.authorization(policy)...)
	}
	// After the RequestAuthentications, whose headers are known then.
	out = append(out, c.virtualServices()...)
	out = append(append(out, c.claimsAsked()...), c.redirectsRefused()...)
	out = append(out, c.unverified()...)
	out = append(out, c.normalization()...)
	out = append(out, m.checkProviders()...)
	out = append(out, c.telemetry()...)
	return append(out, m.checkClaimHeaders()...)
}

// checks is what the policies are held against. It is made once for a Build.
type checks struct {
	*Model
	authentications, authorizations []*resource.Resource
	gatewaySide
	tokenSide
	preflight preflightSide
	hosts     hostIndex
	// near remembers suggestions: the same slip often stands in many policies.
	near map[slip]string
	// comparisons is how many more names may be compared: a suggestion must not make a
	// large directory slow.
	comparisons int
}

func (m *Model) newChecks() *checks {
	c := &checks{
		Model:           m,
		authentications: m.all(resource.RequestAuthentication),
		authorizations:  m.all(resource.AuthorizationPolicy),
		near:            map[slip]string{},
		comparisons:     maxComparisons,
	}
	c.gatewaySide = m.gatewaySide()
	c.hosts = m.hostIndex()
	c.tokenSide = c.newTokenSide()
	c.preflight = c.preflightSide()
	return c
}

// all returns the policies of a kind, namespace by namespace in Istio's order.
func (m *Model) all(kind resource.Kind) []*resource.Resource {
	var out []*resource.Resource
	for _, namespace := range slices.Sorted(maps.Keys(m.policies[kind])) {
		out = append(out, m.policies[kind][namespace]...)
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

// finding returns a finding at a field of a resource; it reaches nobody, since it is a warning.
func finding(code diag.Code, r *resource.Resource, path resource.Path, format string, args ...any) diag.Diagnostic {
	d := diag.New(code, r.Origin.At(path), format, args...)
	d.Object, d.Field, d.Reach = r.Key.String(), path.String(), diag.Limited()
	return d
}
