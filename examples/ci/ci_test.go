// Package ci_test holds the file for GitLab against the schema that GitLab publishes. What the commands of all files do is
// tested in test/.
package ci_test

import (
	"os"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

// TestTheGitLabFileIsValid needs the schema, whose path is $GITLAB_CI_SCHEMA: make ci-check has it.
func TestTheGitLabFileIsValid(t *testing.T) {
	path := os.Getenv("GITLAB_CI_SCHEMA")
	if path == "" {
		t.Skip("SKIPPED, NOT PASSED: make ci-check runs this with the schema of GitLab")
	}
	schema, err := jsonschema.NewCompiler().Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile("gitlab.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file map[string]any
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(file); err != nil {
		t.Error(err)
	}
	file["test"].(map[string]any)["script"] = map[string]any{"run": 1}
	if schema.Validate(file) == nil {
		t.Error("the schema takes anything")
	}
}
