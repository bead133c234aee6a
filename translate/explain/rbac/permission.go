package rbac

import (
	"fmt"
	"net/netip"
	"strconv"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// reader makes rules and trees ready.
type reader struct {
	// header makes a condition of a header ready, or refuses it.
	header func(*routev3.HeaderMatcher) (matchers.Matcher, error)
}

// noHeader refuses what Envoy refuses where there are no requests.
func noHeader(m *routev3.HeaderMatcher) (matchers.Matcher, error) {
	return matchers.Matcher{}, fmt.Errorf("header %s on a connection: %w", m.GetName(), errNotUnderstood)
}

func notUnderstood(m proto.Message) error {
	return fmt.Errorf("%s of %.200v: %w", m.ProtoReflect().Descriptor().Name(), m, errNotUnderstood)
}

// leaf is the clause of a single condition.
func (r reader) leaf(path string, m matchers.Matcher, err error) (*clause, error) {
	if err != nil {
		return nil, err
	}
	return leaf(path, m), nil
}

func (r reader) permissions(path string, of []*rbacv3.Permission) (*clause, error) {
	clauses, err := r.eachPermission(path, of)
	return some(path, clauses), err
}

func (r reader) eachPermission(path string, of []*rbacv3.Permission) ([]*clause, error) {
	var out []*clause
	for i, one := range of {
		c, err := r.permission(path+"["+strconv.Itoa(i)+"]", one)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func (r reader) permission(path string, p *rbacv3.Permission) (*clause, error) {
	switch rule := p.GetRule().(type) {
	case *rbacv3.Permission_Any:
		// Envoy does not look at its value.
		return constant(path, true), nil
	case *rbacv3.Permission_AndRules:
		clauses, err := r.eachPermission(path+".AndRules.Rules", rule.AndRules.GetRules())
		return all(path, clauses), err
	case *rbacv3.Permission_OrRules:
		clauses, err := r.eachPermission(path+".OrRules.Rules", rule.OrRules.GetRules())
		return some(path, clauses), err
	case *rbacv3.Permission_NotRule:
		of, err := r.permission(path+".NotRule", rule.NotRule)
		if err != nil {
			return nil, err
		}
		return not(path, of), nil
	default:
		m, err := r.permissionMatcher(p)
		return r.leaf(path, m, err)
	}
}

func (r reader) permissionMatcher(p *rbacv3.Permission) (matchers.Matcher, error) {
	switch rule := p.GetRule().(type) {
	case *rbacv3.Permission_Header:
		return r.header(rule.Header)
	case *rbacv3.Permission_UrlPath:
		return matchers.Path(rule.UrlPath)
	case *rbacv3.Permission_UriTemplate:
		return matchers.PathTemplate(rule.UriTemplate)
	case *rbacv3.Permission_DestinationIp:
		return matchers.Address("destination IP", rule.DestinationIp, destinationIP)
	case *rbacv3.Permission_DestinationPort:
		return port(int(rule.DestinationPort), int(rule.DestinationPort)), nil
	case *rbacv3.Permission_DestinationPortRange:
		return port(int(rule.DestinationPortRange.GetStart()), int(rule.DestinationPortRange.GetEnd())-1), nil
	case *rbacv3.Permission_Metadata:
		return matchers.Metadata(rule.Metadata) //nolint:staticcheck // Envoy still takes it
	case *rbacv3.Permission_SourcedMetadata:
		return sourced(rule.SourcedMetadata)
	case *rbacv3.Permission_RequestedServerName:
		return matchers.Texts("server name", "no server name", rule.RequestedServerName, serverName)
	default:
		return matchers.Matcher{}, notUnderstood(p)
	}
}

// sourced matches dynamic metadata. That of routes is never rendered.
func sourced(m *rbacv3.SourcedMetadata) (matchers.Matcher, error) {
	if m.GetMetadataSource() != rbacv3.MetadataSource_DYNAMIC {
		return matchers.Matcher{}, notUnderstood(m)
	}
	return matchers.Metadata(m.GetMetadataMatcher())
}

func destinationIP(s *traffic.Stream) netip.Addr { return s.Destination.Addr() }

func serverName(s *traffic.Stream) ([]string, bool) {
	return []string{s.ServerName}, !s.ServerNameUnknown
}

// port matches the port that the connection came in on: one of those from the first to the last.
func port(first, last int) matchers.Matcher {
	object := strconv.Itoa(first)
	if last != first {
		object = fmt.Sprintf("from %d to %d", first, last)
	}
	m := matchers.Matcher{Subject: "destination port", Object: object, Wants: "destination port is " + object}
	m.Decide = func(s *traffic.Stream) traffic.Condition {
		p := int(s.Destination.Port())
		return traffic.Known(first <= p && p <= last)
	}
	m.Saw = func(s *traffic.Stream) string { return strconv.Itoa(int(s.Destination.Port())) }
	return m
}
