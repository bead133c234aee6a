package main

import (
	"slices"

	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// unknownKeysOf returns keys for sources that nobody has fetched, which stand for keys that were not shown:
// whether they verify a token is open. Without them every token would be said to be refused.
func unknownKeysOf(sources []model.KeySource) model.Keys {
	out := model.Keys{}
	unknown := resource.ShownKeys(`{"keys":[{"kty":"oct"}]}`)
	for _, s := range sources {
		out[s] = unknown
	}
	return out
}

// maxSources bounds the sources of keys that are named.
const maxSources = 5

// ofTokens says what was not looked at of tokens, and why.
func (e *explaining) ofTokens(of subject, answer explain.Answer) []string {
	var out []string
	verifies := slices.DeleteFunc(slices.Clone(answer.Reasons), func(r explain.Reason) bool { return r.Kind != traffic.Verifies })
	switch {
	case e.claims != "" && len(verifies) == 0:
		out = append(out, "nothing verifies tokens at this gateway: no RequestAuthentication applies, so that claims count for nothing")
	case e.claims != "":
		out = append(out, "the claims are taken for those of a token that the issuer signed; no signature was looked at")
	}
	if slices.ContainsFunc(verifies, func(r explain.Reason) bool { return r.Matched.Open() }) {
		for _, s := range of.unfetched[:min(len(of.unfetched), maxSources)] {
			out = append(out, "the keys of "+s.Issuer+s.URI+" are not among the files: serve fetches them, and as long as it has none every token of the rule is refused; portreeve status shows them")
		}
	}
	return out
}
