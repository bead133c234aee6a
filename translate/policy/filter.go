package policy

import (
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	rbacnetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/diag"
)

// Filter is one filter that policy is made of. It is immutable, and so is all that it holds:
// whoever wants another makes one.
type Filter struct {
	// Name is its name in the chain that gateways are served; no two of a chain have the same.
	// Errors and traces are told by it.
	Name string
	// IstioName is the name that Istio gives it, and several may have. It is empty for a filter
	// that Istio does not have.
	IstioName string
	// Config is what gateways are served. It is never nil; where nothing applies it is empty and
	// lets everything pass.
	Config proto.Message
	// IstioConfig makes what Istio writes, where that can differ from Config, and is nil otherwise. See InIstio.
	IstioConfig func() proto.Message
	// Trace leads from the names of rules in Config (of an RBAC policy, of a JWT provider) to
	// where they are written, and from the conditions of a rule, behind its name, to theirs: see SplitClause.
	Trace diag.Places
}

// InIstio returns the configuration that Istio writes.
func (f Filter) InIstio() proto.Message {
	if f.IstioConfig != nil {
		return f.IstioConfig()
	}
	return f.Config
}

// Idle reports whether nothing applies, so that the filter lets everything pass. A set of rules
// that is there and empty is something: as a list of who is allowed it lets nobody pass.
func (f Filter) Idle() bool {
	switch c := f.Config.(type) {
	case *rbachttpv3.RBAC:
		return c.GetRules() == nil && c.GetShadowRules() == nil
	case *rbacnetworkv3.RBAC:
		return c.GetRules() == nil && c.GetShadowRules() == nil
	default:
		return proto.Size(c) == 0
	}
}
