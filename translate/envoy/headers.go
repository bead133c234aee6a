package envoy

import (
	"maps"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// headers is what a route does to headers, in Envoy's words.
type headers struct {
	addToRequest, addToResponse           []*corev3.HeaderValueOption
	removeFromRequest, removeFromResponse []string
	// authority is the host that the backend is told, or empty.
	authority string
}

func headersOf(h *networkingv1alpha3.Headers) headers {
	if h == nil {
		return headers{} // as most routes: an edit among thousands renders them all
	}
	request, response := h.GetRequest(), h.GetResponse()
	out := headers{
		addToRequest:       append(replaced(setHeaders(request.GetSet())), addHeaders(request.GetAdd())...),
		addToResponse:      append(setHeaders(response.GetSet()), addHeaders(response.GetAdd())...),
		removeFromRequest:  changeable(request.GetRemove()),
		removeFromResponse: changeable(response.GetRemove()),
	}
	for _, values := range []map[string]string{request.GetAdd(), request.GetSet()} {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if resource.IsAuthority(name) {
				out.authority = values[name]
			}
		}
	}
	return out
}

// and returns what both do. The host of the first counts.
func (h headers) and(o headers) headers {
	h.addToRequest = append(h.addToRequest, o.addToRequest...)
	h.addToResponse = append(h.addToResponse, o.addToResponse...)
	h.removeFromRequest = append(h.removeFromRequest, o.removeFromRequest...)
	h.removeFromResponse = append(h.removeFromResponse, o.removeFromResponse...)
	if h.authority == "" {
		h.authority = o.authority
	}
	return h
}

func setHeaders(values map[string]string) []*corev3.HeaderValueOption {
	return headerOptions(values, corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD)
}

func addHeaders(values map[string]string) []*corev3.HeaderValueOption {
	return headerOptions(values, corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD)
}

// replaced writes headers of a request even where their value turns out empty. Otherwise
// Envoy, and so Istio, leaves what the client has sent: one who has no token could write
// himself the header that is set from a claim of it.
func replaced(options []*corev3.HeaderValueOption) []*corev3.HeaderValueOption {
	for _, o := range options {
		o.KeepEmptyValue = true
	}
	return options
}

// headerOptions are in the order of the names.
func headerOptions(values map[string]string, action corev3.HeaderValueOption_HeaderAppendAction) []*corev3.HeaderValueOption {
	var out []*corev3.HeaderValueOption
	for _, name := range changeable(slices.Sorted(maps.Keys(values))) {
		out = append(out, &corev3.HeaderValueOption{
			Header:       &corev3.HeaderValue{Key: name, Value: values[name]},
			AppendAction: action,
		})
	}
	return out
}

// changeable returns the names of ordinary headers. The host is rewritten by other means,
// and the other pseudo headers are refused by validation.
func changeable(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return strings.HasPrefix(name, ":") || resource.IsAuthority(name)
	})
}

// onlyDestination returns the one destination of a route that receives traffic.
func onlyDestination(http *networkingv1alpha3.HTTPRoute) *networkingv1alpha3.HTTPRouteDestination {
	for _, d := range http.GetRoute() {
		if model.Receives(http.GetRoute(), d) {
			return d
		}
	}
	return nil
}

// setDestinationHeaders sets what is done for each of several destinations; targets are
// those that receive traffic, in the order of the route.
func setDestinationHeaders(targets []*routev3.WeightedCluster_ClusterWeight, http *networkingv1alpha3.HTTPRoute) {
	i := 0
	for _, d := range http.GetRoute() {
		if !model.Receives(http.GetRoute(), d) {
			continue
		}
		h, t := headersOf(d.GetHeaders()), targets[i]
		t.RequestHeadersToAdd, t.RequestHeadersToRemove = h.addToRequest, h.removeFromRequest
		t.ResponseHeadersToAdd, t.ResponseHeadersToRemove = h.addToResponse, h.removeFromResponse
		if h.authority != "" {
			t.HostRewriteSpecifier = &routev3.WeightedCluster_ClusterWeight_HostRewriteLiteral{HostRewriteLiteral: h.authority}
		}
		i++
	}
}
