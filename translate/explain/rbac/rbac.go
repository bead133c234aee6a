// Package rbac decides as Envoy's RBAC filters do, that of requests and that of connections.
//
//	permissions, principals ─▶ clause ─▶ rules ─┐
//	match tree ────────────────────────▶ tree ──┴▶ Filter ─ Decide(stream) ─▶ Effect
//
// Every rule leaves a finding, whether it decides or not. A rule that is not understood is an error where the
// filter is made ready, so that none is taken for one that never matches.
package rbac

import (
	"fmt"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	rbacnetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"

	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// The namespaces of dynamic metadata that the filters write.
const (
	httpNamespace    = "envoy.filters.http.rbac"
	networkNamespace = "envoy.filters.network.rbac"
	commonNamespace  = "envoy.common"
)

// customPrefix is the prefix of shadow rules that only find out whether an authorizer is asked.
const customPrefix = "istio_ext_authz_"

// Filter is an RBAC filter, made ready. It is immutable and safe for concurrent use.
type Filter struct {
	name, namespace string
	// enforced and shadow are nil where the filter has none.
	enforced, shadow engine
	// prefix begins the keys under which shadow rules leave what they found, enforcedPrefix those of the
	// others, of which only the filter of requests leaves any.
	prefix, enforcedPrefix string
	reply                  traffic.Reply
}

// engine decides by rules or by a tree. It appends what it finds to the findings of the stream.
type engine func(s *traffic.Stream) decision

// HTTP makes a filter of requests ready; name is its name in the chain, by which its findings are told.
func HTTP(name string, config *rbachttpv3.RBAC) (*Filter, error) {
	f := &Filter{
		name: name, namespace: httpNamespace,
		prefix: config.GetShadowRulesStatPrefix(), enforcedPrefix: config.GetRulesStatPrefix(),
		reply: traffic.Reply{Status: 403, Body: "RBAC: access denied"},
	}
	r := reader{header: matchers.Header}
	return f, f.read(r, source{config.GetRules(), config.GetMatcher()}, source{config.GetShadowRules(), config.GetShadowMatcher()})
}

// Network makes a filter of connections ready.
func Network(name string, config *rbacnetworkv3.RBAC) (*Filter, error) {
	f := &Filter{name: name, namespace: networkNamespace, prefix: config.GetShadowRulesStatPrefix()}
	r := reader{header: noHeader}
	return f, f.read(r, source{config.GetRules(), config.GetMatcher()}, source{config.GetShadowRules(), config.GetShadowMatcher()})
}

// source is what an engine is made of. Rules count for nothing beside a tree.
type source struct {
	rules *rbacv3.RBAC
	tree  *xdsmatcherv3.Matcher
}

func (f *Filter) read(r reader, enforced, shadow source) error {
	var err error
	if f.enforced, err = r.engine(enforced, f.name, kinds{traffic.Denies, traffic.Allows, traffic.Audits}); err != nil {
		return fmt.Errorf("read the rules of %s: %w", f.name, err)
	}
	told := kinds{traffic.WouldDeny, traffic.WouldAllow, traffic.Audits}
	if f.prefix == customPrefix {
		told = kinds{traffic.Asks, traffic.Asks, traffic.Asks}
	}
	if f.shadow, err = r.engine(shadow, f.name, told); err != nil {
		return fmt.Errorf("read the shadow rules of %s: %w", f.name, err)
	}
	return nil
}

func (r reader) engine(c source, filter string, told kinds) (engine, error) {
	switch {
	case c.tree != nil:
		return r.tree(filter, c.tree, told)
	case c.rules != nil:
		return r.rules(filter, c.rules, told)
	default:
		// Without either everything passes.
		return nil, nil
	}
}

// kinds says how the rules of each action are told.
type kinds struct{ denies, allows, logs traffic.Kind }

func (k kinds) of(action rbacv3.RBAC_Action) traffic.Kind {
	switch action {
	case rbacv3.RBAC_DENY:
		return k.denies
	case rbacv3.RBAC_LOG:
		return k.logs
	default:
		return k.allows
	}
}

// Decide takes a request, or a connection, through the filter: dynamic metadata is written as Envoy writes it.
func (f *Filter) Decide(s *traffic.Stream) traffic.Effect {
	left := traffic.Object{}
	if f.shadow != nil {
		f.shadow(s).leave(&left, s.Metadata[f.namespace], f.prefix+"shadow_")
	}
	if f.enforced == nil {
		write(s, f.namespace, left)
		return traffic.Effect{}
	}
	d := f.enforced(s)
	if f.namespace == httpNamespace {
		d.leave(&left, s.Metadata[f.namespace], f.enforcedPrefix+"enforced_")
	}
	write(s, f.namespace, left)
	if d.logs {
		write(s, commonNamespace, traffic.Object{Fields: map[string]any{"access_log_hint": either(d.logged, true, false)}})
	}
	stops := d.allowed.Not()
	if stops.Fails() {
		return traffic.Effect{}
	}
	reply := f.reply
	reply.Details = d.details()
	return traffic.Effect{Stops: stops, Reply: reply}
}

// write merges into a namespace of the dynamic metadata, of which others may hold what was there.
func write(s *traffic.Stream, namespace string, left traffic.Object) {
	if len(left.Fields) == 0 {
		return
	}
	before := s.Metadata[namespace]
	for key, value := range before.Fields {
		if _, written := left.Fields[key]; !written {
			left.Fields[key] = value
		}
	}
	left.Open = before.Open
	if s.Metadata == nil {
		s.Metadata = map[string]traffic.Object{}
	}
	s.Metadata[namespace] = left
}
