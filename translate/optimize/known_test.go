package optimize_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"testing"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/optimize"
	"github.com/portreeve/portreeve/translate/policy"
)

// TestWhatIsKnownChangesNoByte edits sets of rules again and again, of two gateways that share rules, and holds what
// is made with what was known against what is made from scratch. PORTREEVE_SOAK=1 does so 3,000 times.
func TestWhatIsKnownChangesNoByte(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // a test that can be repeated
	known := (*optimize.Known)(nil).Next()
	rules, o := map[string]*rbacv3.Policy{}, everyForm()
	steps := 150
	if os.Getenv("PORTREEVE_SOAK") == "1" {
		steps = 3000
	}
	for step := range steps {
		rules = edited(random, rules, step%2 == 0)
		if random.IntN(20) == 0 {
			o = everyForm(someOf(random, optimize.Names())...)
		}
		half := maps.Clone(rules)
		maps.DeleteFunc(half, func(string, *rbacv3.Policy) bool { return random.IntN(5) == 0 })
		for name, set := range map[string]map[string]*rbacv3.Policy{"all": rules, "some": half} {
			p := allOrDenies(set, step%2 == 0)
			if want, got := encoded(optimize.Policy(p, o, nil)), encoded(optimize.Policy(p, o, known)); !bytes.Equal(want, got) {
				t.Fatalf("step %d, %s: another outcome with what is known", step, name)
			}
		}
		if random.IntN(3) > 0 {
			known = known.Next()
		}
	}
}

// edited returns other rules, most of which are the same messages under the same names.
func edited(random *rand.Rand, rules map[string]*rbacv3.Policy, deny bool) map[string]*rbacv3.Policy {
	out := maps.Clone(rules)
	for range 1 + random.IntN(8) {
		name := fmt.Sprintf("rule-%d", random.IntN(200))
		if random.IntN(4) == 0 {
			delete(out, name)
			continue
		}
		out[name] = &rbacv3.Policy{Permissions: []*rbacv3.Permission{randomPermission(random, deny)}, Principals: []*rbacv3.Principal{randomPrincipal(random)}}
		if random.IntN(8) == 0 { // the same message under two names
			out[fmt.Sprintf("rule-%d", random.IntN(200))] = out[name]
		}
	}
	return out
}

func allOrDenies(rules map[string]*rbacv3.Policy, deny bool) policy.Policy {
	if deny {
		return denies(rules)
	}
	return policy.Policy{HTTP: []policy.Filter{{Name: policy.AllowFilter, Config: &rbachttpv3.RBAC{Rules: &rbacv3.RBAC{Policies: rules}}}}}
}

func encoded(p policy.Policy) []byte {
	var out []byte
	for _, f := range p.HTTP {
		out = append(append(out, f.Name...), match.Any(f.Config).GetValue()...)
	}
	return out
}

// TestKnownForgets holds that rules which are gone are forgotten.
func TestKnownForgets(t *testing.T) {
	known := (*optimize.Known)(nil).Next()
	for step := range 50 {
		rules := denying(100, func(i int) string { return fmt.Sprintf("/%d/%d", step, i) })
		optimize.Policy(denies(rules), everyForm(), known)
		if n := known.Len(); n > 300 {
			t.Fatalf("step %d: %d rules are remembered, of which 100 are there", step, n)
		}
		known = known.Next()
	}
}

// TestKnownCostsWhatAnEditTouches holds that an edit of one rule makes little anew.
func TestKnownCostsWhatAnEditTouches(t *testing.T) {
	rules := denying(2000, func(i int) string { return fmt.Sprintf("/tenants/%d", i) })
	known := (*optimize.Known)(nil).Next()
	optimize.Policy(denies(rules), optimize.Standard(), known)
	known = known.Next()
	rules = maps.Clone(rules)
	rules["another"] = denying(1, func(int) string { return "/another" })["ns[default]-policy[deny-0]-rule[0]"]
	p := denies(rules)
	got := testing.AllocsPerRun(1, func() { optimize.Policy(p, optimize.Standard(), known) })
	if got > 1000 {
		t.Errorf("%v allocations for one rule among 2,000", got)
	}
}
