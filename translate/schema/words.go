package schema

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
)

//go:embed words/*.yaml examples/*.yaml
var wordFiles embed.FS

// words are what people are told, by the full names of messages and the JSON names of fields.
type words struct {
	// Order lists the kinds as people are told of them.
	Order    []string                `yaml:"order"`
	Kinds    map[string]aboutKind    `yaml:"kinds"`
	Messages map[string]aboutMessage `yaml:"messages"`
	// Choices are the values of enums, by the full name of the enum and theirs.
	Choices map[string]string `yaml:"choices"`
}

type aboutKind struct {
	About string `yaml:"about"`
	More  string `yaml:"more"`
}

type aboutMessage struct {
	About  string                `yaml:"about"`
	Fields map[string]aboutField `yaml:"fields"`
}

// aboutField is what is said of a field; a plain text is its About.
type aboutField struct {
	About    string `yaml:"about"`
	Accepted string `yaml:"accepted"`
	// Example is a value, in YAML.
	Example string `yaml:"example"`
	// Stricter says what Istio takes and is refused here.
	Stricter string `yaml:"stricter"`
	// Ignored says why the field has no effect.
	Ignored  string `yaml:"ignored"`
	Required bool   `yaml:"required"`
	// Range bounds a number, both ends included.
	Range []uint64 `yaml:"range"`
	// Values are all texts that are taken.
	Values []string `yaml:"values"`
	// Without are the names of an enum that are refused.
	Without []string `yaml:"without"`
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (a *aboutField) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		a.About = node.Value
		return nil
	}
	known := []string{"about", "accepted", "example", "stricter", "ignored", "required", "range", "values", "without"}
	for i := 0; i < len(node.Content); i += 2 { // a text with a comma in it, within {}, would be cut there
		if key := node.Content[i]; !slices.Contains(known, key.Value) {
			return fmt.Errorf("line %d: %q is said of no field; put a text with a comma into quotes", key.Line, key.Value)
		}
	}
	type plain aboutField
	return node.Decode((*plain)(a))
}

// readWords reads the files of words/ and the comments of our own .proto files.
func readWords() (*words, error) {
	out := &words{Kinds: map[string]aboutKind{}, Messages: map[string]aboutMessage{}, Choices: map[string]string{}}
	names, err := fs.Glob(wordFiles, "words/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list words: %w", err)
	}
	for _, name := range names {
		content, err := wordFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		decoder := yaml.NewDecoder(bytes.NewReader(content))
		decoder.KnownFields(true)
		if err := decoder.Decode(out); err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	return out, out.addComments(portreevev1alpha1.Definitions())
}

func (w *words) message(m protoreflect.MessageDescriptor) aboutMessage {
	return w.Messages[string(m.FullName())]
}

func (w *words) field(f protoreflect.FieldDescriptor) aboutField {
	return w.message(f.ContainingMessage()).Fields[f.JSONName()]
}

// order returns where a kind stands in the list; one that is not in it stands last.
func (w *words) order(kind string) int {
	if i := slices.Index(w.Order, kind); i >= 0 {
		return i
	}
	return len(w.Order)
}
