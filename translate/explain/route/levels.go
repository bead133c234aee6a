package route

import (
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// level is what a route, its virtual host or the whole configuration do to headers and say to filters.
type level struct {
	request, response operations
	filters           map[string]FilterConfig
}

// message is one of the three.
type message interface {
	GetRequestHeadersToAdd() []*corev3.HeaderValueOption
	GetRequestHeadersToRemove() []string
	GetResponseHeadersToAdd() []*corev3.HeaderValueOption
	GetResponseHeadersToRemove() []string
	GetTypedPerFilterConfig() map[string]*anypb.Any
}

func newLevel(m message) (level, error) {
	var out level
	var err error
	if out.request, err = operationsOf(m.GetRequestHeadersToAdd(), m.GetRequestHeadersToRemove()); err != nil {
		return level{}, err
	}
	if out.response, err = operationsOf(m.GetResponseHeadersToAdd(), m.GetResponseHeadersToRemove()); err != nil {
		return level{}, err
	}
	out.filters, err = filterConfigs(m.GetTypedPerFilterConfig())
	return out, err
}

// levels are what stands above a route.
type levels struct {
	config, host level
	// widestFirst has what is done to headers done for the configuration first, so that the route's counts.
	widestFirst bool
}

func newLevels(config *routev3.RouteConfiguration, host *routev3.VirtualHost) (levels, error) {
	out := levels{widestFirst: config.GetMostSpecificHeaderMutationsWins()}
	var err error
	if out.config, err = newLevel(config); err != nil {
		return levels{}, err
	}
	out.host, err = newLevel(host)
	return out, err
}

// operations returns what is done to headers, in order, without what does nothing.
func (l levels) operations(route level, of func(level) operations) []operations {
	order := []level{route, l.host, l.config}
	if l.widestFirst {
		order = []level{l.config, l.host, route}
	}
	var out []operations
	for _, one := range order {
		if o := of(one); !o.empty() {
			out = append(out, o)
		}
	}
	return out
}
