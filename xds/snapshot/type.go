package snapshot

import (
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
)

// Type is a kind of resource that is delivered.
type Type struct {
	// URL names the type on the wire.
	URL string
	// Short is the name of its discovery service, such as "CDS".
	Short string
}

// Types returns the types that are delivered, in the order of make before break: what is
// referred to comes before what refers to it.
func Types() []Type {
	return []Type{
		{resourcev3.ClusterType, "CDS"},
		{resourcev3.EndpointType, "EDS"},
		{resourcev3.SecretType, "SDS"},
		{resourcev3.ExtensionConfigType, "ECDS"},
		{resourcev3.ListenerType, "LDS"},
		{resourcev3.RouteType, "RDS"},
	}
}

// TypeOf returns the delivered type with that URL, or false where it is not delivered.
func TypeOf(url string) (Type, bool) {
	for _, t := range Types() {
		if t.URL == url {
			return t, true
		}
	}
	return Type{}, false
}
