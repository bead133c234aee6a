package rbac

import (
	"net/netip"
	"slices"
	"strconv"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"

	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

func (r reader) principals(path string, of []*rbacv3.Principal) (*clause, error) {
	clauses, err := r.eachPrincipal(path, of)
	return some(path, clauses), err
}

func (r reader) eachPrincipal(path string, of []*rbacv3.Principal) ([]*clause, error) {
	var out []*clause
	for i, one := range of {
		c, err := r.principal(path+"["+strconv.Itoa(i)+"]", one)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

func (r reader) principal(path string, p *rbacv3.Principal) (*clause, error) {
	switch id := p.GetIdentifier().(type) {
	case *rbacv3.Principal_Any:
		return constant(path, true), nil
	case *rbacv3.Principal_AndIds:
		clauses, err := r.eachPrincipal(path+".AndIds.Ids", id.AndIds.GetIds())
		return all(path, clauses), err
	case *rbacv3.Principal_OrIds:
		clauses, err := r.eachPrincipal(path+".OrIds.Ids", id.OrIds.GetIds())
		return some(path, clauses), err
	case *rbacv3.Principal_NotId:
		of, err := r.principal(path+".NotId", id.NotId)
		if err != nil {
			return nil, err
		}
		return not(path, of), nil
	default:
		m, err := r.principalMatcher(p)
		return r.leaf(path, m, err)
	}
}

// principalMatcher has no source_ip: what Envoy takes it for where there is a PROXY protocol is neither of
// the addresses of a connection, and nothing renders it.
func (r reader) principalMatcher(p *rbacv3.Principal) (matchers.Matcher, error) {
	switch id := p.GetIdentifier().(type) {
	case *rbacv3.Principal_Header:
		return r.header(id.Header)
	case *rbacv3.Principal_UrlPath:
		return matchers.Path(id.UrlPath)
	case *rbacv3.Principal_Authenticated_:
		return authenticated(id.Authenticated)
	case *rbacv3.Principal_DirectRemoteIp:
		return matchers.Address("source IP", id.DirectRemoteIp, directIP)
	case *rbacv3.Principal_RemoteIp:
		return matchers.Address("remote IP", id.RemoteIp, remoteIP)
	case *rbacv3.Principal_FilterState:
		return filterState(id.FilterState)
	case *rbacv3.Principal_Metadata:
		return matchers.Metadata(id.Metadata) //nolint:staticcheck // Envoy still takes it
	case *rbacv3.Principal_SourcedMetadata:
		return sourced(id.SourcedMetadata)
	default:
		return matchers.Matcher{}, notUnderstood(p)
	}
}

func directIP(s *traffic.Stream) netip.Addr { return s.Direct.Addr() }
func remoteIP(s *traffic.Stream) netip.Addr { return s.Remote.Addr() }

// authenticated matches a peer by any of the names in its certificate, or by its subject. Without a name
// it asks for TLS alone, which no certificate need come with.
func authenticated(m *rbacv3.Principal_Authenticated) (matchers.Matcher, error) {
	if m.GetPrincipalName() == nil {
		return matchers.Matcher{
			Wants: "connection is TLS", Subject: "connection", Object: "TLS",
			Decide: func(s *traffic.Stream) traffic.Condition { return traffic.Known(s.TLS) },
			Saw:    func(*traffic.Stream) string { return "no TLS" },
		}, nil
	}
	out, err := matchers.Texts("peer", "no client certificate", m.GetPrincipalName(), peer)
	decide := out.Decide
	out.Decide = func(s *traffic.Stream) traffic.Condition {
		if !s.TLS {
			return traffic.Known(false)
		}
		return decide(s)
	}
	return out, err
}

// peer returns the names of the peer. One without a certificate has an empty subject.
func peer(s *traffic.Stream) ([]string, bool) {
	return append(slices.Concat(s.URIs, s.DNSNames), s.Subject), !s.CertificateUnknown
}
