package resource_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// conformance is where Istio's own test data may lie; it is no part of the repository.
const conformance = "../../../shared/conformance"

// suite reads a list of cases, each of which has files by name, and skips when there is none.
func suite[T any](t *testing.T, name, file string) map[string]T {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(conformance, name+".json"))
	if err != nil {
		t.Skipf("NOT RUN: Istio's suite %s is not there: %v", name, err)
	}
	var raw []map[string]json.RawMessage
	if err := json.Unmarshal(content, &raw); err != nil {
		t.Fatal(err)
	}
	out := map[string]T{}
	for _, c := range raw {
		var id string
		var in T
		if err := json.Unmarshal(c["case"], &id); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(c[file], &in); err != nil {
			t.Fatalf("%s: %v", id, err)
		}
		out[id] = in
	}
	if len(out) == 0 {
		t.Fatalf("the suite %s has no cases", name)
	}
	return out
}

type validationCase struct {
	Annotations map[string]string `json:"annotations"`
	Spec        json.RawMessage   `json:"spec"`
	Valid       bool              `json:"valid"`
	Warning     bool              `json:"warning"`
}

// lost are the cases whose data does not hold what they are about: an empty list, which the
// suite's Go values have and its JSON left out. TestGolden holds that such a list is refused.
func lost() []string { return []string{"029-from-empty", "032-to-empty"} }

func TestIstioValidation(t *testing.T) {
	for name, kind := range map[string]resource.Kind{
		"go-validation-authz":    resource.AuthorizationPolicy,
		"go-validation-reqauthn": resource.RequestAuthentication,
	} {
		t.Run(name, func(t *testing.T) {
			for id, c := range suite[validationCase](t, name, "in.json") {
				t.Run(id, func(t *testing.T) { validate(t, kind, id, c) })
			}
		})
	}
}

func validate(t *testing.T, kind resource.Kind, id string, c validationCase) {
	t.Helper()
	if slices.Contains(lost(), id) {
		t.Skip("NOT RUN: the data of the case has lost its empty list")
	}
	object, err := json.Marshal(map[string]any{
		"apiVersion": "security.istio.io/v1", "kind": kind, "spec": c.Spec,
		"metadata": map[string]any{"name": "a", "annotations": c.Annotations},
	})
	if err != nil {
		t.Fatal(err)
	}
	resources, found := compile(source.File{Path: "in.json", Content: object})
	valid, warned := true, false
	for _, d := range found {
		warned = warned || d.Severity == diag.Warning
		// What is not translated yet is valid.
		valid = valid && (d.Severity != diag.Error || d.Code == diag.CodeUnsupported)
	}
	switch {
	case valid != c.Valid:
		t.Errorf("valid = %v, Istio says %v: %s\n%v", valid, c.Valid, object, found)
	case c.Valid && c.Warning && !warned:
		t.Errorf("Istio warns, and we do not: %s", object)
	case valid && len(resources) == 0 && !found.HasErrors():
		t.Errorf("valid without a resource: %s", object)
	}
}

type valueCase struct {
	Key       string   `json:"key"`
	Values    []string `json:"values"`
	WantError bool     `json:"wantError"`
}

func TestIstioWhenKeys(t *testing.T) {
	for id, c := range suite[valueCase](t, "go-security-when-keys", "case.json") {
		t.Run(id, func(t *testing.T) {
			rule := map[string]any{"when": []any{map[string]any{"key": c.Key, "values": c.Values}}}
			expectErrors(t, authorization(t, rule), c.WantError, fmt.Sprintf("%s %q", c.Key, c.Values))
		})
	}
}

func TestIstioPathTemplates(t *testing.T) {
	for id, c := range suite[valueCase](t, "go-security-path-template", "case.json") {
		t.Run(id, func(t *testing.T) {
			rule := map[string]any{"to": []any{map[string]any{"operation": map[string]any{"paths": c.Values}}}}
			expectErrors(t, authorization(t, rule), c.WantError, fmt.Sprintf("%q", c.Values))
		})
	}
}

func TestIstioJwksURI(t *testing.T) {
	type uriCase struct {
		In            string `json:"in"`
		ExpectedError bool   `json:"expectedError"`
	}
	for id, c := range suite[uriCase](t, "go-security-jwksuri", "case.json") {
		t.Run(id, func(t *testing.T) {
			spec := map[string]any{"jwtRules": []any{map[string]any{"issuer": "a", "jwksUri": c.In}}}
			expectErrors(t, object(t, resource.RequestAuthentication, spec), c.ExpectedError, c.In)
		})
	}
}

func authorization(t *testing.T, rule map[string]any) diag.List {
	t.Helper()
	return object(t, resource.AuthorizationPolicy, map[string]any{"rules": []any{rule}})
}

func object(t *testing.T, kind resource.Kind, spec any) diag.List {
	t.Helper()
	version := "security.istio.io/v1"
	if kind == resource.VirtualService {
		version = "networking.istio.io/v1"
	}
	content, err := json.Marshal(map[string]any{"apiVersion": version, "kind": kind, "metadata": map[string]any{"name": "a"}, "spec": spec})
	if err != nil {
		t.Fatal(err)
	}
	_, found := compile(source.File{Path: "in.json", Content: content})
	return found
}

// expectErrors leaves out what is not translated yet.
func expectErrors(t *testing.T, found diag.List, want bool, input string) {
	t.Helper()
	got := false
	for _, d := range found.Errors() {
		got = got || d.Code != diag.CodeUnsupported
	}
	if got != want {
		t.Errorf("%s: error = %v, Istio says %v: %v", input, got, want, found)
	}
}

// TestIstioSamples loads Istio's samples for a plain HTTP gateway unchanged. Of the others
// it holds only that they are read and that what is wrong with them is that something is
// not translated yet.
func TestIstioSamples(t *testing.T) {
	inputs, err := filepath.Glob(filepath.Join(conformance, "samples", "*.yaml"))
	if err != nil || len(inputs) == 0 {
		t.Skipf("NOT RUN: Istio's samples are not there: %v", err)
	}
	for _, input := range inputs {
		name := filepath.Base(input)
		t.Run(name, func(t *testing.T) {
			content, err := os.ReadFile(input)
			if err != nil {
				t.Fatal(err)
			}
			resources, found := compile(source.File{Path: name, Content: content})
			plain := strings.HasSuffix(name, "bookinfo-gateway.yaml") || strings.HasSuffix(name, "httpbin-gateway.yaml") || strings.HasSuffix(name, "helloworld-gateway.yaml")
			if plain && (len(found) > 0 || len(resources) != 2) {
				t.Errorf("%d resources and the findings %v", len(resources), found)
			}
			for _, d := range found.Errors() {
				if d.Code != diag.CodeUnsupported && d.Code != diag.CodeForeignKind && !strings.Contains(d.Message, "not translated yet") {
					t.Errorf("an Istio sample is refused: %s", d)
				}
			}
		})
	}
}
