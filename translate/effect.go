package translate

import (
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// Written names an object and the place where it is written.
type Written struct {
	// Object is "Kind namespace/name".
	Object string `json:"object"`
	// Key is what Object says, in parts.
	Key resource.Key  `json:"-"`
	Pos diag.Position `json:"position"`
	// By is what took its file away; empty where nothing did.
	By string `json:"leftOutBy,omitempty"`
}

// Effect is what the policy that applies to one gateway comes to.
type Effect struct {
	// Enforcing is how many of the objects that are written enforce anything there.
	Enforcing int
	// By are the first ten of them.
	By []Written
	// AsksForToken says that some of it asks for a token.
	AsksForToken bool
	// Diagnostics are warnings about that gateway alone, the first ten.
	Diagnostics diag.List
}

// Enforces reports whether the policy that applies to a gateway enforces anything.
func (p *Program) Enforces(g model.Gateway) bool { return p.model.Enforces(g) }

// EffectOn returns what the policy that applies to a gateway comes to.
func (p *Program) EffectOn(g model.Gateway) Effect {
	effect := p.model.Effect(g)
	objects := sources(effect.Enforcing)
	out := Effect{Enforcing: len(objects), AsksForToken: effect.AsksForToken, Diagnostics: effect.Diagnostics[:min(len(effect.Diagnostics), maxNamed)]}
	for _, object := range objects[:min(len(objects), maxNamed)] {
		out.By = append(out.By, Written{Object: object.Key.String(), Key: object.Key, Pos: object.Origin.At(resource.Path{"metadata", "name"})})
	}
	return out
}

// Unapplied returns warnings about policies and Gateways that none of the gateways has anything of,
// except about those of which the program's own findings say so already.
func (p *Program) Unapplied(gateways []model.Gateway) diag.List {
	return p.model.Unapplied(gateways).Sorted()
}
