package explain

import (
	"strings"

	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	extauthznetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/ext_authz/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// authority is an authorizer, and who is asked about.
type authority struct {
	filter, provider string
	asked            matchers.Matcher
	denial           traffic.Reply
	clearsRoute      bool
}

func authorizer(name string, c *extauthzv3.ExtAuthz) (filter, error) {
	out := &authority{filter: name, provider: provider(name, c.GetFilterEnabledMetadata()), clearsRoute: c.GetClearRouteCache()}
	out.denial = traffic.Reply{Status: 403, Details: "ext_authz_denied", Flags: "UAEX"}
	var err error
	out.asked, err = matchers.Metadata(c.GetFilterEnabledMetadata())
	return out.ask, err
}

func networkAuthorizer(name string, c *extauthznetworkv3.ExtAuthz) (connectionFilter, error) {
	out := &authority{filter: name, provider: provider(name, c.GetFilterEnabledMetadata())}
	out.denial = traffic.Reply{Details: "ext_authz_close", Flags: "UAEX"}
	var err error
	out.asked, err = matchers.Metadata(c.GetFilterEnabledMetadata())
	return out.ask, err
}

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

// ask asks about the request where a rule says so. An authorizer of which nothing is assumed may deny.
func (a *authority) ask(w *walk) {
	asked, _ := a.asked.Match(w.stream)
	if asked.Fails() {
		return
	}
	denies := traffic.DependsOn("authorizer " + a.provider + " denies")
	saw := ""
	switch assumed := w.asking.request.Assume[a.provider]; assumed {
	case AssumeAllow:
		denies, saw = traffic.Known(false), "assumed to allow"
	case AssumeDeny:
		denies, saw = traffic.Known(true), "assumed to deny"
	}
	w.stream.Findings = append(w.stream.Findings, traffic.Finding{
		Filter: a.filter, Rule: a.provider, Kind: traffic.Answers, Matched: asked.And(denies), Saw: saw,
	})
	w.stop(asked.And(denies), end{verdict: Denied, reply: a.denial, reason: len(w.stream.Findings) - 1})
	w.stream.RouteCleared = w.stream.RouteCleared || a.clearsRoute
}
