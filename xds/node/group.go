package node

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"

	"github.com/portreeve/portreeve/translate/model"
)

// Group is the set of gateways whose configuration depends on the same inputs.
type Group struct {
	// Key is equal for equal gateways and different for different ones.
	Key string
	// Gateway is what the configuration of the group is computed from.
	Gateway model.Gateway
}

// Of returns the group of a gateway. The key reads istio-system{"istio":"ingressgateway"}: the
// namespace, then the labels by key, each quoted, so that no value can pass for a separator; a
// gateway that says where it runs has @"region/zone" behind that.
// The group shares nothing with g.
func Of(g model.Gateway) Group {
	g = g.Clone()
	var key strings.Builder
	key.WriteString(g.Namespace)
	if !isNamespace(g.Namespace) {
		key.Reset()
		key.WriteString(strconv.Quote(g.Namespace))
	}
	sep := byte('{')
	for _, k := range slices.Sorted(maps.Keys(g.Labels)) {
		key.WriteByte(sep)
		key.WriteString(strconv.Quote(k))
		key.WriteByte(':')
		key.WriteString(strconv.Quote(g.Labels[k]))
		sep = ','
	}
	if len(g.Labels) == 0 {
		key.WriteByte(sep)
	}
	key.WriteByte('}')
	if g.Locality != "" {
		key.WriteByte('@')
		key.WriteString(strconv.Quote(g.Locality))
	}
	return Group{Key: key.String(), Gateway: g}
}

// Hash gives the snapshot cache the group key of a node.
type Hash struct{}

var _ cachev3.NodeHash = Hash{}

// ID returns the key of the node's group. A node that cannot be parsed gets the empty key,
// which no group has and under which therefore no snapshot is ever found: it is served nothing.
func (Hash) ID(n *corev3.Node) string {
	id, err := Parse(n)
	if err != nil {
		return ""
	}
	return id.Group.Key
}
