package translate_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// suites says which test runs each of Istio's suites: the file and the function.
func suites() map[string][2]string {
	const resources, filters, scopes = "resource/conformance_test.go", "policy/conformance_test.go", "model/conformance_test.go"
	return map[string][2]string{
		"go-authz-generator":               {filters, "TestIstioGenerators"},
		"go-authz-request-principal":       {filters, "TestIstioRequestPrincipals"},
		"go-jwt-config":                    {filters, "TestIstioJWTRules"},
		"go-jwt-space-delimited":           {filters, "TestIstioSpaceDelimitedClaims"},
		"go-policy-scope-authz":            {scopes, "TestIstioAuthorizationScope"},
		"go-policy-scope-reqauthn":         {scopes, "TestIstioAuthenticationScope"},
		"go-policy-scope-reqauthn-configs": {scopes, "TestIstioAuthenticationScope"},
		"go-security-jwksuri":              {resources, "TestIstioJwksURI"},
		"go-security-path-template":        {resources, "TestIstioPathTemplates"},
		"go-security-when-keys":            {resources, "TestIstioWhenKeys"},
		"go-validation-authz":              {resources, "TestIstioValidation"},
		"go-validation-reqauthn":           {resources, "TestIstioValidation"},
		"path-normalization":               {"../test/pathnormalization_test.go", "path-normalization.json"},
	}
}

// TestEverySuiteIsRun fails when one of Istio's suites lies there that no test runs, or
// when the test that the table names does not know it.
func TestEverySuiteIsRun(t *testing.T) {
	known := suites()
	for name, at := range known {
		content, err := os.ReadFile(at[0])
		if err != nil {
			t.Errorf("%s: %v", name, err)
		} else if !strings.Contains(string(content), at[1]) || !strings.Contains(string(content), name) {
			t.Errorf("%s does not run the suite %s in %s", at[0], name, at[1])
		}
	}
	files, err := filepath.Glob("../../shared/conformance/*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("NOT RUN: Istio's suites are not there")
	}
	for _, file := range files {
		if name := strings.TrimSuffix(filepath.Base(file), ".json"); known[name] == [2]string{} {
			t.Errorf("no test runs the suite %s", name)
		}
	}
}
