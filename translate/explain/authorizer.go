package explain

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	extauthznetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/ext_authz/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// authorizer is an authorizer, and which requests it is asked about.
type authorizer struct {
	filter, provider string
	asked            matchers.Matcher
	// unreachable says that nobody answers, ever; opens that requests pass then.
	unreachable, opens bool
	// denial is what a client gets where it denies, failure where it does not answer.
	denial, failure traffic.Reply
	clearsRoute     bool
	// changes says that it may change headers of what it allows, changed which, where that is said: of all that
	// an authorizer of gRPC may change it is not.
	changes bool
	changed []func(name string) bool
}

const flagAuthorizer = "UAEX"

func (b *builder) authorizer(name string, c *extauthzv3.ExtAuthz) (filter, error) {
	cluster := cmp.Or(c.GetHttpService().GetServerUri().GetCluster(), clusterOf(c.GetGrpcService()))
	out := &authorizer{
		filter: name, provider: provider(name, c.GetFilterEnabledMetadata()), opens: c.GetFailureModeAllow(),
		denial:      traffic.Reply{Status: 403, Details: "ext_authz_denied", Flags: flagAuthorizer},
		failure:     traffic.Reply{Status: 403, Details: "ext_authz_error", Flags: flagAuthorizer},
		clearsRoute: c.GetClearRouteCache(),
		changes:     c.GetGrpcService() != nil || c.GetHttpService().GetAuthorizationResponse().GetAllowedUpstreamHeaders() != nil,
	}
	if status := c.GetStatusOnError().GetCode(); status != 0 {
		out.failure.Status = uint32(status) //nolint:gosec // a status of HTTP
	}
	_, out.unreachable = b.backends.broken(cluster)
	b.providers = append(b.providers, out.provider)
	for _, name := range c.GetHttpService().GetAuthorizationResponse().GetAllowedUpstreamHeaders().GetPatterns() {
		changes, err := matchers.String(name)
		if err != nil {
			return nil, err
		}
		out.changed = append(out.changed, changes)
	}
	var err error
	out.asked, err = matchers.Metadata(c.GetFilterEnabledMetadata())
	return out.ask, err
}

func (b *builder) networkAuthorizer(name string, c *extauthznetworkv3.ExtAuthz) (filter, error) {
	out := &authorizer{
		filter: name, provider: provider(name, c.GetFilterEnabledMetadata()), opens: c.GetFailureModeAllow(),
		denial:  traffic.Reply{Details: "ext_authz_close", Flags: flagAuthorizer},
		failure: traffic.Reply{Details: "ext_authz_close", Flags: flagAuthorizer},
	}
	_, out.unreachable = b.backends.broken(clusterOf(c.GetGrpcService()))
	b.providers = append(b.providers, out.provider)
	var err error
	out.asked, err = matchers.Metadata(c.GetFilterEnabledMetadata())
	return out.ask, err
}

func clusterOf(s *corev3.GrpcService) string { return s.GetEnvoyGrpc().GetClusterName() }

// provider is the name of an authorizer as people gave it: where Istio names the filter, the rules by
// which it is asked tell it.
func provider(filter string, asked *matcherv3.MetadataMatcher) string {
	for _, prefix := range []string{"envoy.filters.http.ext_authz.", "envoy.filters.network.ext_authz."} {
		if name, ok := strings.CutPrefix(filter, prefix); ok {
			return name
		}
	}
	prefix := asked.GetValue().GetStringMatch().GetPrefix()
	return strings.TrimSuffix(strings.TrimPrefix(prefix, "istio-ext-authz-"), "-ns[")
}

// ask asks about the request where a rule says so and a route is there: without one Envoy asks nobody, and the
// request ends at the router. An authorizer of which nothing is assumed may deny.
func (a *authorizer) ask(w *walk) {
	asked, _ := a.asked.Match(w.stream)
	if w.chain.manager != nil {
		asked = asked.And(w.onRoute())
	}
	if asked.Fails() {
		return
	}
	denies, saw := a.answer(w.asking.request.Assume[a.provider])
	denies = asked.And(denies)
	i := w.found(traffic.Finding{Filter: a.filter, Rule: a.provider, Kind: traffic.Answers, Matched: denies, Saw: saw})
	reply := a.denial
	switch {
	case a.unreachable:
		reply = a.failure
	case denies.Open():
		// The status is what the authorizer says.
		reply.Status = 0
	}
	if denies.Holds() && !a.unreachable && w.chain.manager != nil {
		w.notLookedAt("status, body and headers that authorizer " + a.provider + " refuses with; 403 is what Envoy gives where it says none")
	}
	w.filtered(denies, end{verdict: Denied, reply: reply, reason: i})
	if denies.Holds() || a.unreachable {
		return
	}
	w.stream.RouteCleared = w.stream.RouteCleared || a.clearsRoute
	if a.changes {
		w.notLookedAt("headers that authorizer " + a.provider + " changes where it allows")
		// A rule about one of them must not seem to be decided by what the client sends.
		for _, changed := range a.changed {
			w.stream.Headers.Doubt(changed)
		}
	}
}

// answer is whether the authorizer denies what it is asked about, and what is known of that.
func (a *authorizer) answer(assumed Decision) (traffic.Condition, string) {
	switch {
	case a.unreachable && a.opens:
		return traffic.Known(false), "nobody answers for it; requests pass then"
	case a.unreachable:
		// It fails closed whatever is assumed: nobody is there who could allow.
		return traffic.Known(true), "nobody answers for it"
	case assumed == AssumeAllow:
		return traffic.Known(false), "assumed to allow"
	case assumed == AssumeDeny:
		return traffic.Known(true), "assumed to deny"
	default:
		return traffic.DependsOn("authorizer " + a.provider + " denies"), "what it answers is not known"
	}
}

// askedByNobody tells of assumptions about authorizers that this gateway does not ask: a name that is mistyped
// would decide nothing, and nobody would see why.
func (g *Gateway) askedByNobody(assumed map[string]Decision) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(assumed)) {
		if !slices.Contains(g.providers, name) {
			out = append(out, fmt.Sprintf("what %q is assumed to answer: this gateway asks %s", name, cmp.Or(strings.Join(g.providers, ", "), "no authorizer")))
		}
	}
	return out
}
