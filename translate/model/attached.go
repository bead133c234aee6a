package model

import (
	"maps"
	"slices"

	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/resource"
)

// attached is a RequestAuthentication, AuthorizationPolicy or Telemetry, with what can be told of it by itself. It is
// immutable, and the same one in the next model where the resource is.
type attached struct {
	*resource.Resource
	attachment attachment
	scopes     []workloadScope
	// applied is what gateways enforce: the resource, or what the mesh's trust domains make of it.
	applied *resource.Resource
	// asksForToken says that it tells requests with a token from those without, aboutTokens that it says anything of
	// them.
	asksForToken, aboutTokens bool
	// enforces says that it can refuse a request.
	enforces   bool
	preflights preflightKind
	paths      pathCount
}

func newAttached(r *resource.Resource, settings Settings) *attached {
	out := &attached{Resource: r, attachment: attachmentOf(r), applied: r, asksForToken: asksForToken(r), enforces: enforces(r)}
	out.scopes = out.attachment.scopes(r.Namespace, settings.RootNamespace)
	if spec, ok := r.Spec.(*securityv1beta1.AuthorizationPolicy); ok {
		out.applied, _ = trustDomainsOf(settings.Mesh.Config).migrate(r)
		out.aboutTokens, out.preflights, out.paths = len(tokenUses(spec)) > 0, preflightKindOf(r), pathCountOf(r)
	}
	return out
}

// policies holds policies by kind and namespace, in Istio's order.
type policies map[resource.Kind]map[string][]*attached

func noPolicies() policies {
	return policies{resource.RequestAuthentication: {}, resource.AuthorizationPolicy: {}, resource.Telemetry: {}}
}

// isPolicy reports a kind whose objects apply to gateways by selectors.
func isPolicy(k resource.Kind) bool {
	return k == resource.RequestAuthentication || k == resource.AuthorizationPolicy || k == resource.Telemetry
}

// listKey says which list of policies one is in.
type listKey struct {
	kind      resource.Kind
	namespace string
}

// next returns the policies without those that are gone and with those that came, and which of them are new. The lists
// of what stays as it is are the same.
func (p policies) next(gone, come []*resource.Resource, settings Settings) (policies, map[*attached]bool) {
	out, fresh := maps.Clone(p), map[*attached]bool{}
	removed, added := map[*resource.Resource]bool{}, map[listKey][]*attached{}
	for _, r := range gone {
		if at := (listKey{r.Kind, r.Namespace}); isPolicy(r.Kind) {
			removed[r], added[at] = true, nil
		}
	}
	for _, r := range come {
		if at := (listKey{r.Kind, r.Namespace}); isPolicy(r.Kind) {
			policy := newAttached(r, settings)
			added[at], fresh[policy] = append(added[at], policy), true
		}
	}
	for _, kind := range []resource.Kind{resource.RequestAuthentication, resource.AuthorizationPolicy, resource.Telemetry} {
		out[kind] = maps.Clone(out[kind])
	}
	for at, more := range added {
		stay := slices.DeleteFunc(slices.Clone(out[at.kind][at.namespace]), func(a *attached) bool { return removed[a.Resource] })
		if out[at.kind][at.namespace] = inserted(stay, more); len(stay)+len(more) == 0 {
			delete(out[at.kind], at.namespace)
		}
	}
	return out, fresh
}

// inOrder returns the policies of a kind, namespace by namespace in Istio's order.
func (p policies) inOrder(kind resource.Kind) []*attached {
	n := 0
	for _, list := range p[kind] {
		n += len(list)
	}
	out := make([]*attached, 0, n)
	for _, namespace := range slices.Sorted(maps.Keys(p[kind])) {
		out = append(out, p[kind][namespace]...)
	}
	return out
}

// inserted puts policies to others that are in Istio's order.
func inserted(list, more []*attached) []*attached {
	slices.SortStableFunc(more, compareAttached)
	out := make([]*attached, 0, len(list)+len(more))
	for _, policy := range more {
		i, _ := slices.BinarySearchFunc(list, policy, compareAttached)
		out, list = append(append(out, list[:i]...), policy), list[i:]
	}
	return append(out, list...)
}

func compareAttached(a, b *attached) int { return compareAge(a.Resource, b.Resource) }
