package matchers

import (
	"slices"
	"strings"

	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// payloadNamespace and payloadKey are where jwt_authn leaves what a token says.
const (
	payloadNamespace = "envoy.filters.http.jwt_authn"
	payloadKey       = "payload"
)

// Metadata is a matcher of dynamic metadata: claims.
func Metadata(m *matcherv3.MetadataMatcher) (Matcher, error) {
	place := metadataPlace{namespace: m.GetFilter()}
	for _, segment := range m.GetPath() {
		place.path = append(place.path, segment.GetKey())
	}
	place.subject = metadataSubject(place.namespace, place.path)
	value, err := valueOf(place.subject, m.GetValue())
	if err != nil {
		return Matcher{}, err
	}
	inverted := inversion(m.GetInvert())
	decide := func(s *traffic.Stream) traffic.Condition { return inverted.of(place.decide(s, value.decide)) }
	saw := func(s *traffic.Stream) string { return place.saw(s, value.kinds) }
	return about(place.subject, inverted.said(Objects(value.objects)), decide, saw), nil
}

// metadataSubject names a place in the metadata: that of a claim in a token by the claim.
func metadataSubject(namespace string, path []string) string {
	if namespace != payloadNamespace || len(path) < 2 || !strings.HasPrefix(path[0], payloadKey) {
		return "metadata " + namespace + keys(path)
	}
	out := "claim " + path[1] + keys(path[2:])
	if path[0] != payloadKey {
		out += " of the token under " + path[0]
	}
	return out
}

func keys(path []string) string {
	out := ""
	for _, key := range path {
		out += "[" + key + "]"
	}
	return out
}

// metadataPlace is where a value stands in the metadata.
type metadataPlace struct {
	namespace string
	path      []string
	subject   string
}

// absent stands for a value that is not there.
type absent struct{}

// decide decides by the value at the place, whichever it is.
func (p *metadataPlace) decide(s *traffic.Stream, decide func(any) traffic.Condition) traffic.Condition {
	value := p.in(s)
	choice, ok := value.(traffic.Choice)
	if !ok {
		return decide(value)
	}
	c := decide(absent{})
	for _, one := range slices.Backward(choice) {
		c = one.If.Then(decide(one.Value), c)
	}
	return c
}

// in returns the value at a place: absent where there is none, traffic.Unknown where that is not known.
func (p *metadataPlace) in(s *traffic.Stream) any {
	object, there := s.Metadata[p.namespace]
	if !there || len(p.path) == 0 {
		return absent{}
	}
	last := len(p.path) - 1
	for _, key := range p.path[:last] {
		value := field(object, key)
		if object, there = value.(traffic.Object); there {
			continue
		}
		if _, unknown := value.(traffic.Unknown); unknown {
			return value
		}
		return absent{}
	}
	return field(object, p.path[last])
}

// field returns a field of an object, which may be one that is not said to be there.
func field(object traffic.Object, key string) any {
	value, there := object.Fields[key]
	switch {
	case there:
		return value
	case object.Open:
		return traffic.Unknown{}
	default:
		return absent{}
	}
}

// saw says what is at a place; kinds are those that could match.
func (p *metadataPlace) saw(s *traffic.Stream, kinds string) string {
	switch v := p.in(s).(type) {
	case absent:
		return p.missing(s)
	case traffic.Unknown, traffic.Choice:
		return p.subject + " is not known"
	case string:
		return spoken(v)
	case []any:
		return spokenList(v)
	default:
		return p.subject + " is " + kindOf(v) + kinds
	}
}

func (p *metadataPlace) missing(s *traffic.Stream) string {
	if p.namespace == payloadNamespace && len(p.path) > 1 {
		if _, verified := s.Metadata[p.namespace].Fields[p.path[0]]; !verified {
			return "no verified token"
		}
	}
	return "no " + p.subject
}

// MetadataAt returns what stands at a place of the dynamic metadata, in the forms of traffic.Object, and whether
// anything may.
func MetadataAt(s *traffic.Stream, namespace string, path []string) (any, bool) {
	value := (&metadataPlace{namespace: namespace, path: path}).in(s)
	return value, value != absent{}
}
