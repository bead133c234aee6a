package constraint_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	xdsmatcherv3 "github.com/cncf/xds/go/xds/type/matcher/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	"github.com/envoyproxy/protoc-gen-validate/validate"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portreeve/portreeve/translate/constraint"
	"github.com/portreeve/portreeve/translate/envoy/match"
)

// onMatch decides, or where the name is empty breaks a rule within an Any.
func onMatch(name string) *xdsmatcherv3.Matcher_OnMatch {
	return &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Action{
		Action: &xdscorev3.TypedExtensionConfig{Name: "action", TypedConfig: match.Any(&rbacv3.Action{Name: name, Action: rbacv3.RBAC_DENY})},
	}}
}

func input() *xdscorev3.TypedExtensionConfig {
	return &xdscorev3.TypedExtensionConfig{Name: "input", TypedConfig: match.Any(&rbacv3.Action{Name: "stands for an input"})}
}

func tree(entries map[string]*xdsmatcherv3.Matcher_OnMatch, otherwise *xdsmatcherv3.Matcher_OnMatch) *xdsmatcherv3.Matcher {
	return &xdsmatcherv3.Matcher{OnNoMatch: otherwise, MatcherType: &xdsmatcherv3.Matcher_MatcherTree_{MatcherTree: &xdsmatcherv3.Matcher_MatcherTree{
		Input: input(), TreeType: &xdsmatcherv3.Matcher_MatcherTree_ExactMatchMap{ExactMatchMap: &xdsmatcherv3.Matcher_MatcherTree_MatchMap{Map: entries}},
	}}}
}

func ofList(names []string) *xdsmatcherv3.Matcher {
	list := &xdsmatcherv3.Matcher_MatcherList{}
	for _, name := range names {
		list.Matchers = append(list.Matchers, &xdsmatcherv3.Matcher_MatcherList_FieldMatcher{
			Predicate: &xdsmatcherv3.Matcher_MatcherList_Predicate{MatchType: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_{SinglePredicate: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate{
				Input: input(), Matcher: &xdsmatcherv3.Matcher_MatcherList_Predicate_SinglePredicate_CustomMatch{CustomMatch: input()},
			}}},
			OnMatch: onMatch(name),
		})
	}
	return &xdsmatcherv3.Matcher{MatcherType: &xdsmatcherv3.Matcher_MatcherList_{MatcherList: list}}
}

// never is as long as anything, and Envoy's API has no such permission.
func never() *rbacv3.Permission { return &rbacv3.Permission{Rule: &rbacv3.Permission_Any{}} }

// scene is an RBAC filter: rules, and trees within trees. What is called broken breaks a rule.
type scene struct {
	rng      *rand.Rand
	policies map[string]*rbacv3.Policy
	entries  map[string]*xdsmatcherv3.Matcher_OnMatch
	list     []string
}

func (s *scene) name() string {
	if s.rng.IntN(12) == 0 {
		return ""
	}
	return fmt.Sprint("rule-", s.rng.IntN(100))
}

func (s *scene) edit() {
	key := fmt.Sprintf("/%03d", s.rng.IntN(400))
	switch s.rng.IntN(8) {
	case 0:
		s.policies[key] = policy(anything())
	case 1:
		s.policies[key] = policy(never()) // breaks a rule
	case 2:
		delete(s.policies, key)
	case 3:
		s.entries[key] = onMatch(s.name())
	case 4:
		delete(s.entries, key)
	case 5:
		i := s.rng.IntN(len(s.list))
		s.list = slices.Clone(s.list)
		s.list[i] = s.name()
	case 6:
		s.rng.Shuffle(len(s.list), func(i, j int) { s.list[i], s.list[j] = s.list[j], s.list[i] })
	default:
		s.list = append(slices.Clone(s.list), s.name())
	}
}

