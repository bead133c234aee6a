package explain

import (
	"fmt"

	mutationrulesv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	headermutationv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"

	"github.com/portreeve/portreeve/translate/explain/matchers"
)

// mutation is the filter that takes headers away.
func mutation(c *headermutationv3.HeaderMutation) (filter, error) {
	var removals []func(string) bool
	for _, m := range c.GetMutations().GetRequestMutations() {
		switch a := m.GetAction().(type) {
		case *mutationrulesv3.HeaderMutation_Remove:
			removals = append(removals, func(name string) bool { return name == a.Remove })
		case *mutationrulesv3.HeaderMutation_RemoveOnMatch_:
			taken, err := matchers.String(a.RemoveOnMatch.GetKeyMatcher())
			if err != nil {
				return nil, err
			}
			removals = append(removals, taken)
		default:
			return nil, fmt.Errorf("header mutation %T is not understood", a)
		}
	}
	return func(w *walk) {
		for _, taken := range removals {
			w.stream.Headers.Remove(taken)
		}
	}, nil
}
