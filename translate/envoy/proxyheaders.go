package envoy

import (
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
)

// setProxyHeaders sets on a connection manager which headers of its own it adds, as the mesh
// configuration says. What policy sees of a request does not change.
func setProxyHeaders(out *hcmv3.HttpConnectionManager, mesh *meshv1alpha1.MeshConfig) {
	headers := mesh.GetDefaultConfig().GetProxyHeaders()
	if name := headers.GetServer().GetValue(); name != "" {
		out.ServerName = name
	}
	if headers.GetServer().GetDisabled().GetValue() {
		out.ServerHeaderTransformation = hcmv3.HttpConnectionManager_PASS_THROUGH
	}
	if headers.GetRequestId().GetDisabled().GetValue() {
		out.GenerateRequestId = wrapperspb.Bool(false)
	}
	out.AppendXForwardedPort = headers.GetXForwardedPort().GetEnabled().GetValue()
}

// router is the filter that sends requests on. It tells of the time that a backend took and
// the like, unless the mesh configuration switches that off.
func router(mesh *meshv1alpha1.MeshConfig) *routerv3.Router {
	return &routerv3.Router{SuppressEnvoyHeaders: mesh.GetDefaultConfig().GetProxyHeaders().GetEnvoyDebugHeaders().GetDisabled().GetValue()}
}

// countsAttempts reports whether backends are told how often a request was sent.
func countsAttempts(mesh *meshv1alpha1.MeshConfig) bool {
	return !mesh.GetDefaultConfig().GetProxyHeaders().GetAttemptCount().GetDisabled().GetValue()
}

// tellsHost reports whether backends are told the host that a client asked for, where it is rewritten.
func tellsHost(mesh *meshv1alpha1.MeshConfig) bool {
	return mesh.GetDefaultConfig().GetProxyHeaders().GetXForwardedHost().GetEnabled().GetValue()
}
