// Package envoy renders what applies to a gateway as Envoy resources.
package envoy

import (
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"github.com/portreeve/portreeve/translate/diag"
)

// Resources is the whole configuration of one gateway, each list ordered by name except
// ExtensionConfigs, which stand in the order of the filter chains, HTTP first. It is immutable.
type Resources struct {
	Listeners        []*listenerv3.Listener
	Routes           []*routev3.RouteConfiguration
	Clusters         []*clusterv3.Cluster
	Endpoints        []*endpointv3.ClusterLoadAssignment
	ExtensionConfigs []*corev3.TypedExtensionConfig
	Secrets          []*tlsv3.Secret
	Trace            Trace
}

// Trace leads from what Envoy names back to what a person wrote: the name of an extension
// config (or listener, route, cluster), then the name of a rule inside it (an RBAC policy
// key such as ns[a]-policy[b]-rule[0], a jwt_authn provider key; empty for the resource
// itself), to the place of its origin. Behind the name of an RBAC policy stands the path of a
// condition in it, where that is known too.
type Trace map[string]diag.Places
