package translate_test

import (
	"testing"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/model"
)

// TestEachShapeMakesPolicyOnce holds, by what is allocated, that Static does not make the filters of policy a
// second time, and Istio only those that are its own beside ours. Conditions are traced, as nothing of such a
// program is remembered.
func TestEachShapeMakesPolicyOnce(t *testing.T) {
	program := translate.Compile(fleet(500, benchPolicy), model.DefaultSettings()).WithConditions()
	served := testing.AllocsPerRun(3, func() { program.For(ingress()) })
	static := testing.AllocsPerRun(3, func() { program.Static(ingress()) })
	istio := testing.AllocsPerRun(3, func() { program.Istio(ingress()) })
	if static > 1.3*served || istio > 2*served {
		t.Errorf("For makes %.0f allocations, Static %.0f and Istio %.0f, want at most 1.3 times as many, and 2 times", served, static, istio)
	}
}
