// Package optimize makes of the filters of policy others that give the same verdicts and cost a gateway less:
//
//	filters ─ rule ─ rule ─ … ─▶ filters
//
// Each rule has a name and a file of its own, which says what it looks for, what it makes of it, why that is
// equal, and what it keeps of the names of policies that Envoy reports. A rule that is not sure leaves
// a filter as it is. It fails closed: what a matcher of Envoy cannot say exactly stays in the form in which
// package policy wrote it.
//
// Most rules are indexes (index.go): ways of finding, by what a request has, the few rules of policies that can match it.
// They work together on one match tree (tree.go), and each can be left out.
package optimize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/policy"
)

// Options say what is done.
type Options struct {
	// Rules are the names of the rules that are applied; they are applied in the order of Names, whatever theirs is.
	Rules []string
	// JWTCacheEntries is how many verified tokens each worker of a gateway remembers; 0 is none.
	JWTCacheEntries int
	// Thresholds say from which size on a form is worth its cost.
	Thresholds Thresholds
}

// Thresholds are the numbers of values from which on a form costs Envoy less than what it replaces, measured
// on Envoy 1.40.
type Thresholds struct {
	// Index is how many atoms of one filter an index is worth.
	Index int
	// Fold is how many values of one condition an alternation is worth.
	Fold int
	// Issuers is how many issuers are worth finding a provider by the token's.
	Issuers int
}

// Standard returns the options that gateways are served with where nobody says otherwise.
func Standard() Options {
	return Options{Rules: Names(), JWTCacheEntries: DefaultJWTCacheEntries, Thresholds: Thresholds{Index: 64, Fold: 32, Issuers: 2}}
}

// DefaultJWTCacheEntries is Options.JWTCacheEntries where nobody says otherwise.
const DefaultJWTCacheEntries = 1000

// Off is the word by which all rules are switched off.
const Off = "off"

// rule is one rewriting of the filters of requests.
type rule struct {
	name  string
	apply func([]policy.Filter, Options, *Known) []policy.Filter
}

// rules returns the rules that rewrite by themselves, in the order in which they are applied, after the indexes:
// what an index finds by its value need not be folded. With indexes it is the one list of all rules.
func rules() []rule {
	return []rule{
		{"fold", fold},
		{"issuers", issuers},
		{"token-cache", tokenCache},
	}
}

// Names returns the names of all rules, in the order in which they are applied.
func Names() []string {
	out := []string{}
	for _, x := range indexes() {
		out = append(out, x.name)
	}
	for _, r := range rules() {
		out = append(out, r.name)
	}
	return out
}

// Parse reads the names of rules, separated by commas, or the word off. The error says which names there are.
func Parse(text string) ([]string, error) {
	if text == Off {
		return []string{}, nil
	}
	out := strings.Split(text, ",")
	for _, name := range out {
		if !slices.Contains(Names(), name) {
			return nil, fmt.Errorf("%q is neither %s nor a rule of %s", name, Off, strings.Join(Names(), ", "))
		}
	}
	return out, nil
}

// Policy returns policy that gives every request the verdict that p gives it, the same headers to the
// backend and the same response but for the name of the policy in its details. What is in p is not changed.
// known only makes it faster; nil knows nothing.
func Policy(p policy.Policy, o Options, known *Known) policy.Policy {
	if known == nil {
		known = &Known{}
	}
	p.HTTP = indexed(p.HTTP, o, known)
	for _, r := range rules() {
		if slices.Contains(o.Rules, r.name) {
			p.HTTP = r.apply(p.HTTP, o, known)
		}
	}
	return p
}
