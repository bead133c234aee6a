package optimize

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	"google.golang.org/protobuf/types/known/emptypb"
)

// validOrMissing is what Istio asks of the tokens of providers: any is valid, or each is valid or missing.
func validOrMissing(names []string) *jwtauthnv3.JwtRequirement {
	var either, each []*jwtauthnv3.JwtRequirement
	for _, name := range names {
		either = append(either, requiresProvider(name))
		each = append(each, requiresAny(requiresProvider(name), allowMissing()))
	}
	return requiresAny(append(either, requiresAll(each))...)
}

func requiresProvider(provider string) *jwtauthnv3.JwtRequirement {
	return &jwtauthnv3.JwtRequirement{RequiresType: &jwtauthnv3.JwtRequirement_ProviderName{ProviderName: provider}}
}

func allowMissing() *jwtauthnv3.JwtRequirement {
	return &jwtauthnv3.JwtRequirement{RequiresType: &jwtauthnv3.JwtRequirement_AllowMissing{AllowMissing: &emptypb.Empty{}}}
}

func requiresAny(of ...*jwtauthnv3.JwtRequirement) *jwtauthnv3.JwtRequirement {
	return &jwtauthnv3.JwtRequirement{RequiresType: &jwtauthnv3.JwtRequirement_RequiresAny{RequiresAny: &jwtauthnv3.JwtRequirementOrList{Requirements: of}}}
}

// requiresAll takes one for what it is: Envoy refuses a list of one.
func requiresAll(of []*jwtauthnv3.JwtRequirement) *jwtauthnv3.JwtRequirement {
	if len(of) == 1 {
		return of[0]
	}
	return &jwtauthnv3.JwtRequirement{RequiresType: &jwtauthnv3.JwtRequirement_RequiresAll{RequiresAll: &jwtauthnv3.JwtRequirementAndList{Requirements: of}}}
}

func allPaths() *routev3.RouteMatch {
	return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}}
}