// mend removes all that breaks a rule.
func (s *scene) mend() {
	for key, p := range s.policies {
		if !p.GetPermissions()[0].GetAny() {
			delete(s.policies, key)
		}
	}
	for key, m := range s.entries {
		if proto.Equal(m, onMatch("")) {
			delete(s.entries, key)
		}
	}
	s.list = slices.DeleteFunc(slices.Clone(s.list), func(name string) bool { return name == "" })
}

func (s *scene) message() proto.Message {
	inner := tree(s.entries, &xdsmatcherv3.Matcher_OnMatch{OnMatch: &xdsmatcherv3.Matcher_OnMatch_Matcher{Matcher: ofList(s.list)}})
	outer := tree(map[string]*xdsmatcherv3.Matcher_OnMatch{"/": {OnMatch: &xdsmatcherv3.Matcher_OnMatch_Matcher{Matcher: inner}}}, nil)
	return packed(match.Any(&rbachttpv3.RBAC{Matcher: outer, Rules: &rbacv3.RBAC{Policies: s.policies}}))
}

// TestWhatIsLeftOutHidesNothing holds that after any sequence of edits of a large filter the same is found as by who
// knows nothing of what was judged before. Only the number in a list can be another.
func TestWhatIsLeftOutHidesNothing(t *testing.T) {
	s := &scene{rng: rand.New(rand.NewPCG(1, 15)), policies: map[string]*rbacv3.Policy{}, entries: map[string]*xdsmatcherv3.Matcher_OnMatch{}}
	for i := range 300 {
		key := fmt.Sprintf("/%03d", i)
		s.policies[key], s.entries[key], s.list = policy(anything()), onMatch(key), append(s.list, key)
	}
	reasons := func(k *constraint.Known, m proto.Message) []string {
		var out []string
		for _, v := range k.Judge(m) {
			out = append(out, v.Path[len(v.Path)-1]+": "+v.Reason)
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
	known := &constraint.Known{}
	broken := 0
	for step := range 250 {
		s.edit()
		if step%5 == 0 {
			s.mend()
		}
		m := s.message()
		want := reasons(&constraint.Known{}, m)
		if got := reasons(known, m); !cmp.Equal(got, want) {
			t.Fatalf("step %d: found %v, want %v", step, got, want)
		}
		if len(want) > 0 {
			broken++
		}
		if s.rng.IntN(3) > 0 {
			known = known.Next()
		}
	}
	if broken < 50 || broken > 200 {
		t.Errorf("%d of 250 are broken", broken)
	}
}

// TestWhatIsLeftOutIsJudgedOneByOne holds what leaving out what is known relies on: Envoy's API has no rule about these
// lists but that there is one value.
func TestWhatIsLeftOutIsJudgedOneByOne(t *testing.T) {
	field := func(m proto.Message, number protoreflect.FieldNumber, name protoreflect.Name) *validate.FieldRules {
		f := m.ProtoReflect().Descriptor().Fields().ByNumber(number)
		if f.Name() != name {
			t.Fatalf("field %d is %s", number, f.Name())
		}
		rules, _ := proto.GetExtension(f.Options(), validate.E_Rules).(*validate.FieldRules)
		return rules
	}
	if got := field(&rbacv3.RBAC{}, 2, "policies"); got != nil {
		t.Errorf("there are rules: %v", got)
	}
	one := uint64(1)
	if got, want := field(&xdsmatcherv3.Matcher_MatcherTree_MatchMap{}, 1, "map"), (&validate.FieldRules{Type: &validate.FieldRules_Map{Map: &validate.MapRules{MinPairs: &one}}}); !proto.Equal(got, want) {
		t.Errorf("the rules are %v", got)
	}
	if got, want := field(&xdsmatcherv3.Matcher_MatcherList{}, 1, "matchers"), (&validate.FieldRules{Type: &validate.FieldRules_Repeated{Repeated: &validate.RepeatedRules{MinItems: &one}}}); !proto.Equal(got, want) {
		t.Errorf("the rules are %v", got)
	}
}
