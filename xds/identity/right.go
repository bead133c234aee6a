package identity

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
)

// right is what one identity may be.
type right struct {
	grant   model.Grant
	gateway model.Gateway
	// name is what the node must be called; empty lets it have any name.
	name string
	// who is whose right it is, and origin where it was written, both for messages. Without an origin
	// the right comes from the certificate alone.
	who, origin string
}

// mapped returns the right that a mapping grants.
func mapped(m *model.GatewayIdentity, who, name string) right {
	return right{grant: m.Grant, gateway: m.Gateway, name: name, who: who, origin: m.Origin.String()}
}

// take returns the gateway as it is served, or a *Refusal where its node claims what it may not be. A
// grant that is not known gives nothing.
func (r right) take(claimed node.Identity) (node.Identity, error) {
	says := claimed.Group.Gateway
	switch {
	case r.grant == model.Assign:
		given := r.gateway
		given.Locality = says.Locality
		claimed.Group = node.Of(given)
		return claimed, nil
	case r.name != "" && claimed.Name != r.name:
		return node.Identity{}, r.refuse(fmt.Sprintf("the name %q", node.Cut(claimed.Name)))
	case says.Namespace != r.gateway.Namespace:
		return node.Identity{}, r.refuse("namespace " + says.Namespace)
	case r.grant == model.Exactly && !maps.Equal(says.Labels, r.gateway.Labels):
		return node.Identity{}, r.refuse(labelled(says.Labels))
	case r.grant == model.AtMost && !within(says.Labels, r.gateway.Labels):
		return node.Identity{}, r.refuse(labelled(says.Labels))
	case r.grant != model.Exactly && r.grant != model.AtMost:
		return node.Identity{}, r.refuse("what a grant that is not known would have to allow")
	default:
		return claimed, nil
	}
}

// within reports whether every label is among those that are allowed, with its value.
func within(labels, allowed map[string]string) bool {
	for key, value := range labels {
		if of, ok := allowed[key]; !ok || of != value {
			return false
		}
	}
	return true
}

// refuse says what the identity may be and what the node claims instead.
func (r right) refuse(claims string) *Refusal {
	what := "in namespace " + r.gateway.Namespace
	if r.name != "" {
		what = node.Cut(r.name) + " " + what
	}
	degree, out, at := "", "add a GatewayIdentity (serve --gateways FILE), or change what the bootstrap says", ""
	if r.grant == model.AtMost {
		degree = "at most "
	}
	if r.origin != "" {
		at, out = " ("+node.Cut(r.origin)+")", "change the GatewayIdentity, or what the bootstrap says"
	}
	return refusef(ofIdentity, "%s, which may be %s%s with %s%s; the node claims %s: %s", r.who, degree, what, labelled(r.gateway.Labels), at, claims, out)
}

// labelled names labels in a bounded number of bytes.
func labelled(labels map[string]string) string {
	if len(labels) == 0 {
		return "no labels"
	}
	list := make([]string, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		list = append(list, key+"="+labels[key])
	}
	return "labels " + node.Cut(strings.Join(list, ","))
}
