package route

import (
	"fmt"
	"maps"
	"slices"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// FilterConfig is what a route, its virtual host or the configuration say to a filter.
type FilterConfig struct {
	// Disabled says that requests pass the filter by. Where it is false the filter is switched on, also
	// one that is off by itself.
	Disabled bool
	// Config is what the filter is told, nil where nothing.
	Config *anypb.Any
}

// filterConfigs takes configurations out of what is wrapped around them.
func filterConfigs(of map[string]*anypb.Any) (map[string]FilterConfig, error) {
	if len(of) == 0 {
		return nil, nil
	}
	out := make(map[string]FilterConfig, len(of))
	for name, a := range of {
		if !a.MessageIs((*routev3.FilterConfig)(nil)) {
			out[name] = FilterConfig{Config: a}
			continue
		}
		wrapped := &routev3.FilterConfig{}
		if err := a.UnmarshalTo(wrapped); err != nil {
			return nil, fmt.Errorf("filter %s: %w", name, err)
		}
		one := FilterConfig{Disabled: wrapped.GetDisabled()}
		if !one.Disabled && wrapped.GetConfig().GetTypeUrl() != "" {
			one.Config = wrapped.GetConfig()
		}
		out[name] = one
	}
	return out, nil
}

// filters returns what a route says to filters: the narrowest of three counts, and what it leaves open the
// next one says.
func (l levels) filters(route level) map[string]FilterConfig {
	if len(l.config.filters) == 0 && len(l.host.filters) == 0 {
		return route.filters
	}
	out := map[string]FilterConfig{}
	for _, one := range []level{l.config, l.host, route} {
		for name, c := range one.filters {
			if c.Config == nil {
				c.Config = out[name].Config
			}
			out[name] = c
		}
	}
	return out
}

// Filter is what a filter is told of the route, and false where that is nothing: what holds in general
// does. Where no route is taken, and where a request is sent to TLS, filters are told nothing.
func (c Candidate) Filter(name string) (FilterConfig, bool) {
	if c.entry == nil {
		return FilterConfig{}, false
	}
	out, ok := c.entry.filters[name]
	return out, ok
}

// EachFilter visits everything that filters are told by routes, also where virtual hosts say it, so that it
// can be made ready beforehand: Filter returns the same pointers. Each is visited once, in the same order always.
func (t *Table) EachFilter(visit func(filter string, config *anypb.Any) error) error {
	seen := map[*anypb.Any]bool{}
	for _, h := range t.hosts {
		for _, e := range h.entries {
			for _, name := range slices.Sorted(maps.Keys(e.filters)) {
				c := e.filters[name].Config
				if c == nil || seen[c] {
					continue
				}
				seen[c] = true
				if err := visit(name, c); err != nil {
					return fmt.Errorf("virtual host %s: route %d: filter %s: %w", h.message.GetName(), e.index, name, err)
				}
			}
		}
	}
	return nil
}
