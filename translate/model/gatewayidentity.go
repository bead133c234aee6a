package model

import (
	"fmt"
	"maps"
	"slices"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// GatewayIdentity says what gateways that have proved who they are may be. It is one object of the kind
// GatewayIdentity that no error touches. It is immutable.
type GatewayIdentity struct {
	// Principals are SPIFFE IDs, such as spiffe://cluster.local/ns/edge/gateway/edge-1; one that ends with
	// /* stands for every ID below it. No two objects have the same one.
	Principals []string
	// DNSNames are DNS names of certificates, in lower case and without wildcards.
	DNSNames []string
	// UIDs are users of this machine, at the other end of a Unix socket.
	UIDs []uint32
	// Grant says how Gateway counts.
	Grant Grant
	// Gateway is the namespace and the labels. It has no locality: what a node says of that stays.
	Gateway Gateway
	// Origin is where the object stands.
	Origin diag.Position
}

// Grant says what a mapping makes of what a node claims.
type Grant string

const (
	// Exactly lets a node claim the namespace and the labels, all of them and no others.
	Exactly Grant = "EXACTLY"
	// AtMost lets a node claim the namespace and any of the labels.
	AtMost Grant = "AT_MOST"
	// Assign gives a gateway the namespace and the labels, whatever its node claims.
	Assign Grant = "ASSIGN"
)

// TakeIdentities takes the GatewayIdentity objects out of the resources, and returns what they say, in their
// order, and the others. What would be mapped twice is an error: which of the two is meant is not known.
func TakeIdentities(resources []*resource.Resource) ([]GatewayIdentity, []*resource.Resource, diag.List) {
	if !slices.ContainsFunc(resources, func(r *resource.Resource) bool { return r.Kind == resource.GatewayIdentity }) {
		return nil, resources, nil
	}
	var identities []GatewayIdentity
	others := make([]*resource.Resource, 0, len(resources))
	proofs := proofs{places: map[string]diag.Position{}}
	for _, r := range resources {
		spec, ok := r.Spec.(*portreevev1alpha1.GatewayIdentity)
		if !ok {
			others = append(others, r)
			continue
		}
		proofs.add(r, spec)
		identities = append(identities, identityOf(r, spec))
	}
	return identities, others, proofs.found
}

func identityOf(r *resource.Resource, spec *portreevev1alpha1.GatewayIdentity) GatewayIdentity {
	return GatewayIdentity{
		Principals: slices.Clone(spec.GetPrincipals()), DNSNames: slices.Clone(spec.GetDnsNames()), UIDs: slices.Clone(spec.GetUids()),
		Grant:   grantOf(spec.GetGrant()),
		Gateway: Gateway{Namespace: spec.GetNamespace(), Labels: maps.Clone(spec.GetLabels())},
		Origin:  r.Origin.At(resource.Path{"metadata", "name"}),
	}
}

// grantOf fails closed: what is not one of the wider grants is the narrowest.
func grantOf(g portreevev1alpha1.GatewayIdentity_Grant) Grant {
	switch g {
	case portreevev1alpha1.GatewayIdentity_AT_MOST:
		return AtMost
	case portreevev1alpha1.GatewayIdentity_ASSIGN:
		return Assign
	default:
		return Exactly
	}
}

// proofs holds where each principal, DNS name and user is mapped.
type proofs struct {
	places map[string]diag.Position
	found  diag.List
}

func (p *proofs) add(r *resource.Resource, spec *portreevev1alpha1.GatewayIdentity) {
	for i, principal := range spec.GetPrincipals() {
		p.once(r, resource.Path{"spec", "principals", i}, "the principal "+principal)
	}
	for i, name := range spec.GetDnsNames() {
		p.once(r, resource.Path{"spec", "dnsNames", i}, "the DNS name "+name)
	}
	for i, uid := range spec.GetUids() {
		p.once(r, resource.Path{"spec", "uids", i}, fmt.Sprintf("the uid %d", uid))
	}
}

// once reports what has been mapped before. It reaches every gateway, as any error about who a gateway is.
func (p *proofs) once(r *resource.Resource, path resource.Path, what string) {
	before, again := p.places[what]
	if !again {
		p.places[what] = r.Origin.At(path)
		return
	}
	d := diagnosticAt(diag.CodeIdentityTwice, r, path, "%s is mapped here and at %s", what, before).WithHint("take it out of one of the two")
	d.Scope = diag.Scope{}
	p.found = append(p.found, d)
}

// Same reports whether two mappings say the same and stand in the same place.
func (i GatewayIdentity) Same(o GatewayIdentity) bool {
	return i.Grant == o.Grant && i.Origin == o.Origin && i.Gateway.Namespace == o.Gateway.Namespace && maps.Equal(i.Gateway.Labels, o.Gateway.Labels) &&
		slices.Equal(i.Principals, o.Principals) && slices.Equal(i.DNSNames, o.DNSNames) && slices.Equal(i.UIDs, o.UIDs)
}
