package constraint_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/envoyproxy/protoc-gen-validate/validate"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"

	"github.com/portreeve/portreeve/translate/constraint"
	"github.com/portreeve/portreeve/translate/envoy/match"
)

// policy is an RBAC policy, which the API takes where it has a permission.
func policy(permissions ...*rbacv3.Permission) *rbacv3.Policy {
	return &rbacv3.Policy{Permissions: permissions, Principals: []*rbacv3.Principal{{Identifier: &rbacv3.Principal_Any{Any: true}}}}
}

func anything() *rbacv3.Permission {
	return &rbacv3.Permission{Rule: &rbacv3.Permission_Any{Any: true}}
}

// chain packs policies as they are served: in a filter, in a chain of filters, in an extension config.
func chain(policies map[string]*rbacv3.Policy) proto.Message {
	filter := match.Any(&rbachttpv3.RBAC{Rules: &rbacv3.RBAC{Policies: policies}})
	return packed(filter)
}

func packed(filter *anypb.Any) proto.Message {
	return &corev3.TypedExtensionConfig{Name: "policy", TypedConfig: match.Any(&filterchainv3.FilterChainConfig{
		DefaultFilterChain: &filterchainv3.FilterChain{Filters: []*corev3.TypedExtensionConfig{{Name: "a", TypedConfig: match.Any(&rbachttpv3.RBAC{})}, {Name: "b", TypedConfig: filter}}},
	})}
}

func weighing(n uint32) *endpointv3.LbEndpoint {
	return &endpointv3.LbEndpoint{LoadBalancingWeight: wrapperspb.UInt32(n)}
}

// TestJudge holds what is found in a message and in every Any of it, and where.
func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		m    proto.Message
		want []string
	}{
		"allowed":        {chain(map[string]*rbacv3.Policy{"k": policy(anything())}), nil},
		"in the message": {&clusterv3.Cluster{Name: "c", ConnectTimeout: durationpb.New(0)}, []string{"ConnectTimeout: value must be greater than 0s"}},
		"in lists": {&routev3.RouteConfiguration{Name: "r", VirtualHosts: []*routev3.VirtualHost{
			{Name: "a", Domains: []string{"a"}},
			{Name: "b", Domains: []string{"b"}, Routes: []*routev3.Route{{Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{}}, Action: &routev3.Route_Route{Route: &routev3.RouteAction{
				ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: "c"},
				HashPolicy:       []*routev3.RouteAction_HashPolicy{{PolicySpecifier: &routev3.RouteAction_HashPolicy_Header_{Header: &routev3.RouteAction_HashPolicy_Header{}}}},
			}}}}},
		}}, []string{"VirtualHosts[1].Routes[0].Route.HashPolicy[0].Header.HeaderName: value length must be at least 1 runes"}},
		"in an Any of an Any of an Any": {chain(map[string]*rbacv3.Policy{"k": policy(anything()), "ns[a]-policy[b.c]": policy()}),
			[]string{"TypedConfig.DefaultFilterChain.Filters[1].TypedConfig.Rules.Policies[ns[a]-policy[b.c]].Permissions: value must contain at least 1 item(s)"}},
		"in an Any in a map": {&clusterv3.Cluster{Name: "c", TypedExtensionProtocolOptions: map[string]*anypb.Any{"o": match.Any(&clusterv3.Cluster{})}},
			[]string{"TypedExtensionProtocolOptions[o].Name: value length must be at least 1 runes"}},
		"an Any of an unknown type": {packed(&anypb.Any{TypeUrl: "type.googleapis.com/envoy.Unheard"}),
			[]string{`TypedConfig.DefaultFilterChain.Filters[1].TypedConfig: it holds "type.googleapis.com/envoy.Unheard", a type that this program does not know`}},
		"an Any of no type":            {packed(&anypb.Any{}), []string{`TypedConfig.DefaultFilterChain.Filters[1].TypedConfig: it holds "", a type that this program does not know`}},
		"an Any that is not its type":  {packed(&anypb.Any{TypeUrl: "type.googleapis.com/envoy.config.cluster.v3.Cluster", Value: []byte{0xff}}), []string{"TypedConfig.DefaultFilterChain.Filters[1].TypedConfig: what it holds is no envoy.config.cluster.v3.Cluster: proto: cannot parse invalid wire-format data"}},
		"a policy that is no encoding": {packed(&anypb.Any{TypeUrl: "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC", Value: []byte{0x0a, 0x03, 0x12, 0x01, 0xff}}), []string{"TypedConfig.DefaultFilterChain.Filters[1].TypedConfig: what it holds is no envoy.extensions.filters.http.rbac.v3.RBAC: proto: cannot parse invalid wire-format data"}},
		"no text":                      {&clusterv3.Cluster{Name: "\xff"}, []string{": it cannot be encoded: string field contains invalid UTF-8"}},
		"a message of protobuf itself": {durationpb.New(-1), nil},
		"the weights of endpoints": {&endpointv3.ClusterLoadAssignment{ClusterName: "c", Endpoints: []*endpointv3.LocalityLbEndpoints{
			{LbEndpoints: []*endpointv3.LbEndpoint{weighing(math.MaxUint32)}}, {Priority: 1, LbEndpoints: []*endpointv3.LbEndpoint{weighing(math.MaxUint32)}}, {LbEndpoints: []*endpointv3.LbEndpoint{{}, {}}},
		}}, []string{"Endpoints[2]: the weights of endpoints must be at most 4294967295 together"}},
		"the weights of localities": {&clusterv3.Cluster{Name: "c", LoadAssignment: &endpointv3.ClusterLoadAssignment{ClusterName: "c", Endpoints: []*endpointv3.LocalityLbEndpoints{
			{LoadBalancingWeight: wrapperspb.UInt32(math.MaxUint32)}, {Priority: 1, LoadBalancingWeight: wrapperspb.UInt32(2)}, {LoadBalancingWeight: wrapperspb.UInt32(1)},
		}}}, []string{"LoadAssignment.Endpoints[2]: the weights of localities must be at most 4294967295 together"}},
		"two at once": {&clusterv3.Cluster{ConnectTimeout: durationpb.New(0)}, []string{"Name: value length must be at least 1 runes", "ConnectTimeout: value must be greater than 0s"}},
	} {
		t.Run(name, func(t *testing.T) {
			known := &constraint.Known{}
			for range 2 { // what is wrong is so again, whatever was remembered
				var got []string
				for _, v := range known.Judge(c.m) {
					got = append(got, v.String())
				}
				if diff := cmp.Diff(c.want, got, cmp.Comparer(sameText)); diff != "" {
					t.Error(diff)
				}
				known = known.Next()
			}
		})
	}
}

