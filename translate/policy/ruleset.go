package policy

import (
	"slices"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	"google.golang.org/protobuf/proto"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// setOf says how the rules of a set are made of policies. Equal values make equal rules of equal policies.
type setOf struct {
	form   form
	action securityv1beta1.AuthorizationPolicy_Action
	// provider is the one that is asked, where the action is CUSTOM.
	provider string
	// keys are those of the payloads of tokens, where there are several, with a line feed between them; see severalKeys.
	keys string
	// conditions says that the conditions of rules are traced, each by itself.
	conditions bool
}

// made is what is made of one policy.
type made struct {
	kind  kind
	rules []namedRule
	// asks says for which of requestParts it asks, in a set of the form parts.
	asks [3]bool
}

// namedRule is a rule under the name that Envoy reports when it decides.
type namedRule struct {
	name   string
	policy *rbacv3.Policy
	at     diag.Position
	// conditions are where its conditions are written, by their paths; nil where they are not traced.
	conditions map[string]diag.Position
}

// kind says what becomes of rules.
type kind int

const (
	enforced kind = iota
	// dryRun are rules that only tell what they would do.
	dryRun
	kinds
)

// ruleSet is the rules of policies. It is immutable once it is packed.
type ruleSet struct {
	of    setOf
	specs []proto.Message
	made  []*made
	// rules, by name, are nil where no policy is of the kind, which count tells. A set that is there and empty is
	// something: as a list of who is allowed it lets nobody pass.
	rules [kinds]map[string]*rbacv3.Policy
	count [kinds]int
	// ambiguous says that two rules have one name.
	ambiguous bool
	config    proto.Message
	// trace is made when it is asked for.
	trace diag.Places
}

// without returns the rules of policies without knowing of any.
func (of setOf) without(policies []*resource.Resource) *ruleSet {
	out := &ruleSet{of: of, specs: specsOf(policies), made: make([]*made, 0, len(policies))}
	for _, p := range policies {
		out.made = append(out.made, of.make(p))
	}
	out.assemble()
	return out
}

// assemble puts together the rules of all policies.
func (s *ruleSet) assemble() {
	s.rules, s.count, s.ambiguous = [kinds]map[string]*rbacv3.Policy{}, [kinds]int{}, false
	for _, m := range s.made {
		s.add(m)
	}
	s.pack()
}

// add adds what is made of a policy.
func (s *ruleSet) add(m *made) {
	s.count[m.kind]++
	if s.rules[m.kind] == nil {
		s.rules[m.kind] = make(map[string]*rbacv3.Policy, len(s.made))
	}
	for _, r := range m.rules {
		s.ambiguous = s.ambiguous || s.has(r.name)
		s.rules[m.kind][r.name] = r.policy
	}
}

// has reports whether there is a rule of a name.
func (s *ruleSet) has(name string) bool {
	return slices.ContainsFunc(s.rules[:], func(rules map[string]*rbacv3.Policy) bool { return rules[name] != nil })
}

// placesIn returns where rules are written, and their conditions where they are traced. Of two of one name it is the last.
func placesIn(all []*made) map[string]diag.Position {
	out := make(map[string]diag.Position, len(all))
	for _, m := range all {
		for _, r := range m.rules {
			out[r.name] = r.at
			for clause, pos := range r.conditions {
				out[r.name+"."+clause] = pos
			}
		}
	}
	return out
}

// pack makes the message of the filter.
func (s *ruleSet) pack() {
	for kind, n := range s.count {
		if n == 0 {
			s.rules[kind] = nil
		}
	}
	if s.of.form != parts {
		s.config = s.of.form.config(s)
		all := s.made
		s.trace = diag.PlacesOnce(func() map[string]diag.Position { return placesIn(all) })
	}
}
