package optimize

import (
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/policy"
)

// issuers finds the provider of a token by its issuer, where Istio has Envoy try one provider after the other.
//
//	/ → any(p1 … pn, all(any(p1, missing) … any(pn, missing)))
//
// becomes, where tokens may stand in the sources s1 … sm (a header, a parameter, a cookie):
//
//	/, s1 has one token at most, and the others none → missing, or any(p, missing) where p alone reads it
//	…
//	/, sm has one token at most, and the others none → …
//	/ → any(p1 … pn, all(any(p1, missing) … any(pn, missing)))
//
// A source of which a matcher cannot say how many tokens it has gets the last requirement, of those providers alone
// that read it.
//
// Why that is equal. No two providers have one issuer, and each has one; else all stays as it is.
//
// With one token: Istio's requirement tries it with every provider that reads its place. To all but that of its
// issuer it is foreign, which counts for less than any other failure, so what the one makes of it is told; where it has
// no provider, that it is foreign; where it cannot be read, that. `missing` alone takes the provider of the
// token's issuer at once, if that reads the place, and says that it is foreign if not. The same provider then leaves
// the same claims, and takes the same token out. Without a token both let pass.
//
// With several, `missing` alone goes by the one that is verified last: a token that is not valid may stand beside it
// (fail-open). So no request with several gets there, by what matchers can say exactly: see tokenSource.
//
// Providers that read no place in which a token stands find none, which changes nothing in Istio's requirement; so
// they may be left out of it where the matcher says that their sources are empty. All else of it must stay: a second
// pass over several tokens finds those gone that the first has verified and taken out.
//
// It fails closed: where a condition does not hold that should, Istio's requirement decides. Where a rule is
// REQUIRED the requirement is another, and stays. No name changes.
func issuers(filters []policy.Filter, o Options, known *Known) []policy.Filter {
	return withTokens(filters, known, "issuers", o.Thresholds.Issuers, func(c *jwtauthnv3.JwtAuthentication) *jwtauthnv3.JwtAuthentication {
		names, is := optionalIssuers(c)
		if !is || len(names) < o.Thresholds.Issuers {
			return c
		}
		sources, understood := sourcesOf(c.GetProviders(), names)
		if !understood {
			return c
		}
		out := shallow(c)
		out.Rules = append(tokenGuards(sources, len(names)), c.GetRules()...)
		if out.ValidateAll() != nil {
			return c // a name is longer than that of a matcher may be
		}
		return out
	})
}

// optionalIssuers returns the names of the providers, in order, of a filter that asks what Istio asks of several issuers
// and nothing else. It is false for any other, and where an issuer is empty or there twice.
func optionalIssuers(c *jwtauthnv3.JwtAuthentication) ([]string, bool) {
	if len(c.GetRules()) != 1 || c.GetFilterStateRules() != nil {
		return nil, false
	}
	rule := c.GetRules()[0]
	var names []string
	seen := map[string]bool{"": true}
	for _, r := range rule.GetRequires().GetRequiresAny().GetRequirements() {
		name := r.GetProviderName()
		issuer := c.GetProviders()[name].GetIssuer()
		if name == "" {
			break // the last, which is compared below
		}
		if seen[issuer] {
			return nil, false
		}
		seen[issuer] = true
		names = append(names, name)
	}
	want := &jwtauthnv3.RequirementRule{Match: allPaths(), RequirementType: &jwtauthnv3.RequirementRule_Requires{Requires: validOrMissing(names)}}
	return names, len(names) > 1 && len(names) == len(c.GetProviders()) && proto.Equal(want, rule)
}

// tokenGuards are the rules for requests that have tokens in one source alone. One that says no more than the last
// rule, which is Istio's, is left out.
func tokenGuards(sources []tokenSource, providers int) []*jwtauthnv3.RequirementRule {
	var out []*jwtauthnv3.RequirementRule
	for i, s := range sources {
		var wants *jwtauthnv3.JwtRequirement
		switch {
		case s.single() && len(s.providers) == 1:
			wants = requiresAny(requiresProvider(s.providers[0]), allowMissing())
		case s.single():
			wants = allowMissing()
		case len(s.providers) < providers:
			wants = validOrMissing(s.providers)
		default:
			continue
		}
		out = append(out, &jwtauthnv3.RequirementRule{
			Match:           onlyIn(i, sources),
			RequirementType: &jwtauthnv3.RequirementRule_Requires{Requires: wants},
		})
	}
	return out
}

// onlyIn matches requests that have tokens in no source but one, and in that one no more than it can have.
func onlyIn(one int, sources []tokenSource) *routev3.RouteMatch {
	out := allPaths()
	for i, s := range sources {
		if i == one {
			s.once(out)
			continue
		}
		s.empty(out)
	}
	return out
}

// withTokens returns the filters with what a rule makes of those that verify tokens, by a number of the options.
func withTokens(filters []policy.Filter, known *Known, rule string, number int, rewrite func(*jwtauthnv3.JwtAuthentication) *jwtauthnv3.JwtAuthentication) []policy.Filter {
	out := slices.Clone(filters)
	for i, f := range filters {
		if c, verifies := f.Config.(*jwtauthnv3.JwtAuthentication); verifies {
			out[i].Config = known.kept().tokens.of(known.turn, tokenForm{c, rule, number}, rewrite)
		}
	}
	return out
}
