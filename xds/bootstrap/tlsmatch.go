package bootstrap

import (
	"slices"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

// By socketMatch of its metadata Envoy finds the transport socket of an endpoint; ours have the name of the control plane under nameKey.
const (
	socketMatch = "envoy.transport_socket_match"
	nameKey     = "control-plane"
)

// secure encrypts the connections to the control planes. Each must prove its own name, so that one whose key is out passes
// for no other.
//
// An endpoint that matched no name would be held to that of the first, and refused. Without the transport socket of the
// cluster Envoy would speak plain text to it.
func (t *TLS) secure(cluster *clusterv3.Cluster, planes []Address) error {
	names, err := t.names(planes)
	if err != nil {
		return err
	}
	cluster.TransportSocket = t.socket(names[0])
	if !slices.ContainsFunc(names, func(name string) bool { return name != names[0] }) {
		return nil
	}
	endpoints := cluster.GetLoadAssignment().GetEndpoints()[0].GetLbEndpoints()
	for i, name := range names {
		own := &structpb.Struct{Fields: map[string]*structpb.Value{nameKey: structpb.NewStringValue(name)}}
		endpoints[i].Metadata = &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{socketMatch: own}}
		if !slices.Contains(names[:i], name) {
			cluster.TransportSocketMatches = append(cluster.TransportSocketMatches,
				&clusterv3.Cluster_TransportSocketMatch{Name: name, Match: own, TransportSocket: t.socket(name)})
		}
	}
	return nil
}

// names returns the name that the certificate of each must have.
func (t *TLS) names(planes []Address) (out []string, err error) {
	for _, at := range planes {
		name, err := t.name(at)
		if err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	return out, nil
}
