package resource

import (
	"maps"
	"regexp"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// httpMatchChecker checks a match of an HTTP route.
type httpMatchChecker struct{ valueChecker }

// httpMatch checks one condition of an HTTP route.
func (c httpMatchChecker) httpMatch(path Path, m *networkingv1alpha3.HTTPMatchRequest, vs *networkingv1alpha3.VirtualService) {
	if m.GetUri() != nil {
		c.uri(path.Field("uri"), m.GetUri())
	}
	for field, value := range map[string]*networkingv1alpha3.StringMatch{"method": m.GetMethod(), "authority": m.GetAuthority(), "scheme": m.GetScheme()} {
		c.stringMatch(path.Field(field), value)
	}
	c.headerMatches(path.Field("headers"), m.GetHeaders(), vs)
	c.headerMatches(path.Field("withoutHeaders"), m.GetWithoutHeaders(), vs)
	for _, name := range slices.Sorted(maps.Keys(m.GetQueryParams())) {
		at := path.Field("queryParams", name)
		if name == "" {
			c.addKey(diag.CodeMatch, at, "a query parameter has no name").WithHint("write its name")
		}
		c.stringMatch(at, m.GetQueryParams()[name])
	}
	if c.written(path.Field("port")) && m.GetPort() != 0 {
		c.portNumber(path.Field("port"), m.GetPort())
	}
	for i, g := range m.GetGateways() {
		c.gatewayName(path.Field("gateways", i), g)
	}
	c.workloadLabels(path.Field("sourceLabels"), m.GetSourceLabels())
	if ns := m.GetSourceNamespace(); ns != "" && !isLabel(ns) {
		c.add(diag.CodeMatch, path.Field("sourceNamespace"), "%q is not a namespace", ns).WithHint("the namespace of the gateway")
	}
}

// uri checks a match of the path. Envoy refuses an empty regular expression; the other two
// match everything and nothing, which Istio accepts.
func (c httpMatchChecker) uri(path Path, uri *networkingv1alpha3.StringMatch) {
	switch m := uri.GetMatchType().(type) {
	case *networkingv1alpha3.StringMatch_Exact:
		if m.Exact == "" {
			c.add(diag.CodeRouteIneffective, path.Field("exact"), "no path is empty, so this matches nothing").WithHint("for example exact: /api")
		}
	case *networkingv1alpha3.StringMatch_Prefix:
		if m.Prefix == "" {
			c.add(diag.CodeRouteIneffective, path.Field("prefix"), "the prefix is empty, so this matches every path").WithHint("for example prefix: /api")
		}
	case *networkingv1alpha3.StringMatch_Regex:
		c.regexMatch(path, m.Regex)
	default:
		c.addMissing(diag.CodeRouteIneffective, path, "%s has no exact, prefix or regex, so it matches every path", path).WithHint("for example prefix: /api")
	}
}

// headerMatches checks the conditions on headers and on claims.
func (c httpMatchChecker) headerMatches(path Path, headers map[string]*networkingv1alpha3.StringMatch, vs *networkingv1alpha3.VirtualService) {
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		at, m := path.Field(name), headers[name]
		if isClaimName(name) {
			c.claimMatch(at, name, m, vs)
			continue
		}
		if !isHeaderToken(name) && !slices.Contains([]string{":method", ":scheme", ":authority", ":path", ":status"}, name) {
			c.addKey(diag.CodeMatch, at, "%q is not the name of a header", name).WithHint("a header's name, :method, :scheme, :authority or :path")
		}
		// Istio has this one text, which is no regular expression, for a header that is there.
		if path[len(path)-1] != "withoutHeaders" || m.GetRegex() != "*" {
			c.stringMatch(at, m)
		}
	}
}

var headerToken = regexp.MustCompile("^[!#$%&'*+.^_`|~A-Za-z0-9-]+$")

// isHeaderToken reports whether s can be the name of a header.
func isHeaderToken(s string) bool { return headerToken.MatchString(s) }

// claimPrefix begins the name of a condition on a claim of the token.
const claimPrefix = "@request.auth.claims"

func isClaimName(name string) bool { return strings.HasPrefix(strings.ToLower(name), claimPrefix) }

// RoutingClaim reads the name of a condition on a claim, "@request.auth.claims.a.b" or
// "@request.auth.claims[a][b]", and returns the way to it: a, b. It returns nil for any
// other name, and for one of these with an empty part, which validation refuses.
func RoutingClaim(name string) []string {
	if !isClaimName(name) {
		return nil
	}
	var out []string
	rest := name[len(claimPrefix):]
	if strings.HasPrefix(rest, "[") && strings.HasSuffix(rest, "]") {
		out = strings.Split(rest[1:len(rest)-1], "][")
	} else if strings.HasPrefix(rest, ".") {
		out = strings.Split(rest[1:], ".")
	}
	if slices.Contains(out, "") {
		return nil
	}
	return out
}

// claimMatch checks a condition on a claim. It is only for gateways: elsewhere nobody has
// verified a token, as Istio says.
func (c httpMatchChecker) claimMatch(path Path, name string, m *networkingv1alpha3.StringMatch, vs *networkingv1alpha3.VirtualService) {
	switch {
	case RoutingClaim(name) == nil:
		c.addKey(diag.CodeClaimRoute, path, "%q does not name a claim", name).WithHint("@request.auth.claims[name], or [a][b] for one within another")
	case len(vs.GetHosts()) == 0:
		c.addKey(diag.CodeClaimRoute, path, "a delegate cannot route by claims").WithHint("put the match into the VirtualService that delegates")
	case len(vs.GetGateways()) == 0 || slices.Contains(vs.GetGateways(), MeshGateway):
		c.addKey(diag.CodeClaimRoute, path, "routing by claims is possible on gateways only").WithHint("name a Gateway in spec.gateways, and not mesh")
	case m.GetMatchType() == nil:
		c.addMissing(diag.CodeClaimRoute, path, "%s has no exact, prefix or regex", path).WithHint("regex: .+ takes every text that is not empty")
	case m.GetExact() == "" && m.GetPrefix() == "" && m.GetRegex() == "":
		c.add(diag.CodeClaimRoute, path, "the claim is compared with an empty text").WithHint("regex: .+ takes every text that is not empty")
	default:
		c.stringMatch(path, m)
		c.claimValues(path, RoutingClaim(name), []string{m.GetExact()})
	}
}
