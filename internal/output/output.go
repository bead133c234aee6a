// Package output prints data as JSON or YAML, the same bytes for the same data.
package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Proto makes a message part of the data that JSON and YAML print, in proto JSON.
type Proto struct{ proto.Message }

// MarshalJSON implements json.Marshaler.
func (p Proto) MarshalJSON() ([]byte, error) {
	b, err := protojson.Marshal(p.Message)
	if err != nil {
		return nil, fmt.Errorf("print %s: %w", p.ProtoReflect().Descriptor().FullName(), err)
	}
	return b, nil
}

// JSON prints a value with indentation.
func JSON(w io.Writer, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", "  "); err != nil {
		return err
	}
	out.WriteByte('\n')
	_, err = out.WriteTo(w)
	return err
}

// YAML prints a value in block style, with the field names that JSON has.
func YAML(w io.Writer, value any) error {
	b, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var node yaml.Node
	if err := yaml.Unmarshal(b, &node); err != nil {
		return err
	}
	block(&node)
	e := yaml.NewEncoder(w)
	e.SetIndent(2)
	if err := e.Encode(&node); err != nil {
		return err
	}
	return e.Close()
}

// block undoes the flow style and quotes that JSON text has; the encoder quotes what needs
// it, except the words that only YAML 1.1, which Envoy reads, takes for booleans.
func block(n *yaml.Node) {
	n.Style = 0
	switch strings.ToLower(n.Value) {
	case "y", "n", "yes", "no", "on", "off":
		n.Style = yaml.DoubleQuotedStyle
	}
	for _, c := range n.Content {
		block(c)
	}
}
