package schema_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// TestSchemaAndValidateAgreeOnWhatPeopleWrite holds every document of the compiler's own tests and of the examples.
func TestSchemaAndValidateAgreeOnWhatPeopleWrite(t *testing.T) {
	all, _ := schemas(t, reference(t))
	documents := 0
	for _, root := range []string{"../testdata", "../resource/testdata", "../../examples", "examples"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(path) != ".yaml" || strings.HasPrefix(d.Name(), "mesh") {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			found, _ := source.Parse([]source.File{{Path: path, Content: content}})
			_, found = resource.Secrets(found)
			for _, document := range found {
				if text, ok := jsonOf(document.Root); ok {
					documents++
					newJudge(t, all).agreeOn(path, text, nil)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d documents", documents)
	if documents < 500 {
		t.Errorf("%d documents, want 500 or more", documents)
	}
}

// jsonOf writes a document as JSON, or returns false where that would be another one: where a value is YAML's alone,
// such as an unquoted yes, a date, an octal number or a tag.
func jsonOf(root *yaml.Node) ([]byte, bool) {
	if ofYAMLAlone(root) {
		return nil, false
	}
	var value any
	if root.Decode(&value) != nil {
		return nil, false
	}
	out, err := json.Marshal(value)
	return out, err == nil
}

func ofYAMLAlone(n *yaml.Node) bool {
	switch {
	case n.Kind == yaml.AliasNode:
		return true
	case n.Kind != yaml.ScalarNode, n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) != 0:
	case n.Tag == "!!bool":
		return n.Value != "true" && n.Value != "false"
	case n.Tag == "!!int", n.Tag == "!!float":
		var number json.Number
		return json.Unmarshal([]byte(n.Value), &number) != nil || strings.ContainsAny(n.Value, ".eE")
	case n.Tag != "!!str" && n.Tag != "!!null":
		return true
	default:
		switch strings.ToLower(n.Value) {
		case "yes", "no", "on", "off":
			return true
		}
	}
	for _, c := range n.Content {
		if ofYAMLAlone(c) {
			return true
		}
	}
	return false
}
