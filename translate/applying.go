package translate

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// Applying says of a policy whether it applies to a gateway.
type Applying struct {
	// Object is "Kind namespace/name".
	Object string        `json:"object"`
	Pos    diag.Position `json:"position"`
	// WhyNot is empty where it applies.
	WhyNot string `json:"whyNot,omitempty"`
}

// PoliciesOf returns every RequestAuthentication, AuthorizationPolicy and JWTPolicy that is written, in
// file order, with whether it applies to a gateway, and why not.
func (p *Program) PoliciesOf(g model.Gateway) []Applying {
	v := p.model.For(g)
	here := map[*resource.Resource]bool{}
	for _, r := range slices.Concat(v.RequestAuthentications, v.AuthorizationPolicies) {
		here[r.AsWritten()] = true
	}
	out := []Applying{}
	for _, object := range p.written.objects {
		if !slices.Contains([]resource.Kind{resource.RequestAuthentication, resource.AuthorizationPolicy, resource.JWTPolicy}, object.Kind) {
			continue
		}
		next := Applying{Object: object.Key.String(), Pos: object.Origin.At(resource.Path{"metadata", "name"})}
		if !here[object] {
			next.WhyNot = p.whyAbsent(object, g)
		}
		out = append(out, next)
	}
	return out
}

// whyAbsent says why a policy does not apply to a gateway.
func (p *Program) whyAbsent(object *resource.Resource, g model.Gateway) string {
	root := p.model.RootNamespace()
	switch {
	case p.written.unusable()[object.Key]:
		return "it has errors and is left out"
	case object.Namespace != root && object.Namespace != g.Namespace:
		return fmt.Sprintf("its namespace is neither the gateway's, %s, nor the root namespace, %s", g.Namespace, root)
	case object.Kind == resource.JWTPolicy && p.Disabled(g):
		return "it is switched off (enabled: false), or does not select the labels of the gateway"
	default:
		return "it does not select the gateway, whose labels are " + labelText(g.Labels)
	}
}

func labelText(labels map[string]string) string {
	if len(labels) == 0 {
		return "none"
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		out = append(out, name+"="+labels[name])
	}
	return strings.Join(out, ",")
}
