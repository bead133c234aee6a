package reload_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policytest"
	"github.com/portreeve/portreeve/translate/source"
)

// BenchmarkRequiredTests is what --require-tests costs a group of gateways: 1,000 requests by 100 policies, with
// what has to be made ready for them.
func BenchmarkRequiredTests(b *testing.B) {
	var policies, requests strings.Builder
	for i := range 100 {
		fmt.Fprintf(&policies, "%s---\n", policy(fmt.Sprintf("p%d", i), fmt.Sprintf("/shut/%d, /shut/%d/*", i, i)))
	}
	for i := range 1000 {
		fmt.Fprintf(&requests, "    - {url: 'http://a.example:8080/shut/%d'}\n", i%100)
	}
	program := translate.Compile([]source.File{
		{Path: "gateway.yaml", Content: []byte(listener)}, {Path: "policy.yaml", Content: []byte(policies.String())},
		{Path: "test.yaml", Content: []byte("apiVersion: portreeve.dev/v1alpha1\nkind: PolicyTest\nmetadata: {name: many}\nspec:\n  tests:\n  - name: all\n    expect: {verdict: denied}\n    requests:\n" + requests.String())},
	}, model.DefaultSettings())
	for b.Loop() {
		served, refused := program.For(group().Gateway)
		gateway, err := explain.New(served)
		if err != nil || len(refused) > 0 {
			b.Fatal(err, refused)
		}
		objects := policytest.NewObjects(program.Objects())
		for _, r := range policytest.Of(program.Tests(), policytest.Making{})[0].Run(gateway, objects) {
			if r.Failed() {
				b.Fatal(r.Faults)
			}
		}
	}
}
