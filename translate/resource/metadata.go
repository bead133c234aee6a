package resource

import (
	"regexp"
	"slices"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/internal/diag"
)

type metadata struct {
	name, namespace     string
	labels, annotations map[string]string
	created             time.Time
	// valid says that name and namespace could be read, so that the scope is known.
	valid bool
}

var dnsName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)

// metadataFields are those that the API has and kubectl prints; only the first five mean something here.
func metadataFields() []string {
	return []string{"name", "namespace", "labels", "annotations", "creationTimestamp", "generateName", "uid",
		"resourceVersion", "generation", "managedFields", "ownerReferences", "finalizers", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"}
}

func (c *checker) metadata() metadata {
	m := metadata{namespace: "default", valid: true}
	node := child(c.origin.Document.Root, "metadata")
	if node == nil || node.Kind != yaml.MappingNode {
		c.add(diag.CodeMetadata, Path{"metadata"}, "the object has no metadata").WithHint("metadata needs a name")
		m.valid = false
		return m
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		c.metadataField(&m, node.Content[i], node.Content[i+1])
	}
	if m.name == "" {
		c.add(diag.CodeMetadata, Path{"metadata"}, "the object has no metadata.name").WithHint("give it a name")
		m.valid = false
	}
	return m
}

func (c *checker) metadataField(m *metadata, key, value *yaml.Node) {
	path := Path{"metadata", key.Value}
	switch key.Value {
	case "name":
		m.name = c.dnsName(m, path, value)
	case "namespace":
		m.namespace = c.dnsName(m, path, value)
	case "labels":
		m.labels = c.stringMap(path, value)
	case "annotations":
		m.annotations = c.stringMap(path, value)
	case "creationTimestamp":
		c.timestamp(m, path, value)
	default:
		if !slices.Contains(metadataFields(), key.Value) {
			m.valid = false
			c.addAt(diag.CodeUnknownField, c.origin.Document.Position(key), path.String(), "metadata has no field %q", key.Value).
				WithHint("%s", suggestion(key.Value, metadataFields()[:5]))
		}
	}
}

func (c *checker) dnsName(m *metadata, path Path, value *yaml.Node) string {
	if value.Kind == yaml.ScalarNode && value.Tag == "!!str" && dnsName.MatchString(value.Value) {
		return value.Value
	}
	m.valid = false
	c.add(diag.CodeMetadata, path, "%q is not a valid name", value.Value).WithHint("lower-case letters, digits, - and .")
	return ""
}

func (c *checker) timestamp(m *metadata, path Path, value *yaml.Node) {
	if value.Tag == "!!null" {
		return
	}
	t, err := time.Parse(time.RFC3339, value.Value)
	if err != nil {
		c.add(diag.CodeMetadata, path, "%q is not a time", value.Value).WithHint("for example 2026-01-31T12:00:00Z")
	}
	m.created = t
}

func (c *checker) stringMap(path Path, node *yaml.Node) map[string]string {
	if node.Tag == "!!null" {
		return nil
	}
	if node.Kind != yaml.MappingNode {
		c.add(diag.CodeMetadata, path, "%s is not a mapping", path).WithHint("name: value lines")
		return nil
	}
	out := map[string]string{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if value.Kind != yaml.ScalarNode || value.Tag != "!!str" {
			c.add(diag.CodeMetadata, path.Field(key.Value), "the value of %s is not a string", key.Value).WithHint("put it in quotes")
			continue
		}
		out[key.Value] = value.Value
	}
	return out
}

// topLevel refuses fields beside the ones that every object has.
func (c *checker) topLevel() {
	fields := []string{"apiVersion", "kind", "metadata", "spec", "status"}
	root := c.origin.Document.Root
	for i := 0; i+1 < len(root.Content); i += 2 {
		if key := root.Content[i]; !slices.Contains(fields, key.Value) {
			c.addAt(diag.CodeUnknownField, c.origin.Document.Position(key), key.Value, "an object has no field %q", key.Value).
				WithHint("%s", suggestion(key.Value, fields))
		}
	}
}
