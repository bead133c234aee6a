package wizard

import (
	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"
	typev1beta1 "istio.io/api/type/v1beta1"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/resource"
)

// authentication returns the RequestAuthentication of a JWTPolicy. Its jwtRules[0] has the
// fields of spec.jwt under the same names, so positions inside it are found there.
func authentication(r *resource.Resource, policy *portreevev1alpha1.JWTPolicy) *resource.Resource {
	spec := &securityv1beta1.RequestAuthentication{
		Selector: selector(policy),
		JwtRules: []*securityv1beta1.JWTRule{jwtRule(policy.GetJwt())},
	}
	origin := r.Origin.Aliased(resource.Path{"spec", "jwtRules"}, resource.Path{"spec", "jwt"}).
		Aliased(resource.Path{"spec", "jwtRules", 0}, resource.Path{"spec", "jwt"})
	return generated(r, resource.RequestAuthentication, spec, origin)
}

func jwtRule(jwt *portreevev1alpha1.JWT) *securityv1beta1.JWTRule {
	out := &securityv1beta1.JWTRule{
		Issuer:                jwt.GetIssuer(),
		Audiences:             jwt.GetAudiences(),
		Jwks:                  jwt.GetJwks(),
		JwksUri:               jwt.GetJwksUri(),
		FromParams:            jwt.GetFromParams(),
		FromCookies:           jwt.GetFromCookies(),
		ForwardOriginalToken:  jwt.GetForwardOriginalToken(),
		OutputPayloadToHeader: jwt.GetOutputPayloadToHeader(),
	}
	for _, h := range jwt.GetFromHeaders() {
		out.FromHeaders = append(out.FromHeaders, &securityv1beta1.JWTHeader{Name: h.GetName(), Prefix: h.GetPrefix()})
	}
	for _, c := range jwt.GetOutputClaimToHeaders() {
		out.OutputClaimToHeaders = append(out.OutputClaimToHeaders, &securityv1beta1.ClaimToHeader{Header: c.GetHeader(), Claim: c.GetClaim()})
	}
	return out
}

// selector returns nil where the policy selects every gateway of its scope.
func selector(policy *portreevev1alpha1.JWTPolicy) *typev1beta1.WorkloadSelector {
	if len(policy.GetSelector().GetMatchLabels()) == 0 {
		return nil
	}
	return &typev1beta1.WorkloadSelector{MatchLabels: policy.GetSelector().GetMatchLabels()}
}

// generated returns a resource that stands where the JWTPolicy stood. Annotations are left
// behind: one that switches a native policy off (dry run) would leave the gate open.
func generated(r *resource.Resource, kind resource.Kind, spec proto.Message, origin resource.Origin) *resource.Resource {
	return &resource.Resource{
		Key:     resource.Key{Kind: kind, Namespace: r.Namespace, Name: r.Name},
		Labels:  r.Labels,
		Created: r.Created,
		Spec:    spec,
		Origin:  origin,
		Source:  r,
	}
}
