package model

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// unknownSubset warns of a subset that no DestinationRule for the host has. It names those
// that are for the host, with where they stand and what they have, or says that none is.
func (c destinationChecks) unknownSubset(vs *resource.Resource, at resource.Path, host Host, name, effect string) diag.Diagnostic {
	rules := c.rules.about(host)
	if len(rules) == 0 {
		return diagnosticAt(diag.CodeUnknownSubset, vs, at, "there is no DestinationRule for %s, so it has no subset %q and %s", host, name, effect).
			WithHint("add a DestinationRule with host: %s and subsets: [{name: %s, labels: …}]", host, name)
	}
	var known []string
	for _, r := range rules {
		known = append(known, subsetNames(r)...)
	}
	hint := "add {name: " + name + ", labels: …} to the subsets of " + closest(rules).String()
	if near := resource.DidYouMean(name, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	return diagnosticAt(diag.CodeUnknownSubset, vs, at, "no DestinationRule for %s defines the subset %q, so %s: %s", host, name, effect, listed(rules)).WithHint("%s", hint)
}

// about returns the DestinationRules that can be for a host, in the order of the files.
func (x ruleIndex) about(host Host) []*resource.Resource {
	var out []*resource.Resource
	for _, namespace := range slices.Sorted(maps.Keys(x)) {
		for pattern := range x.patterns(namespace, host) {
			out = append(out, x[namespace][pattern]...)
		}
	}
	slices.SortStableFunc(out, func(a, b *resource.Resource) int { return positionOf(a).Compare(positionOf(b)) })
	return out
}

// closest returns the first of the DestinationRules with the most particular host, which is
// the one that counts.
func closest(rules []*resource.Resource) *resource.Resource {
	return slices.MaxFunc(rules, func(a, b *resource.Resource) int { return cmp.Compare(particular(a), particular(b)) })
}

// particular is larger the fewer hosts a DestinationRule is for.
func particular(r *resource.Resource) int {
	host := r.Spec.(*networkingv1alpha3.DestinationRule).GetHost()
	if !strings.HasPrefix(host, "*") {
		return math.MaxInt
	}
	return len(host)
}

// positionOf is where a DestinationRule says which subsets it has, or else its host.
func positionOf(r *resource.Resource) diag.Position {
	if len(r.Spec.(*networkingv1alpha3.DestinationRule).GetSubsets()) > 0 {
		return r.Origin.At(resource.Path{"spec", "subsets"})
	}
	return r.Origin.At(resource.Path{"spec", "host"})
}

func subsetNames(r *resource.Resource) []string {
	var out []string
	for _, s := range r.Spec.(*networkingv1alpha3.DestinationRule).GetSubsets() {
		out = append(out, s.GetName())
	}
	return out
}

// maxListed bounds how many DestinationRules, and how many subsets of each, a finding names.
const maxListed = 5

// listed names DestinationRules, their places and their subsets.
func listed(rules []*resource.Resource) string {
	var out []string
	for _, r := range rules[:min(len(rules), maxListed)] {
		names := subsetNames(r)
		has := "has no subsets"
		if len(names) > 0 {
			has = "has " + strings.Join(names[:min(len(names), maxListed)], ", ")
		}
		if len(names) > maxListed {
			has += ", …"
		}
		out = append(out, r.String()+" at "+positionOf(r).String()+" "+has)
	}
	if len(rules) > maxListed {
		out = append(out, "…")
	}
	return strings.Join(out, "; ")
}
