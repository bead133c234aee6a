package output

import (
	"encoding/json"
	"fmt"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/envoy"
)

// Printed is what ResourcesOf printed as JSON, to be read again. Secrets are no part of it: nothing of
// them is left to be read.
type Printed struct {
	Listeners        []json.RawMessage `json:"listeners"`
	Routes           []json.RawMessage `json:"routes"`
	Clusters         []json.RawMessage `json:"clusters"`
	Endpoints        []json.RawMessage `json:"endpoints"`
	ExtensionConfigs []json.RawMessage `json:"extensionConfigs"`
}

// Resources reads what was printed. What was secret is not there: a symmetric key is marked as redacted.
func (p Printed) Resources() (envoy.Resources, error) {
	var out envoy.Resources
	err := read(p.Listeners, func() *listenerv3.Listener { return &listenerv3.Listener{} }, &out.Listeners)
	if err == nil {
		err = read(p.Routes, func() *routev3.RouteConfiguration { return &routev3.RouteConfiguration{} }, &out.Routes)
	}
	if err == nil {
		err = read(p.Clusters, func() *clusterv3.Cluster { return &clusterv3.Cluster{} }, &out.Clusters)
	}
	if err == nil {
		err = read(p.Endpoints, func() *endpointv3.ClusterLoadAssignment { return &endpointv3.ClusterLoadAssignment{} }, &out.Endpoints)
	}
	if err == nil {
		err = read(p.ExtensionConfigs, func() *corev3.TypedExtensionConfig { return &corev3.TypedExtensionConfig{} }, &out.ExtensionConfigs)
	}
	return out, err
}

func read[T proto.Message](in []json.RawMessage, empty func() T, into *[]T) error {
	for _, text := range in {
		m := empty()
		if err := protojson.Unmarshal(text, m); err != nil {
			return fmt.Errorf("read a %s: %w", m.ProtoReflect().Descriptor().Name(), err)
		}
		*into = append(*into, m)
	}
	return nil
}