// sameText compares texts in which protobuf puts a space of either kind.
func sameText(a, b string) bool {
	plain := func(s string) string {
		out := []rune{}
		for _, r := range s {
			if r != ' ' && r != '\u00a0' {
				out = append(out, r)
			}
		}
		return string(out)
	}
	return plain(a) == plain(b)
}

// TestWhatIsKnownHidesNothing holds that a value which breaks a rule is found beside others that
// are known already, in an edit of what was judged, and again when it comes back.
func TestWhatIsKnownHidesNothing(t *testing.T) {
	right := map[string]*rbacv3.Policy{"a": policy(anything()), "b": policy(anything())}
	wrong := map[string]*rbacv3.Policy{"a": policy(anything()), "b": policy()}
	known := &constraint.Known{}
	for i, c := range []struct {
		policies map[string]*rbacv3.Policy
		found    int
	}{{right, 0}, {wrong, 1}, {wrong, 1}, {right, 0}, {map[string]*rbacv3.Policy{"b": policy(anything()), "c": policy()}, 1}, {map[string]*rbacv3.Policy{"c": policy()}, 1}, {nil, 0}} {
		if got := known.Judge(chain(c.policies)); len(got) != c.found {
			t.Errorf("step %d: %v, want %d", i, got, c.found)
		}
		if i%2 == 0 {
			known = known.Next()
		}
	}
}

// TestVirtualHostsAreJudgedOneByOne holds that there is no rule about the virtual hosts of routes
// together, so that each can be known by itself.
func TestVirtualHostsAreJudgedOneByOne(t *testing.T) {
	field := (&routev3.RouteConfiguration{}).ProtoReflect().Descriptor().Fields().ByName("virtual_hosts")
	if proto.HasExtension(field.Options(), validate.E_Rules) {
		t.Errorf("there are rules: %v", proto.GetExtension(field.Options(), validate.E_Rules))
	}
}

func BenchmarkJudge(b *testing.B) {
	policies := map[string]*rbacv3.Policy{}
	for i := range 10_000 {
		policies[fmt.Sprint(i)] = policy(anything(), &rbacv3.Permission{Rule: &rbacv3.Permission_DestinationPort{DestinationPort: uint32(i)}}) //nolint:gosec // few
	}
	m := chain(policies)
	b.Run("10000 policies, unknown", func(b *testing.B) {
		for b.Loop() {
			(&constraint.Known{}).Judge(m)
		}
	})
	b.Run("10000 policies, one unknown", func(b *testing.B) {
		policies["0"] = policy(anything())
		edited := chain(policies)
		known := &constraint.Known{}
		known.Judge(m)
		for b.Loop() {
			m, edited = edited, proto.CloneOf(m.(*corev3.TypedExtensionConfig)) // another message, as an edit makes
			known = known.Next()
			known.Judge(m)
		}
	})
}

// TestWhatIsDeeperThanEnvoyReads holds that messages nested deeper than Envoy reads are found: it refuses what holds them.
func TestWhatIsDeeperThanEnvoyReads(t *testing.T) {
	for depth, allowed := range map[int]bool{90: true, 100: true, 101: false, 500: false} {
		p := &rbacv3.Permission{Rule: &rbacv3.Permission_Any{Any: true}}
		for range depth - 4 { // below the filter's rules, their entry and its policy
			p = &rbacv3.Permission{Rule: &rbacv3.Permission_NotRule{NotRule: p}}
		}
		rule := &rbacv3.Policy{Permissions: []*rbacv3.Permission{p}, Principals: []*rbacv3.Principal{{Identifier: &rbacv3.Principal_Any{Any: true}}}}
		filter := &rbachttpv3.RBAC{Rules: &rbacv3.RBAC{Policies: map[string]*rbacv3.Policy{"rule": rule}}}
		found := (&constraint.Known{}).Judge(&corev3.TypedExtensionConfig{Name: "filter", TypedConfig: match.Any(filter)})
		if (len(found) == 0) != allowed {
			t.Errorf("%d deep: %v", depth, found)
		}
	}
}
