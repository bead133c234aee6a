package explain

import (
	"fmt"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	dfphttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/dynamic_forward_proxy/v3"
	faultv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	setfilterstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/set_filter_state/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/explain/route"
)

// manager is a connection manager, made ready.
type manager struct {
	config *hcmv3.HttpConnectionManager
	paths  pathForm
	// upgrades are the protocols that requests may change to.
	upgrades []string
	routes   *route.Table
	// named is the name of the routes.
	named   string
	filters []filter
}

func (b *builder) manager(c *hcmv3.HttpConnectionManager) (*manager, error) {
	config := c.GetRouteConfig()
	if config == nil {
		config = b.routes[c.GetRds().GetRouteConfigName()]
	}
	if config == nil {
		return nil, fmt.Errorf("there are no routes %s", c.GetRds().GetRouteConfigName())
	}
	table, err := b.table(config)
	if err != nil {
		return nil, err
	}
	out := &manager{config: c, routes: table, named: config.GetName(), paths: pathForm{
		normalizes: c.GetNormalizePath().GetValue(), mergesSlashes: c.GetMergeSlashes(), escaped: c.GetPathWithEscapedSlashesAction(),
	}}
	for _, u := range c.GetUpgradeConfigs() {
		out.upgrades = append(out.upgrades, u.GetUpgradeType())
	}
	for _, f := range c.GetHttpFilters() {
		filters, err := b.filtersOf(f, table)
		if err != nil {
			return nil, err
		}
		out.filters = append(out.filters, filters...)
	}
	return out, nil
}

// filtersOf makes an entry of a connection manager ready.
func (b *builder) filtersOf(f *hcmv3.HttpFilter, table *route.Table) ([]filter, error) {
	typed := f.GetTypedConfig()
	if f.GetConfigDiscovery() != nil {
		typed = b.extensions[f.GetName()].GetTypedConfig()
	}
	return b.httpFilters(f.GetName(), typed, table)
}

func (b *builder) table(c *routev3.RouteConfiguration) (*route.Table, error) {
	if t, ok := b.tables[c]; ok {
		return t, nil
	}
	t, err := route.New(c)
	if err != nil {
		return nil, fmt.Errorf("routes %s: %w", c.GetName(), err)
	}
	if err := t.EachFilter(b.toldToFilter); err != nil {
		return nil, fmt.Errorf("routes %s: %w", c.GetName(), err)
	}
	b.tables[c] = t
	return t, nil
}

// toldToFilter holds that a route tells filters only what is understood: it could switch a rule off.
func (b *builder) toldToFilter(filter string, config *anypb.Any) error {
	m, err := b.unpack("filter "+filter, config)
	if err != nil {
		return err
	}
	switch m.(type) {
	case *faultv3.HTTPFault, *corsv3.CorsPolicy, *dfphttpv3.PerRouteConfig, *setfilterstatev3.Config:
		return nil
	default:
		return notUnderstood("filter "+filter, m)
	}
}
