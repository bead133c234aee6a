package rbac

import (
	"net/netip"
	"strconv"
	"strings"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	networkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/common_inputs/network/v3"
	sslv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/common_inputs/ssl/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// input is what a match tree looks at.
type input struct {
	// name says what it is: the fact that it has a value depends on.
	name string
	// get returns its text.
	get func(s *traffic.Stream) text
	// metadata is set where it is no text: no matcher of texts ever matches it then.
	metadata *matcherv3.MetadataMatcher
}

// text is what an input has: nothing, a text, or what is not known.
type text struct {
	value          string
	there, unknown bool
}

func known(value string) text { return text{value: value, there: true} }

// filled is there only where it is not empty.
func filled(value string) text { return text{value: value, there: value != ""} }

// matched decides by the text, wants says by what. Where there is none nothing matches.
func (in input) matched(wants string, matches func(string) bool) predicate {
	unknown := traffic.DependsOn(in.name + " is " + wants)
	return func(s *traffic.Stream) traffic.Condition {
		t := in.get(s)
		if t.unknown {
			return unknown
		}
		return traffic.Known(t.there && matches(t.value))
	}
}

func (r reader) input(config *xdscorev3.TypedExtensionConfig) (input, error) {
	m, err := config.GetTypedConfig().UnmarshalNew()
	if err != nil {
		return input{}, notUnderstood(config)
	}
	switch m := m.(type) {
	case *matcherv3.HttpRequestHeaderMatchInput:
		return headerInput(m.GetHeaderName()), nil
	case *networkv3.FilterStateInput:
		if m.GetField() != "" {
			return input{}, notUnderstood(m)
		}
		return input{name: "filter state " + strconv.Quote(m.GetKey()), get: func(s *traffic.Stream) text {
			left, there := s.State[m.GetKey()]
			return text{left.Value, there, left.Unknown}
		}}, nil
	case *networkv3.DynamicMetadataInput:
		place := &matcherv3.MetadataMatcher{Filter: m.GetFilter()}
		for _, segment := range m.GetPath() {
			place.Path = append(place.Path, &matcherv3.MetadataMatcher_PathSegment{Segment: &matcherv3.MetadataMatcher_PathSegment_Key{Key: segment.GetKey()}})
		}
		return input{name: "metadata", metadata: place, get: func(*traffic.Stream) text { return text{} }}, nil
	default:
		return connectionInput(m)
	}
}

// headerInput is a header, all of its lines joined.
func headerInput(name string) input {
	name = strings.ToLower(name)
	return input{name: "header " + name, get: func(s *traffic.Stream) text {
		value, there := s.Headers.Joined(name)
		// Of a path whose query is not known no more is.
		return text{value, there, !there && s.Headers.Unsaid(name) || name == ":path" && s.QueryUnknown}
	}}
}

func connectionInput(m proto.Message) (input, error) {
	switch m := m.(type) {
	case *networkv3.DestinationIPInput:
		return addressInput("destination IP", destinationIP), nil
	case *networkv3.DestinationPortInput:
		return input{name: "destination port", get: func(s *traffic.Stream) text { return known(strconv.Itoa(int(s.Destination.Port()))) }}, nil
	case *networkv3.SourceIPInput:
		return addressInput("remote IP", remoteIP), nil
	case *networkv3.DirectSourceIPInput:
		return addressInput("source IP", directIP), nil
	case *networkv3.ServerNameInput:
		return input{name: "server name", get: func(s *traffic.Stream) text {
			t := filled(s.ServerName)
			t.unknown = s.ServerNameUnknown
			return t
		}}, nil
	case *sslv3.UriSanInput:
		return certificateInput("URI in the certificate", func(s *traffic.Stream) string { return strings.Join(s.URIs, ",") }), nil
	case *sslv3.DnsSanInput:
		return certificateInput("DNS name in the certificate", func(s *traffic.Stream) string { return strings.Join(s.DNSNames, ",") }), nil
	case *sslv3.SubjectInput:
		return certificateInput("subject of the certificate", func(s *traffic.Stream) string { return s.Subject }), nil
	default:
		return input{}, notUnderstood(m)
	}
}

func addressInput(name string, of func(*traffic.Stream) netip.Addr) input {
	return input{name: name, get: func(s *traffic.Stream) text {
		a := of(s)
		if !a.IsValid() {
			return text{unknown: true}
		}
		return known(a.String())
	}}
}

func certificateInput(name string, of func(*traffic.Stream) string) input {
	return input{name: name, get: func(s *traffic.Stream) text {
		t := filled(of(s))
		t.unknown = s.TLS && s.CertificateUnknown
		return t
	}}
}
