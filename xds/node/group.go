package node

import (
	"maps"
	"slices"
	"strconv"
	"strings"

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
