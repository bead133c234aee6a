package resource

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/translate/diag"
)

type metadata struct {
	name, namespace     string
	labels, annotations map[string]string
	created             time.Time
	// valid says that name and namespace could be read, so that the object and its scope are known.
	valid bool
}

// defaultNamespace is where an object without a namespace stands, as with kubectl.
const defaultNamespace = "default"

// namePart is a label of RFC 1123, of which a name has one or more, joined by dots.
var namePart = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

// isLabel reports whether s is what Kubernetes takes for a namespace.
func isLabel(s string) bool { return namePart.MatchString(s) }

// wholeName is a name of RFC 1123. Its parts, unlike those of a host, can be of any length.
var wholeName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// isObjectName reports whether s is what Kubernetes takes for a name.
func isObjectName(s string) bool { return len(s) <= 253 && wholeName.MatchString(s) }

// isSubdomain reports whether s is what Kubernetes takes for the name of a host.
func isSubdomain(s string) bool {
	if len(s) > 253 {
		return false
	}
	for part := range strings.SplitSeq(s, ".") {
		if !namePart.MatchString(part) {
			return false
		}
	}
	return true
}

// metadataFields are those that the API has. Only the first five mean something here; the
// others are what kubectl prints.
func metadataFields() []string {
	return []string{"name", "namespace", "labels", "annotations", "creationTimestamp", "generateName", "uid", "resourceVersion",
		"generation", "managedFields", "ownerReferences", "finalizers", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds"}
}

// objectReader reads what every object has: its metadata, and which fields stand at its top.
type objectReader struct{ *reporter }

// metadata reads the metadata. A misspelt field makes it invalid, since it may be the namespace.
func (o objectReader) metadata() {
	o.meta = metadata{namespace: defaultNamespace, valid: true}
	node := child(o.origin.Document.Root, "metadata")
	if node == nil || node.Kind != yaml.MappingNode {
		o.meta.valid = false
		o.add(diag.CodeMetadata, Path{"metadata"}, "the object has no metadata").WithHint("give it a metadata.name")
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		o.metadataField(node.Content[i], node.Content[i+1])
	}
	if o.meta.name == "" && child(node, "name") == nil {
		o.meta.valid = false
		o.addMissing(diag.CodeMetadata, Path{"metadata"}, "the object has no metadata.name").WithHint("give it a name")
	}
}

func (o objectReader) metadataField(key, value *yaml.Node) {
	path := Path{"metadata", key.Value}
	switch key.Value {
	case "name":
		o.meta.name = o.name(path, value, isObjectName, NameForm)
	case "namespace":
		if !isNull(value) {
			o.meta.namespace = o.name(path, value, isLabel, NamespaceForm)
		}
	case "labels":
		o.meta.labels = o.stringMap(path, value)
	case "annotations":
		o.meta.annotations = o.stringMap(path, value)
	case "creationTimestamp":
		o.timestamp(path, value)
	default:
		if !slices.Contains(metadataFields(), key.Value) {
			o.meta.valid = false
			o.unknownField(key, Path{"metadata"}, metadataFields()[:5])
		}
	}
}

// name reads a name that must be text; a number has to be quoted.
func (o objectReader) name(path Path, value *yaml.Node, valid func(string) bool, accepted string) string {
	switch {
	case value.Kind == yaml.ScalarNode && value.Tag == "!!str" && valid(value.Value):
		return value.Value
	case value.Kind == yaml.ScalarNode && value.Tag != "!!str" && !isNull(value):
		o.wrongType(value, path, "a string", "quote it: %q", value.Value)
	default:
		o.add(diag.CodeMetadata, path, "%s is %s, which is not a name", path, describe(value)).WithHint("%s", accepted)
	}
	o.meta.valid = false
	return ""
}

func (o objectReader) timestamp(path Path, value *yaml.Node) {
	if isNull(value) {
		return
	}
	t, err := time.Parse(time.RFC3339, value.Value)
	if err != nil {
		o.add(diag.CodeMetadata, path, "%s is %s, which is not a time", path, describe(value)).WithHint("for example 2026-01-31T12:00:00Z; or leave it out")
	}
	o.meta.created = t
}

func (o objectReader) stringMap(path Path, node *yaml.Node) map[string]string {
	if isNull(node) {
		return nil
	}
	if node.Kind != yaml.MappingNode {
		o.wrongType(node, path, "a mapping", "write name: value lines")
		return nil
	}
	out := make(map[string]string, len(node.Content)/2)
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		strictDecoder(o).text(value, path.Field(key.Value))
		out[key.Value] = value.Value
	}
	return out
}

// topLevel refuses fields beside the ones that every object has, or that its kind has in
// place of a spec. The status is ignored.
func (o objectReader) topLevel(instead []string) {
	fields := []string{"apiVersion", "kind", "metadata", "spec", "status"}
	if instead != nil {
		fields = append(fields[:3:3], instead...)
	}
	root := o.origin.Document.Root
	for i := 0; i+1 < len(root.Content); i += 2 {
		if key := root.Content[i]; !slices.Contains(fields, key.Value) {
			o.unknownField(key, nil, fields)
			// It may be the spec that is misspelt, and with it the selector.
			o.markUnknown(Path{"spec"})
		}
	}
}
