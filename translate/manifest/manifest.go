// Package manifest prints resources as the native Istio YAML that they were, or could
// have been, written as.
package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/portreeve/portreeve/translate/resource"
)

// object is the printed form.
type object struct {
	APIVersion string        `yaml:"apiVersion"`
	Kind       resource.Kind `yaml:"kind"`
	Metadata   metadata      `yaml:"metadata"`
	Spec       any           `yaml:"spec,omitempty"`
	// Fields stand at the top, of the kinds that have no spec.
	Fields map[string]any `yaml:",inline"`
}

type metadata struct {
	Name        string            `yaml:"name"`
	Namespace   string            `yaml:"namespace"`
	Labels      map[string]string `yaml:"labels,omitempty"`
	Annotations map[string]string `yaml:"annotations,omitempty"`
	Created     string            `yaml:"creationTimestamp,omitempty"`
}

// YAML prints resources of Istio's kinds, one document each, in the order given. What it
// prints loads again with the same meaning. An error is a fault of this program.
func YAML(resources []*resource.Resource) ([]byte, error) {
	var out bytes.Buffer
	e := yaml.NewEncoder(&out)
	e.SetIndent(2)
	for _, r := range resources {
		o, err := objectOf(r)
		if err != nil {
			return nil, fmt.Errorf("print %s: %w", r.Key, err)
		}
		if err := e.Encode(o); err != nil {
			return nil, fmt.Errorf("print %s: %w", r.Key, err)
		}
	}
	if len(resources) == 0 {
		return nil, nil
	}
	if err := e.Close(); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

func objectOf(r *resource.Resource) (object, error) {
	o := object{APIVersion: apiVersion(r.Kind), Kind: r.Kind, Metadata: metadata{Name: r.Name, Namespace: r.Namespace, Labels: r.Labels, Annotations: r.Annotations}}
	if !r.Created.IsZero() {
		o.Metadata.Created = r.Created.UTC().Format(time.RFC3339Nano)
	}
	spec, err := protojson.Marshal(r.Spec)
	if err != nil {
		return o, err
	}
	d := json.NewDecoder(bytes.NewReader(spec))
	d.UseNumber()
	var fields map[string]any
	if err := d.Decode(&fields); err != nil {
		return o, err
	}
	written(fields)
	if r.Kind == resource.EndpointSlice || r.Kind == resource.Endpoints {
		o.Fields = fields
	} else {
		o.Spec = fields
	}
	return o, nil
}

// written replaces the numbers inside a JSON value by the digits that they are written
// with, in place, and returns it. A float64 would be printed as 1e+06, which is not read as
// a whole number again.
func written(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			v[key] = written(value)
		}
	case []any:
		for i, value := range v {
			v[i] = written(value)
		}
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: v.String()}
	}
	return v
}

func apiVersion(k resource.Kind) string {
	switch k {
	case resource.RequestAuthentication, resource.AuthorizationPolicy:
		return "security.istio.io/v1"
	case resource.KubernetesService, resource.Endpoints:
		return "v1"
	case resource.EndpointSlice:
		return "discovery.k8s.io/v1"
	case resource.Telemetry:
		return "telemetry.istio.io/v1"
	default:
		return "networking.istio.io/v1"
	}
}
