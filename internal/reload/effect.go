package reload

import "github.com/portreeve/portreeve/translate"

// effectOf returns what policy comes to on a group that is given a generation. It is worked
// out when the group is, and not when somebody asks.
func (g *group) effectOf(generation *Generation) translate.Effect {
	if g.serving != nil && g.serving.Hash == generation.Hash && g.effect != nil {
		return *g.effect
	}
	return generation.Program.EffectOn(g.gateway)
}

// noLongerEnforced reports whether policy was enforced on the group and none is now, which somebody said
// on purpose.
func noLongerEnforced(before *translate.Effect, now translate.Effect) bool {
	return before != nil && before.Enforcing > 0 && now.Enforcing == 0
}
