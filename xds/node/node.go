// Package node reads who an Envoy is from the node that it presents on a discovery stream.
//
// A gateway is identified as Istio identifies a workload: by the namespace and the labels of
// its node. Gateways with equal namespace and labels form one [Group] and share one snapshot.
package node

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/portreeve/portreeve/translate/model"
)

// form is what the id of a node must look like; every message about an id ends with it.
const form = "router~IP~NAME.NAMESPACE~DOMAIN"

// Identity is who one Envoy says that it is.
type Identity struct {
	// ID is the id of the node, as Envoy sent it.
	ID string
	// Name is the NAME part of the id.
	Name string
	// Envoy is which Envoy it is, as far as it says so.
	Envoy Release
	// Group is the set of gateways that this one shares its configuration with.
	Group Group
}

// Parse reads the identity of a gateway from its node: the id has the form
// router~IP~NAME.NAMESPACE~DOMAIN, metadata LABELS are the workload's labels (absent: none) and
// metadata NAMESPACE, where present and not empty, wins over the namespace of the id, as in Istio.
// NAME may hold dots; NAMESPACE is what follows the last one. DOMAIN is not looked at. Which Envoy it
// is may be missing, and does not make another group.
//
// Anything else is an error that says what was found and what would be accepted, in a bounded
// number of bytes. It fails closed: no part of a node is guessed or cut, so no gateway gets the
// policy of another one.
func Parse(n *corev3.Node) (Identity, error) {
	if n == nil {
		return Identity{}, errors.New("the first request of the stream has no node, want one with the id " + form)
	}
	if err := bounded(n); err != nil {
		return Identity{}, err
	}
	name, namespace, err := parseID(n.GetId())
	if err != nil {
		return Identity{}, err
	}
	fields := n.GetMetadata().GetFields()
	if namespace, err = parseNamespace(fields["NAMESPACE"], namespace); err != nil {
		return Identity{}, err
	}
	labels, err := parseLabels(fields["LABELS"])
	if err != nil {
		return Identity{}, err
	}
	group := Of(model.Gateway{Namespace: namespace, Labels: labels, Locality: localityOf(n.GetLocality())})
	return Identity{ID: n.GetId(), Name: name, Envoy: releaseOf(n), Group: group}, nil
}

// localityOf writes where a node runs as region/zone/subzone, as far as it says so.
func localityOf(l *corev3.Locality) string {
	switch {
	case l.GetRegion() == "":
		return ""
	case l.GetZone() == "":
		return l.GetRegion()
	case l.GetSubZone() == "":
		return l.GetRegion() + "/" + l.GetZone()
	default:
		return l.GetRegion() + "/" + l.GetZone() + "/" + l.GetSubZone()
	}
}

// parseID splits an id into NAME and NAMESPACE; the namespace may be missing here, since
// metadata may hold it.
func parseID(id string) (name, namespace string, err error) {
	parts := strings.Split(id, "~")
	if len(parts) != 4 {
		return "", "", fmt.Errorf("node id %q has %d part(s), want the 4 of %s", Cut(id), len(parts), form)
	}
	if parts[0] != "router" {
		return "", "", fmt.Errorf("node id %q is of type %q, want a gateway: %s", Cut(id), Cut(parts[0]), form)
	}
	if _, err := netip.ParseAddr(parts[1]); err != nil {
		return "", "", fmt.Errorf("node id %q: %q is not an IP address, want %s", Cut(id), Cut(parts[1]), form)
	}
	name = parts[2]
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name, namespace = name[:i], name[i+1:]
	}
	if name == "" {
		return "", "", fmt.Errorf("node id %q has no name, want %s", Cut(id), form)
	}
	return name, namespace, nil
}

// parseNamespace returns the namespace of metadata, or else that of the id.
func parseNamespace(v *structpb.Value, fromID string) (string, error) {
	namespace, where := fromID, "node id"
	switch k := v.GetKind().(type) {
	case nil, *structpb.Value_NullValue:
	case *structpb.Value_StringValue:
		if k.StringValue != "" {
			namespace, where = k.StringValue, "node metadata NAMESPACE"
		}
	default:
		return "", fmt.Errorf("node metadata NAMESPACE is %s, want a string", kindOf(v))
	}
	if namespace == "" {
		return "", errors.New("the node has no namespace, want metadata NAMESPACE or an id of the form " + form)
	}
	if !isNamespace(namespace) {
		return "", fmt.Errorf("%s: %q is not a namespace, want at most 63 of a-z, 0-9 and -, beginning and ending with a letter or digit", where, Cut(namespace))
	}
	return namespace, nil
}

// isNamespace reports whether s is a DNS label, which is what Kubernetes accepts for a namespace.
func isNamespace(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' || s[len(s)-1] == '-' {
		return false
	}
	return strings.IndexFunc(s, func(r rune) bool {
		return r != '-' && (r < 'a' || r > 'z') && (r < '0' || r > '9')
	}) < 0
}

// parseLabels returns the labels of metadata; absent or null means that the workload has none.
func parseLabels(v *structpb.Value) (map[string]string, error) {
	switch v.GetKind().(type) {
	case nil, *structpb.Value_NullValue:
		return map[string]string{}, nil
	case *structpb.Value_StructValue:
	default:
		return nil, fmt.Errorf("node metadata LABELS is %s, want an object of strings", kindOf(v))
	}
	fields := v.GetStructValue().GetFields()
	if len(fields) > maxLabels {
		return nil, fmt.Errorf("node metadata LABELS has %d labels, want at most %d", len(fields), maxLabels)
	}
	labels := make(map[string]string, len(fields))
	for key, value := range fields {
		s, ok := value.GetKind().(*structpb.Value_StringValue)
		if !ok {
			return nil, fmt.Errorf("node metadata LABELS: %q is %s, want a string", Cut(key), kindOf(value))
		}
		if err := boundedLabel(key, s.StringValue); err != nil {
			return nil, err
		}
		labels[key] = s.StringValue
	}
	return labels, nil
}

// kindOf names the type of a metadata value as a person would.
func kindOf(v *structpb.Value) string {
	switch v.GetKind().(type) {
	case *structpb.Value_StringValue:
		return "a string"
	case *structpb.Value_NumberValue:
		return "a number"
	case *structpb.Value_BoolValue:
		return "a boolean"
	case *structpb.Value_ListValue:
		return "a list"
	case *structpb.Value_StructValue:
		return "an object"
	default:
		return "null"
	}
}
