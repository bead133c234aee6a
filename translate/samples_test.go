package translate_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// sampleDir holds manifests that Istio ships, unchanged.
const sampleDir = "../../shared/conformance/samples"

// sampleFindings are the warnings that a sample must have when it stands alone; it may have
// others. A gateway without the services that it leads to is told so.
func sampleFindings() map[string][]diag.Code {
	const service = diag.CodeUnknownService
	return map[string][]diag.Code{
		"bookinfo_networking_bookinfo-gateway.yaml":    {service},
		"bookinfo_networking_certmanager-gateway.yaml": {service},
		"helloworld_helloworld-gateway.yaml":           {service},
		"httpbin_httpbin-gateway.yaml":                 {service},
		// What belongs to Kubernetes itself is named as ignored.
		"extauthz_ext-authz.yaml":               {diag.CodeForeignKind},
		"extauthz_local-ext-authz.yaml":         {diag.CodeForeignKind},
		"helloworld_helloworld.yaml":            {diag.CodeForeignKind},
		"helloworld_helloworld-dual-stack.yaml": {diag.CodeForeignKind},
		"httpbin_httpbin.yaml":                  {diag.CodeForeignKind},
		"httpbin_httpbin-nodeport.yaml":         {diag.CodeForeignKind},
	}
}

// TestEverySampleLoads holds that each of Istio's manifests loads without an error, by
// itself, and lists its warnings.
func TestEverySampleLoads(t *testing.T) {
	paths, err := filepath.Glob(sampleDir + "/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Skip("NOT RUN: Istio's samples are not there")
	}
	want := sampleFindings()
	for _, path := range paths {
		name := filepath.Base(path)
		t.Run(name, func(t *testing.T) {
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			program := translate.Compile([]source.File{{Path: name, Content: content}}, model.DefaultSettings())
			var codes []diag.Code
			for _, d := range program.Diags {
				codes = append(codes, d.Code)
				if d.Severity == diag.Error {
					t.Errorf("%s", d)
				} else {
					t.Logf("%s", d)
				}
			}
			for _, code := range want[name] {
				if !slices.Contains(codes, code) {
					t.Errorf("the warning %s is missing", code)
				}
			}
			if _, refused := program.For(ingress()); len(refused) > 0 {
				t.Errorf("a gateway is refused: %v", refused)
			}
		})
		delete(want, name)
	}
	for name := range want {
		t.Errorf("the sample %s is not there", name)
	}
}
