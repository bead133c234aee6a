package translate_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// sampleDir holds manifests that Istio ships, unchanged.
const sampleDir = "../../shared/conformance/samples"

// sampleDiagnostics are the warnings that a sample has when it stands alone, in order, each
// code once.
func sampleDiagnostics() map[string][]diag.Code {
	const (
		// What belongs to Kubernetes itself is named as ignored.
		foreign = diag.CodeForeignKind
		// Nothing says where the pods of a Service are.
		endpoints = diag.CodeServiceEndpoints
		// The services that a gateway or a DestinationRule is for are in other files.
		service, unused = diag.CodeUnknownService, diag.CodeRuleUnused
		// Routes for sidecars do nothing on a gateway, and it has no identity of a mesh.
		mesh, identity = diag.CodeMeshOnly, diag.CodeNoIdentity
		unreachable    = diag.CodeRouteUnreachable
	)
	return map[string][]diag.Code{
		"bookinfo_networking_bookinfo-gateway.yaml":                    {service},
		"bookinfo_networking_certmanager-gateway.yaml":                 {service},
		"bookinfo_networking_destination-rule-all-mtls.yaml":           {unused, identity},
		"bookinfo_networking_destination-rule-all.yaml":                {unused},
		"bookinfo_networking_destination-rule-reviews.yaml":            {unused},
		"bookinfo_networking_egress-rule-google-apis.yaml":             {mesh},
		"bookinfo_networking_fault-injection-details-v1.yaml":          {unreachable, unused, mesh},
		"bookinfo_networking_virtual-service-all-v1.yaml":              {mesh},
		"bookinfo_networking_virtual-service-details-v2.yaml":          {mesh},
		"bookinfo_networking_virtual-service-ratings-db.yaml":          {mesh},
		"bookinfo_networking_virtual-service-ratings-mysql-vm.yaml":    {mesh},
		"bookinfo_networking_virtual-service-ratings-mysql.yaml":       {mesh},
		"bookinfo_networking_virtual-service-ratings-test-abort.yaml":  {mesh},
		"bookinfo_networking_virtual-service-ratings-test-delay.yaml":  {mesh},
		"bookinfo_networking_virtual-service-reviews-50-v3.yaml":       {mesh},
		"bookinfo_networking_virtual-service-reviews-80-20.yaml":       {mesh},
		"bookinfo_networking_virtual-service-reviews-90-10.yaml":       {mesh},
		"bookinfo_networking_virtual-service-reviews-jason-v2-v3.yaml": {mesh},
		"bookinfo_networking_virtual-service-reviews-test-v2.yaml":     {mesh},
		"bookinfo_networking_virtual-service-reviews-v2-v3.yaml":       {mesh},
		"bookinfo_networking_virtual-service-reviews-v3.yaml":          {mesh},
		"extauthz_ext-authz.yaml":                                      {foreign, endpoints},
		"extauthz_local-ext-authz.yaml":                                {foreign, endpoints},
		"helloworld_helloworld-dual-stack.yaml":                        {foreign, endpoints},
		"helloworld_helloworld-gateway.yaml":                           {service},
		"helloworld_helloworld.yaml":                                   {foreign, endpoints},
		"httpbin_httpbin-gateway.yaml":                                 {service},
		"httpbin_httpbin-nodeport.yaml":                                {foreign, endpoints},
		"httpbin_httpbin.yaml":                                         {foreign, endpoints},
	}
}

// TestEverySampleLoads holds that each of Istio's manifests loads without an error, by
// itself, with exactly the warnings of the table.
func TestEverySampleLoads(t *testing.T) {
	paths, err := filepath.Glob(sampleDir + "/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Skip("NOT RUN: Istio's samples are not there")
	}
	known, missing := sampleDiagnostics(), sampleDiagnostics()
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
			slices.Sort(codes)
			if d := cmp.Diff(known[name], slices.Compact(codes)); d != "" {
				t.Errorf("its warnings are others than in sampleDiagnostics (-want +got):\n%s", d)
			}
			if _, refused := program.For(ingress()); len(refused) > 0 {
				t.Errorf("a gateway is refused: %v", refused)
			}
		})
		delete(missing, name)
	}
	for name := range missing {
		t.Errorf("the sample %s is not there", name)
	}
}
