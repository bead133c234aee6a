package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSchemaPrintsAndWrites holds that the verb prints one schema, and with --out-dir writes the same into files.
func TestSchemaPrintsAndWrites(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "schemas")
	if code, _, errs := ran(t, "schema", "--out-dir", dir); code != exitClean {
		t.Fatalf("exit %d: %s", code, errs)
	}
	for name, args := range map[string][]string{"portreeve.json": {"schema"}, "jwtpolicy.json": {"schema", "JWTPolicy"}, "virtualservice.json": {"schema", "VirtualService"}} {
		code, out, errs := ran(t, args...)
		written, err := os.ReadFile(filepath.Join(dir, name))
		must(t, err)
		var schema struct {
			Schema      string         `json:"$schema"`
			Definitions map[string]any `json:"definitions"`
		}
		if code != exitClean || errs != "" || out != string(written) || json.Unmarshal(written, &schema) != nil {
			t.Errorf("%v: exit %d, %s; the file is the same: %v", args, code, errs, out == string(written))
		}
		if schema.Schema != "http://json-schema.org/draft-07/schema#" || schema.Definitions["Metadata"] == nil {
			t.Errorf("%v: it is no schema of draft-07: %s", args, schema.Schema)
		}
	}
}

// TestDocSaysWhatAFieldTakes holds the texts and the data of a kind and of a field.
func TestDocSaysWhatAFieldTakes(t *testing.T) {
	for line, want := range map[string][]string{
		"doc":           {"KIND", "JWTPolicy", "AuditAlert"},
		"doc JWTPolicy": {"JWTPolicy (portreeve.dev/v1alpha1)", "Fields:\n  spec", "Example:", "kind: JWTPolicy", "More: docs/resources.md#jwtpolicy"},
		"doc AuthorizationPolicy.spec.rules[0].from.source.ipBlocks": {"AuthorizationPolicy.spec.rules.from.source.ipBlocks (list of strings)", "Accepted: ", "Stricter than Istio: ", "Example:\n  ipBlocks: "},
		"doc JWTPolicy.spec.matching.mode":                           {"Required: yes", "AUTH_IF_MATCHED (Matched requests need a valid token"},
		"doc DestinationRule.spec.trafficPolicy.loadBalancer":        {"zoneAwareLbSetting", "(refused)"},
	} {
		code, out, errs := ran(t, strings.Fields(line)...)
		if code != exitClean || errs != "" {
			t.Errorf("%s: exit %d: %s", line, code, errs)
		}
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("%s: no %q in\n%s", line, w, out)
			}
		}
	}
	_, out, _ := ran(t, "doc", "JWTPolicy.spec.jwt.issuer", "-o", "json")
	var field struct {
		Path     string
		Required bool
	}
	must(t, json.Unmarshal([]byte(out), &field))
	if field.Path != "spec.jwt.issuer" || !field.Required {
		t.Errorf("it prints %s", out)
	}
}

// TestDocAndSchemaSayWhatThereIsNot holds that a name that leads nowhere is a mistake in the command line.
func TestDocAndSchemaSayWhatThereIsNot(t *testing.T) {
	for line, want := range map[string]string{
		"doc JWTPolicy.spec.matchin":        "did you mean matching?",
		"doc JWTPolicys":                    "did you mean JWTPolicy?",
		"schema JwtPolicyy":                 "did you mean JWTPolicy?",
		"schema JWTPolicy.spec":             "a schema is of a kind",
		"schema JWTPolicy --out-dir .":      "leave JWTPolicy out",
		"doc JWTPolicy -o sarif":            "is not one of text, json, yaml",
		"schema --out-dir /dev/null/schema": "not a directory",
	} {
		code, out, errs := ran(t, strings.Fields(line)...)
		if code != exitUsage || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%s: exit %d, %q, %q; want %q", line, code, out, errs, want)
		}
	}
}

// TestDocCompletesPaths holds what a shell is offered behind the verbs.
func TestDocCompletesPaths(t *testing.T) {
	for begun, want := range map[string]string{"doc JWTPolicy.spec.j": "JWTPolicy.spec.jwt\n", "schema JWT": "JWTPolicy\n"} {
		words := strings.Fields(begun)
		_, out, _ := ran(t, append([]string{"__complete"}, words...)...)
		if !strings.Contains(out, want) {
			t.Errorf("%s: %s", begun, out)
		}
	}
}

func ran(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	code = run(t.Context(), args, &o, &e)
	return code, o.String(), e.String()
}
