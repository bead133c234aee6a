package policytest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	securityv1beta1 "istio.io/api/security/v1beta1"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/policy"
	"github.com/portreeve/portreeve/translate/resource"
)

// Objects are what people wrote, found by where it stands. It is immutable.
type Objects struct {
	byFile map[string][]written
	// known are the names of objects, namespace/name.
	known map[string]bool
}

// written is an object, and where it begins.
type written struct {
	at     diag.Position
	object *resource.Resource
}

// NewObjects returns the objects of a program.
func NewObjects(objects []*resource.Resource) *Objects {
	out := &Objects{byFile: map[string][]written{}, known: map[string]bool{}}
	for _, r := range objects {
		file := r.Origin.Document.File
		out.byFile[file] = append(out.byFile[file], written{r.Origin.At(nil), r})
		if decides(r.Kind) {
			out.known[r.Namespace+"/"+r.Name] = true
		}
	}
	for _, list := range out.byFile {
		slices.SortFunc(list, func(a, b written) int { return a.at.Compare(b.at) })
	}
	return out
}

// decides reports whether objects of a kind decide what becomes of requests: a PolicyTest does not.
func decides(k resource.Kind) bool { return k != resource.PolicyTest && k != resource.GatewayIdentity }

// at returns the object that a place is in, or nil.
func (o *Objects) at(pos *diag.Position) *resource.Resource {
	if pos == nil {
		return nil
	}
	list := o.byFile[pos.File]
	i, found := slices.BinarySearchFunc(list, *pos, func(w written, p diag.Position) int { return w.at.Compare(p) })
	if !found {
		i--
	}
	if i < 0 {
		return nil
	}
	return list[i].object
}

// ruleName is how the rule of a reason is named in expectations; empty where it has no name.
func (o *Objects) ruleName(r explain.Reason) string {
	if slices.Contains(guards(), r.Rule) {
		return r.Rule
	}
	return o.RuleName(r.At)
}

// RuleName is how a rule at a place is named in expectations: namespace/name[0], or namespace/name for what
// is no rule of a list. It is empty for a place in no object.
func (o *Objects) RuleName(pos *diag.Position) string {
	r := o.at(pos)
	if r == nil {
		return ""
	}
	name := r.Namespace + "/" + r.Name
	list, n := rulesOf(r)
	for i := range n {
		if r.Origin.At(list.Field(i)) == *pos {
			return fmt.Sprintf("%s[%d]", name, i)
		}
	}
	return name
}

// rulesOf returns where the rules of an object are, and how many there are.
func rulesOf(r *resource.Resource) (resource.Path, int) {
	switch spec := r.Spec.(type) {
	case *securityv1beta1.AuthorizationPolicy:
		return resource.Path{"spec", "rules"}, len(spec.GetRules())
	case *securityv1beta1.RequestAuthentication:
		return resource.Path{"spec", "jwtRules"}, len(spec.GetJwtRules())
	case *portreevev1alpha1.JWTPolicy:
		return resource.Path{"spec", "matching", "rules"}, len(spec.GetMatching().GetRules())
	}
	return nil, 0
}

// unknown says why there is no object, or rule of it, of a name; empty where there is.
func (o *Objects) unknown(rule ruleName) string {
	if !strings.Contains(rule.object, "/") {
		return ""
	}
	if !o.known[rule.object] {
		if near := resource.DidYouMean(rule.object, slices.Sorted(maps.Keys(o.known))); near != "" {
			return fmt.Sprintf("there is no object %s; did you mean %s?", rule.object, near)
		}
		_, name, _ := strings.Cut(rule.object, "/")
		for _, known := range slices.Sorted(maps.Keys(o.known)) {
			if strings.HasSuffix(known, "/"+name) {
				return fmt.Sprintf("there is no object %s; a name alone is one of the test's namespace: did you mean %s?", rule.object, known)
			}
		}
		return fmt.Sprintf("there is no object %s", rule.object)
	}
	return ""
}

// ruleName is what an expectation says of the rule that decides.
type ruleName struct {
	// object is namespace/name; or a name that stands for no object.
	object string
	// rule is [0], or empty.
	rule string
}

// noRule stands for no rule: nothing allows the request.
const noRule = "none"

// guards are the rules that nobody writes, by which requests are refused that backends may read otherwise
// than rules do.
func guards() []string {
	return []string{policy.MalformedHost, policy.MalformedMethod, policy.MalformedPath}
}

// readRule reads a name, which is of a namespace where it does not say one.
func readRule(text, namespace string) ruleName {
	if text == noRule || slices.Contains(guards(), text) {
		return ruleName{object: text}
	}
	object, rule, indexed := strings.Cut(text, "[")
	if !strings.Contains(object, "/") {
		object = namespace + "/" + object
	}
	if indexed {
		rule = "[" + rule
	}
	return ruleName{object: object, rule: rule}
}

func (r ruleName) String() string {
	if r.object == noRule {
		return "a refusal because no rule allows it"
	}
	return r.object + r.rule
}

// matches reports whether a rule is the one that is named, or one of the object that is named.
func (r ruleName) matches(rule string) bool {
	return rule == r.object+r.rule || r.rule == "" && strings.HasPrefix(rule, r.object+"[")
}
