package envoy

import (
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func TestHoistRetryPolicy(t *testing.T) {
	own := defaultRetries()
	own.NumRetries = wrapperspb.UInt32(7)
	direct := &routev3.Route{Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: 200}}}
	for name, c := range map[string]struct {
		policies []*routev3.RetryPolicy
		shared   bool
	}{
		"all have the default":  {[]*routev3.RetryPolicy{defaultRetries(), defaultRetries()}, true},
		"one has another":       {[]*routev3.RetryPolicy{defaultRetries(), own}, true},
		"one has none":          {[]*routev3.RetryPolicy{defaultRetries(), nil}, false},
		"none has the default":  {[]*routev3.RetryPolicy{own}, false},
		"there are no backends": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			h := &routev3.VirtualHost{Routes: []*routev3.Route{direct}}
			for _, p := range c.policies {
				h.Routes = append(h.Routes, &routev3.Route{Action: &routev3.Route_Route{Route: &routev3.RouteAction{RetryPolicy: p}}})
			}
			hoistRetryPolicy(&routev3.RouteConfiguration{VirtualHosts: []*routev3.VirtualHost{h}}, defaultRetries())
			if got := h.GetRetryPolicy() != nil; got != c.shared {
				t.Errorf("the host has a policy: %v, want %v", got, c.shared)
			}
			for i, want := range c.policies {
				got := h.GetRoutes()[i+1].GetRoute().GetRetryPolicy()
				if got == nil {
					got = h.GetRetryPolicy() // as Envoy does
				}
				if !proto.Equal(got, want) {
					t.Errorf("route %d is tried again by %v, want %v", i, got, want)
				}
			}
		})
	}
}
