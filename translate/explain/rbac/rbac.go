// Package rbac decides as Envoy's RBAC filters do, that of requests and that of connections.
package rbac

import (
	"errors"

	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	rbacnetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// Filter is an RBAC filter, made ready. It is immutable and safe for concurrent use.
type Filter struct{}

// HTTP makes a filter of requests ready; name is its name in the chain, by which its findings are told.
func HTTP(name string, config *rbachttpv3.RBAC) (*Filter, error) {
	return nil, errors.New("not built yet")
}

// Network makes a filter of connections ready.
func Network(name string, config *rbacnetworkv3.RBAC) (*Filter, error) {
	return nil, errors.New("not built yet")
}

// Decide takes a request, or a connection, through the filter: dynamic metadata is written as Envoy writes it.
func (f *Filter) Decide(s *traffic.Stream) traffic.Effect { return traffic.Effect{} }
