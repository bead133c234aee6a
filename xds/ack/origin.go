package ack

import (
	"maps"
	"slices"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// originsOf returns the places that a refusal is about: of each refused resource those of the rules
// that the message names, or else its own. Where Envoy names neither, any rule may be the one. At most
// maxListed are returned, ordered.
func originsOf(message string, refused []string, trace snapshot.Trace) []diag.Position {
	var out []diag.Position
	for _, name := range refused {
		out = append(out, placesOf(message, trace[name].All())...)
	}
	slices.SortFunc(out, diag.Position.Compare)
	out = slices.Compact(out)
	return slices.Clip(out[:min(len(out), maxListed)])
}

// placesOf returns the places of one resource, whose own stands under the empty name.
func placesOf(message string, rules map[string]diag.Position) []diag.Position {
	var named []diag.Position
	for rule, place := range rules {
		if rule != "" && stands(message, rule) {
			named = append(named, place)
		}
	}
	if len(named) > 0 {
		return named
	}
	if own, ok := rules[""]; ok {
		return []diag.Position{own}
	}
	return slices.Collect(maps.Values(rules))
}
