package envoy

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	weightedroundrobinv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/client_side_weighted_round_robin/v3"
	wrrlocalityv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/load_balancing_policies/wrr_locality/v3"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"
)

// setUtilization chooses endpoints by the load that they report in their answers. A cluster
// that has such a policy takes no notice of the common settings of localities, so that the
// weights of these are a policy of their own around it.
func setUtilization(c *clusterv3.Cluster, u *networkingv1alpha3.LoadBalancerSettings_BackendUtilizationLB) {
	policy := balancingPolicy("envoy.load_balancing_policies.client_side_weighted_round_robin", &weightedroundrobinv3.ClientSideWeightedRoundRobin{
		BlackoutPeriod:         u.GetWeightStabilizationPeriod(),
		WeightExpirationPeriod: u.GetWeightExpirationPeriod(),
		WeightUpdatePeriod:     u.GetWeightUpdatePeriod(),
		// Istio's default is no penalty, Envoy's is the rate of errors.
		ErrorUtilizationPenalty:            wrapperspb.Float(float32(u.GetErrorUtilizationPenaltyPercent()) / 100),
		MetricNamesForComputingUtilization: u.GetMetricNamesForComputingUtilization(),
	})
	if c.GetCommonLbConfig().GetLocalityWeightedLbConfig() != nil {
		c.CommonLbConfig.LocalityConfigSpecifier = nil
		policy = balancingPolicy("envoy.load_balancing_policies.wrr_locality", &wrrlocalityv3.WrrLocality{EndpointPickingPolicy: policy})
	}
	c.LoadBalancingPolicy = policy
}

func balancingPolicy(name string, config proto.Message) *clusterv3.LoadBalancingPolicy {
	return &clusterv3.LoadBalancingPolicy{Policies: []*clusterv3.LoadBalancingPolicy_Policy{{
		TypedExtensionConfig: &corev3.TypedExtensionConfig{Name: name, TypedConfig: match.Any(config)},
	}}}
}
