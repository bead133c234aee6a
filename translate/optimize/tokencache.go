package optimize

import (
	"maps"
	"slices"

	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/policy"
)

// tokenCache has a provider remember the tokens that it has verified, so that it does not look at their signatures again.
//
//	provider p, in a requirement that has one provider for a token → p with jwt_cache_config
//
// Why that is equal. Envoy remembers a token when it is verified, under its whole text, for the one provider: never
// a failure, and never for another. Of one that it remembers it looks anew at all but the signature: issuer and place,
// nbf and exp, audiences; and leaves the same claims. So only other keys could change the answer. Keys that stand in
// the configuration change with it, and with a new configuration Envoy begins to remember anew. Where the gateway
// fetches keys itself it would go on to accept what a removed key has signed (fail-open), so there nothing is
// remembered.
//
// Where Envoy tries several providers, reading the token for each costs more than is saved; `missing` alone never
// remembers. The entries are shared out among the providers, so that they bound what a worker keeps.
func tokenCache(filters []policy.Filter, o Options, known *Known) []policy.Filter {
	return withTokens(filters, known, "token-cache", o.JWTCacheEntries, func(c *jwtauthnv3.JwtAuthentication) *jwtauthnv3.JwtAuthentication {
		names := remembering(c)
		names = names[:max(0, min(len(names), o.JWTCacheEntries))]
		if len(names) == 0 {
			return c
		}
		out := shallow(c)
		out.Providers = maps.Clone(c.GetProviders())
		for _, name := range names {
			p := proto.CloneOf(c.GetProviders()[name])
			p.JwtCacheConfig = &jwtauthnv3.JwtCacheConfig{
				JwtCacheSize:    uint32(min(o.JWTCacheEntries/len(names), mostCached)),
				JwtMaxTokenSize: longestCached,
			}
			out.Providers[name] = p
		}
		return out
	})
}

const (
	// longestCached is how many bytes a token has at most that is remembered. It is Envoy's own bound, said.
	longestCached = 4096
	// mostCached bounds the entries of one provider, whatever is asked for.
	mostCached = 1 << 20
)

// remembering returns the names of the providers that may remember tokens, in order.
func remembering(c *jwtauthnv3.JwtAuthentication) []string {
	var out []string
	for _, r := range c.GetRules() {
		out = append(out, alone(r.GetRequires())...)
	}
	slices.Sort(out)
	out = slices.Compact(out)
	return slices.DeleteFunc(out, func(name string) bool { return c.GetProviders()[name].GetLocalJwks() == nil })
}

// alone returns the providers of a requirement beside which no other is tried.
func alone(r *jwtauthnv3.JwtRequirement) []string {
	either := r.GetRequiresAny().GetRequirements()
	var out []string
	for _, part := range slices.Concat(either, r.GetRequiresAll().GetRequirements()) {
		out = append(out, alone(part)...)
	}
	if name := r.GetProviderName(); name != "" {
		out = append(out, name)
	}
	slices.Sort(out)
	if out = slices.Compact(out); len(either) > 0 && len(out) > 1 {
		return nil
	}
	return out
}
