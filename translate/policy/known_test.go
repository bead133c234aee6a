package policy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// policies are AuthorizationPolicies that random edits change.
type policies struct {
	rng  *rand.Rand
	list []*resource.Resource
}

func (p *policies) one(name string) *resource.Resource {
	action := []securityv1beta1.AuthorizationPolicy_Action{deny, deny, allow, securityv1beta1.AuthorizationPolicy_AUDIT, custom}[p.rng.IntN(5)]
	spec := &securityv1beta1.AuthorizationPolicy{Action: action}
	for range p.rng.IntN(4) {
		rule := &securityv1beta1.Rule{To: []*securityv1beta1.Rule_To{{Operation: &securityv1beta1.Operation{Paths: []string{fmt.Sprint("/", p.rng.IntN(5))}}}}}
		if p.rng.IntN(2) == 0 {
			rule.From = []*securityv1beta1.Rule_From{{Source: &securityv1beta1.Source{NotRequestPrincipals: []string{"a/*"}}}}
		}
		if p.rng.IntN(4) == 0 {
			rule.To[0].Operation.Hosts = []string{"h"}
		}
		spec.Rules = append(spec.Rules, rule)
	}
	if action == custom {
		spec.ActionDetail = &securityv1beta1.AuthorizationPolicy_Provider{Provider: &securityv1beta1.AuthorizationPolicy_ExtensionProvider{Name: fmt.Sprint("provider-", p.rng.IntN(2))}}
	}
	out := authorization(spec)
	if out.Name = name; p.rng.IntN(5) == 0 && action != custom {
		out.Annotations = map[string]string{resource.DryRunAnnotation: "true"}
	}
	return out
}

// edit puts a policy in, out, in the place of another, or somewhere else; at times one of a name that there is.
func (p *policies) edit() {
	p.list = slices.Clone(p.list)
	i := p.rng.IntN(len(p.list))
	switch p.rng.IntN(6) {
	case 0:
		p.list = slices.Insert(p.list, i, p.one(fmt.Sprint("p", p.rng.IntN(200))))
	case 1:
		p.list = slices.Delete(p.list, i, i+1)
	case 2:
		p.list[i], p.list[0] = p.list[0], p.list[i]
	case 3:
		p.rng.Shuffle(len(p.list), func(i, j int) { p.list[i], p.list[j] = p.list[j], p.list[i] })
	default:
		p.list[i] = p.one(p.list[i].Name)
	}
}

// differences are where what is made with a memory differs from what is made without.
func differences(known *Known, v model.View) string {
	want, got := Of(v), known.Of(v)
	for i, list := range [][2][]Filter{{want.HTTP, got.HTTP}, {want.Network, got.Network}} {
		if len(list[0]) != len(list[1]) {
			return fmt.Sprintf("%d: %d filters, want %d", i, len(list[1]), len(list[0]))
		}
		for j, f := range list[0] {
			g := list[1][j]
			if f.Name != g.Name || f.IstioName != g.IstioName {
				return g.Name + " in the place of " + f.Name
			}
			if !proto.Equal(f.Config, g.Config) || !proto.Equal(f.InIstio(), g.InIstio()) || !f.Trace.Equal(g.Trace) {
				return fmt.Sprintf("%s is %v, want %v", f.Name, g.Config, f.Config)
			}
		}
	}
	return ""
}

// TestWhatIsKnownOfRulesChangesNothing holds that equal filters are made whatever was made before, of several gateways,
// and with one key of tokens or with two.
func TestWhatIsKnownOfRulesChangesNothing(t *testing.T) {
	p := &policies{rng: rand.New(rand.NewPCG(1, 15))}
	for i := range 40 {
		p.list = append(p.list, p.one(fmt.Sprint("p", i)))
	}
	known := &Known{}
	for step := range 100 {
		p.edit()
		v, other := twoTokens(p.list...), twoTokens(p.list[:30]...)
		if step%7 == 0 {
			v.RequestAuthentications = nil
		}
		for _, v := range []model.View{v, other} {
			if d := differences(known, v); d != "" {
				t.Fatalf("step %d: %s", step, d)
			}
		}
		if p.rng.IntN(3) > 0 {
			known = known.Next()
		}
	}
}

// TestAMemoryThatLiesIsFound holds that the test before can fail: a rule that is remembered and is another one is found.
func TestAMemoryThatLiesIsFound(t *testing.T) {
	p := &policies{rng: rand.New(rand.NewPCG(2, 15)), list: []*resource.Resource{authorization(&securityv1beta1.AuthorizationPolicy{Action: deny, Rules: []*securityv1beta1.Rule{{}}})}}
	for i := range 20 {
		p.list = append(p.list, p.one(fmt.Sprint("p", i)))
	}
	known := &Known{}
	known.Of(twoTokens(p.list...))
	for _, s := range known.now {
		for _, m := range s.made {
			for i := range m.rules {
				m.rules[i].policy = failClosed(allow)
			}
		}
	}
	p.list = slices.Clone(p.list)
	p.list[0] = authorization(&securityv1beta1.AuthorizationPolicy{Action: deny, Rules: []*securityv1beta1.Rule{{}, {}}})
	for _, s := range known.now {
		s.ambiguous = true // so that it is put together from what is remembered of each policy
	}
	if differences(known.Next(), twoTokens(p.list...)) == "" {
		t.Error("a memory that lies is not found")
	}
}

// TestAnEditMakesOnlyItsOwnRules holds that the rules of a policy that is not edited are the same messages, and that a
// filter which an edit does not touch is the same in all.
func TestAnEditMakesOnlyItsOwnRules(t *testing.T) {
	paths := func(path string) *resource.Resource {
		out := authorization(&securityv1beta1.AuthorizationPolicy{Action: deny, Rules: []*securityv1beta1.Rule{{To: []*securityv1beta1.Rule_To{{Operation: &securityv1beta1.Operation{Paths: []string{path}}}}}}})
		out.Name = path[1:]
		return out
	}
	list := []*resource.Resource{paths("/a"), paths("/b"), paths("/c"), paths("/d"), paths("/e"), paths("/f"), paths("/g"), paths("/h")}
	known := &Known{}
	rules := func(v model.View) (map[string]*rbacv3.Policy, *rbachttpv3.RBAC) {
		made := known.Of(v).HTTP
		known = known.Next()
		return made[len(made)-2].Config.(*rbachttpv3.RBAC).GetRules().GetPolicies(), made[len(made)-1].Config.(*rbachttpv3.RBAC)
	}
	before, allowed := rules(model.View{AuthorizationPolicies: list})
	list = slices.Clone(list)
	list[3] = paths("/x")
	after, allows := rules(model.View{AuthorizationPolicies: list})
	if allowed != allows {
		t.Error("the filter that is not touched is another message")
	}
	for name, rule := range after {
		if edited := name == "ns[foo]-policy[x]-rule[0]"; (before[name] == rule) == edited {
			t.Errorf("%s is the same message: %v", name, !edited)
		}
	}
	if len(after) != len(list) {
		t.Errorf("%d rules, want %d", len(after), len(list))
	}
}
