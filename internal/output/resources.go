package output

import (
	"encoding/json"

	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/envoy"
)

// Resources is the printed form of a gateway's resources: lists of proto JSON.
type Resources struct {
	Listeners        []json.Marshaler `json:"listeners"`
	Routes           []json.Marshaler `json:"routes"`
	Clusters         []json.Marshaler `json:"clusters"`
	Endpoints        []json.Marshaler `json:"endpoints"`
	ExtensionConfigs []json.Marshaler `json:"extensionConfigs"`
	Secrets          []json.Marshaler `json:"secrets"`
}

// ResourcesOf returns the printed form, without what is secret in it.
func ResourcesOf(r envoy.Resources) Resources {
	return Resources{
		list(r.Listeners), list(r.Routes), list(r.Clusters), list(r.Endpoints), list(r.ExtensionConfigs), list(r.Secrets),
	}
}

func list[T proto.Message](in []T) []json.Marshaler {
	out := make([]json.Marshaler, 0, len(in))
	for _, m := range in {
		m, _ := Redacted(m)
		out = append(out, Proto{Message: m})
	}
	return out
}
