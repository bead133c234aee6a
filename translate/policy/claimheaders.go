package policy

import (
	"regexp"
	"slices"
	"strings"

	mutationrulesv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	setfilterstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/set_filter_state/v3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/resource"
)

// claimFilters makes the filter that removes the claim headers, and where there are any the one
// that has the route chosen again without them.
func claimFilters(rules JWTRules, from diag.Places) []Filter {
	remove := claimHeaders(rules)
	out := []Filter{{Name: ClaimHeadersFilter, Config: remove, Trace: from}}
	if remove.GetMutations() != nil {
		out = append(out, Filter{Name: RouteFilter, Config: &setfilterstatev3.Config{ClearRouteCache: true}})
	}
	return out
}

// claimHeaders renders the filter that removes, before any token is looked at, the headers
// that hand claims to backends, so that a backend never sees a client's own value there, nor
// one that it takes for it because - and _ are the same to it.
// jwt_authn removes only those of the providers it got to. A header that tokens are read from
// is never one of them, since compiling refuses that; if one were, its tokens would be
// removed, and nobody could forge the claims.
func claimHeaders(rules JWTRules) *headermutationv3.HeaderMutation {
	var names, folded []string
	for _, r := range rules {
		for _, h := range resource.ClaimHeaders(r.Spec) {
			names = append(names, strings.ToLower(h.Name))
			if name := resource.FoldedHeader(h.Name); strings.Contains(name, "-") {
				folded = append(folded, name)
			}
		}
	}
	slices.Sort(names)
	slices.Sort(folded)
	out := &headermutationv3.HeaderMutation{}
	if len(names) == 0 {
		return out
	}
	out.Mutations = &headermutationv3.Mutations{}
	for _, name := range slices.Compact(names) {
		out.Mutations.RequestMutations = append(out.Mutations.RequestMutations, &mutationrulesv3.HeaderMutation{Action: &mutationrulesv3.HeaderMutation_Remove{Remove: name}})
	}
	for _, name := range slices.Compact(folded) {
		out.Mutations.RequestMutations = append(out.Mutations.RequestMutations, removeFolded(name))
	}
	return out
}

// removeFolded removes a header however its - and _ are written.
func removeFolded(name string) *mutationrulesv3.HeaderMutation {
	folded := match.Regex(strings.ReplaceAll(regexp.QuoteMeta(name), "-", "[-_]"))
	return &mutationrulesv3.HeaderMutation{Action: &mutationrulesv3.HeaderMutation_RemoveOnMatch_{
		RemoveOnMatch: &mutationrulesv3.HeaderMutation_RemoveOnMatch{KeyMatcher: folded},
	}}
}
