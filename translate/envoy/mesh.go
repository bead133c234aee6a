package envoy

import (
	"slices"
	"strings"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	proxyprotocolv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/proxy_protocol/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
)

// meshConfig returns what the mesh configuration says, which may be nil: every getter of it
// then returns the zero value.
func meshConfig(v model.View) *meshv1alpha1.MeshConfig {
	if v.Mesh == nil {
		return nil
	}
	return v.Mesh.Config
}

// setMeshManager sets on a connection manager what the mesh configuration decides: the form
// of the path that policies see, whose address counts as the client's, and what is told of
// the client's certificate. A dot at the end of the host is taken off whatever it says: the
// two names are one to many backends, and a rule about the host would see another than they.
func setMeshManager(out *hcmv3.HttpConnectionManager, mesh *meshv1alpha1.MeshConfig) {
	out.StripTrailingHostDot = true
	normalize(out, mesh.GetPathNormalization())
	topology := mesh.GetDefaultConfig().GetGatewayTopology()
	// The address of the connection counts, or with trusted proxies in front the entry of
	// x-forwarded-for that the farthest of them wrote. Where the header has fewer entries
	// Envoy takes the connection's: a client that comes by another way gains nothing.
	out.UseRemoteAddress = wrapperspb.Bool(true)
	out.XffNumTrustedHops = topology.GetNumTrustedProxies()
	out.ForwardClientCertDetails = forwardedCertificate(topology.GetForwardClientCertDetails())
	setProxyHeaders(out, mesh)
}

// normalize mirrors MeshConfig.pathNormalization. Where nothing is chosen, escaped slashes
// are decoded and slashes merged before policies see the path, so that /a//b and /a%2fb
// cannot pass by a rule about /a/b; Istio's own default, BASE, lets them.
func normalize(out *hcmv3.HttpConnectionManager, chosen *meshv1alpha1.MeshConfig_ProxyPathNormalization) {
	mode := meshv1alpha1.MeshConfig_ProxyPathNormalization_DECODE_AND_MERGE_SLASHES
	if chosen != nil {
		mode = chosen.GetNormalization()
	}
	out.NormalizePath = wrapperspb.Bool(mode != meshv1alpha1.MeshConfig_ProxyPathNormalization_NONE)
	switch mode {
	case meshv1alpha1.MeshConfig_ProxyPathNormalization_DECODE_AND_MERGE_SLASHES:
		out.MergeSlashes = true
		out.PathWithEscapedSlashesAction = hcmv3.HttpConnectionManager_UNESCAPE_AND_FORWARD
	case meshv1alpha1.MeshConfig_ProxyPathNormalization_MERGE_SLASHES:
		out.MergeSlashes = true
	}
}

// forwardedCertificate mirrors gatewayTopology.forwardClientCertDetails. What is not known
// is SANITIZE_SET: a client's own header goes no further.
func forwardedCertificate(d meshv1alpha1.ForwardClientCertDetails) hcmv3.HttpConnectionManager_ForwardClientCertDetails {
	switch d {
	case meshv1alpha1.ForwardClientCertDetails_SANITIZE:
		return hcmv3.HttpConnectionManager_SANITIZE
	case meshv1alpha1.ForwardClientCertDetails_FORWARD_ONLY:
		return hcmv3.HttpConnectionManager_FORWARD_ONLY
	case meshv1alpha1.ForwardClientCertDetails_APPEND_FORWARD:
		return hcmv3.HttpConnectionManager_APPEND_FORWARD
	case meshv1alpha1.ForwardClientCertDetails_ALWAYS_FORWARD_ONLY:
		return hcmv3.HttpConnectionManager_ALWAYS_FORWARD_ONLY
	default:
		return hcmv3.HttpConnectionManager_SANITIZE_SET
	}
}

// setMeshListener sets on a listener what the mesh configuration decides. It is called last.
func setMeshListener(out *listenerv3.Listener, mesh *meshv1alpha1.MeshConfig) {
	if mesh.GetDefaultConfig().GetGatewayTopology().GetProxyProtocol() != nil {
		// First of the listener filters: what the others look at begins behind its header. A
		// connection without the header is closed, since its address could be anybody's.
		out.ListenerFilters = slices.Insert(out.ListenerFilters, 0, &listenerv3.ListenerFilter{
			Name:       "envoy.filters.listener.proxy_protocol",
			ConfigType: &listenerv3.ListenerFilter_TypedConfig{TypedConfig: match.Any(&proxyprotocolv3.ProxyProtocol{})},
		})
	}
}

// upgrades reports whether a backend is spoken to in HTTP/2 without saying that it speaks
// it: as the DestinationRule says, or else the mesh for ports that are said to speak HTTP.
func upgrades(u upstream, policy networkingv1alpha3.ConnectionPoolSettings_HTTPSettings_H2UpgradePolicy) bool {
	switch policy {
	case networkingv1alpha3.ConnectionPoolSettings_HTTPSettings_UPGRADE:
		return true
	case networkingv1alpha3.ConnectionPoolSettings_HTTPSettings_DO_NOT_UPGRADE:
		return false
	default:
		said := strings.ToUpper(u.port.Protocol)
		return meshConfig(u.view).GetH2UpgradePolicy() == meshv1alpha1.MeshConfig_UPGRADE && (said == "HTTP" || said == "GRPC-WEB")
	}
}

// setMeshCluster sets on a cluster what the mesh configuration says of connections.
func setMeshCluster(out *clusterv3.Cluster, mesh *meshv1alpha1.MeshConfig) {
	if t := mesh.GetConnectTimeout(); t != nil {
		out.ConnectTimeout = t
	}
	if k := mesh.GetTcpKeepalive(); k != nil {
		setKeepalive(out, k)
	}
}
