package node

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/proto"
)

// The bounds of a node. What a stranger says of himself is kept for as long as his stream is
// open, and stands in keys, logs and the status.
const (
	// maxNode is of all that a node says but its extensions: the list of what the binary can do,
	// which is 60 KiB of every stock Envoy 1.40, has maxExtensions for itself and is not kept.
	maxNode       = 64 << 10
	maxExtensions = 256 << 10
	maxID         = 1 << 10
	maxLabels     = 128
	// The lengths of labels are those of Kubernetes.
	maxPrefix, maxName, maxValue = 253, 63, 63
	// maxPlace is of each part of a locality, which Kubernetes has from labels.
	maxPlace = 63
	// maxShown is of what is repeated of a node to people.
	maxShown = 256
)

// bounded reports what is larger of a node than any that is meant.
func bounded(n *corev3.Node) error {
	extensions := proto.Size(&corev3.Node{Extensions: n.GetExtensions()})
	size := proto.Size(n) - extensions
	locality := n.GetLocality()
	switch {
	case extensions > maxExtensions:
		return fmt.Errorf("the extensions of the node have %d bytes, want at most %d", extensions, maxExtensions)
	case size > maxNode:
		return fmt.Errorf("the node has %d bytes beside its extensions, want at most %d", size, maxNode)
	case len(n.GetId()) > maxID:
		return fmt.Errorf("the node id has %d bytes, want at most %d", len(n.GetId()), maxID)
	case strings.ContainsFunc(n.GetId(), unicode.IsControl):
		return errors.New("the node id has control characters, want " + form)
	case max(len(locality.GetRegion()), len(locality.GetZone()), len(locality.GetSubZone())) > maxPlace:
		return fmt.Errorf("region, zone or sub_zone of the node's locality has more than %d bytes", maxPlace)
	case strings.ContainsFunc(locality.GetRegion()+locality.GetZone()+locality.GetSubZone(), unicode.IsControl):
		return errors.New("the node's locality has control characters")
	}
	return nil
}

// boundedLabel reports a label that is longer than one of Kubernetes can be.
func boundedLabel(key, value string) error {
	prefix, name, found := strings.Cut(key, "/")
	if !found {
		prefix, name = "", key
	}
	if len(prefix) > maxPrefix || len(name) > maxName {
		return fmt.Errorf("node metadata LABELS: the key %q has %d bytes, want at most %d, after a prefix of at most %d and /", Cut(key), len(key), maxName, maxPrefix)
	}
	if strings.ContainsFunc(key+value, unicode.IsControl) {
		return fmt.Errorf("node metadata LABELS: %q has control characters", Cut(key))
	}
	if len(value) > maxValue {
		return fmt.Errorf("node metadata LABELS: the value of %q has %d bytes, want at most %d", Cut(key), len(value), maxValue)
	}
	return nil
}

// Cut shortens what a peer says for a line of the log or a message.
func Cut(s string) string {
	if len(s) <= maxShown {
		return s
	}
	end := maxShown
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "…"
}
