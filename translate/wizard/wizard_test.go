package wizard_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	securityv1beta1 "istio.io/api/security/v1beta1"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
	"github.com/portreeve/portreeve/translate/wizard"
)

// request is what rules look at; an absent header is "".
type request struct {
	host, path, method, port string
	headers                  map[string]string
}

// matches is Istio's string match, without the templates.
func matches(pattern, value string, present bool) bool {
	switch {
	case pattern == "*":
		return present
	case !present:
		return false
	case strings.HasPrefix(pattern, "*"):
		return strings.HasSuffix(value, pattern[1:])
	case strings.HasSuffix(pattern, "*"):
		return strings.HasPrefix(value, pattern[:len(pattern)-1])
	default:
		return pattern == value
	}
}

func anyMatches(patterns []string, value string, present bool) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, value, present) })
}

// field is true where neither list is set, or as values and notValues say.
func field(values, notValues []string, value string, present bool) bool {
	return (len(values) == 0 || anyMatches(values, value, present)) && !anyMatches(notValues, value, present)
}

// ruleMatches is the meaning of a JWTPolicy's rule.
func ruleMatches(r *portreevev1alpha1.Rule, q request) bool {
	var ports []string
	for _, p := range r.GetPorts() {
		ports = append(ports, fmt.Sprint(p))
	}
	out := field(r.GetHosts(), nil, q.host, true) && field(r.GetPaths(), nil, q.path, true) && field(r.GetMethods(), nil, q.method, true) && field(ports, nil, q.port, true)
	for _, h := range r.GetHeaders() {
		value, present := q.headers[strings.ToLower(h.GetName())]
		out = out && anyMatches(h.GetValues(), value, present)
	}
	return out
}

// denied is the meaning of the generated DENY policy for a request without a token.
func denied(p *securityv1beta1.AuthorizationPolicy, q request) bool {
	return slices.ContainsFunc(p.GetRules(), func(r *securityv1beta1.Rule) bool {
		to := len(r.GetTo()) == 0 || slices.ContainsFunc(r.GetTo(), func(t *securityv1beta1.Rule_To) bool {
			o := t.GetOperation()
			return field(o.GetHosts(), o.GetNotHosts(), q.host, true) && field(o.GetPaths(), o.GetNotPaths(), q.path, true) &&
				field(o.GetMethods(), o.GetNotMethods(), q.method, true) && field(o.GetPorts(), o.GetNotPorts(), q.port, true)
		})
		for _, w := range r.GetWhen() {
			name := strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(w.GetKey(), "request.headers["), "]"))
			value, present := q.headers[name]
			to = to && field(w.GetValues(), w.GetNotValues(), value, present)
		}
		return to
	})
}

func some(r *rand.Rand, values ...string) []string {
	var out []string
	for _, v := range values {
		if r.IntN(3) == 0 {
			out = append(out, v)
		}
	}
	return out
}

func randomRule(r *rand.Rand) *portreevev1alpha1.Rule {
	out := &portreevev1alpha1.Rule{Hosts: some(r, "a.x", "*.x", "*"), Paths: some(r, "/a", "/b*", "*c"), Methods: some(r, "GET", "POST")}
	if r.IntN(3) == 0 {
		out.Ports = []uint32{80}
	}
	if values := some(r, "1", "*", "2*"); len(values) > 0 {
		out.Headers = []*portreevev1alpha1.HeaderMatch{{Name: []string{"H", "h"}[r.IntN(2)], Values: values}}
	}
	if out.String() == "" {
		out.Methods = []string{"PUT"}
	}
	return out
}

func requests() []request {
	var out []request
	for _, host := range []string{"a.x", "b.x", "y"} {
		for _, path := range []string{"/a", "/b/c", "/z"} {
			for _, method := range []string{"GET", "PUT"} {
				for _, headers := range []map[string]string{{}, {"h": ""}, {"h": "1"}, {"h": "23"}} {
					out = append(out, request{host, path, method, "80", headers}, request{host, path, method, "81", headers})
				}
			}
		}
	}
	return out
}

func policy(mode portreevev1alpha1.Matching_Mode, rules ...*portreevev1alpha1.Rule) *resource.Resource {
	return &resource.Resource{
		Key:    resource.Key{Kind: resource.JWTPolicy, Namespace: "istio-system", Name: "p"},
		Spec:   &portreevev1alpha1.JWTPolicy{Jwt: &portreevev1alpha1.JWT{Issuer: "i", Jwks: "{}"}, Matching: &portreevev1alpha1.Matching{Mode: mode, Rules: rules}},
		Origin: origin(),
	}
}

func origin() resource.Origin {
	documents, _ := source.Parse([]source.File{{Path: "p.yaml", Content: []byte("spec: {jwt: {}, matching: {rules: [{}, {}]}}\n")}})
	return resource.Origin{Document: documents[0]}
}

func denial(t *testing.T, in *resource.Resource) (*securityv1beta1.AuthorizationPolicy, diag.List) {
	t.Helper()
	out, diags := wizard.Expand([]*resource.Resource{in})
	for _, r := range out {
		if p, ok := r.Spec.(*securityv1beta1.AuthorizationPolicy); ok {
			return p, diags
		}
	}
	return nil, diags
}

// TestTheModesAreEachOthersMirrorImage holds, for random rules, that a request without a
// token is denied exactly where the form says so.
func TestTheModesAreEachOthersMirrorImage(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test wants the same rules again
	compared := 0
	for range 300 {
		var rules []*portreevev1alpha1.Rule
		for range 1 + r.IntN(4) {
			rules = append(rules, randomRule(r))
		}
		auth, _ := denial(t, policy(portreevev1alpha1.Matching_AUTH_IF_MATCHED, rules...))
		bypass, refused := denial(t, policy(portreevev1alpha1.Matching_BYPASS_AUTH_IF_MATCHED, rules...))
		for _, q := range requests() {
			want := slices.ContainsFunc(rules, func(r *portreevev1alpha1.Rule) bool { return ruleMatches(r, q) })
			if got := denied(auth, q); got != want {
				t.Fatalf("AUTH_IF_MATCHED of %v: %+v denied %v, want %v", rules, q, got, want)
			}
			if refused.HasErrors() {
				continue
			}
			compared++
			if got := denied(bypass, q); got == want {
				t.Fatalf("BYPASS_AUTH_IF_MATCHED of %v: %+v denied %v, want %v\n%v", rules, q, got, !want, bypass)
			}
		}
	}
	if compared < 10000 {
		t.Errorf("only %d requests compared", compared)
	}
}

func TestAComplementThatIsTooLargeIsRefused(t *testing.T) {
	var rules []*portreevev1alpha1.Rule
	for i := range 7 {
		rules = append(rules, &portreevev1alpha1.Rule{Paths: []string{fmt.Sprintf("/%d", i)}, Hosts: []string{fmt.Sprintf("h%d", i)}})
	}
	got, diags := denial(t, policy(portreevev1alpha1.Matching_BYPASS_AUTH_IF_MATCHED, rules...))
	if got != nil || len(diags) != 1 || diags[0].Code != diag.CodeComplement || diags[0].Hint == "" {
		t.Errorf("128 terms: got %v, %v; want one %s with a hint", got, diags, diag.CodeComplement)
	}
	got, diags = denial(t, policy(portreevev1alpha1.Matching_BYPASS_AUTH_IF_MATCHED, rules[:6]...))
	if len(diags) > 0 || len(got.GetRules()) != 64 {
		t.Errorf("64 terms: got %d rules, %v", len(got.GetRules()), diags)
	}
}

func TestWhatIsNotEnabledBecomesNothing(t *testing.T) {
	in := policy(portreevev1alpha1.Matching_AUTH_IF_MATCHED, &portreevev1alpha1.Rule{Paths: []string{"/a"}})
	off := false
	in.Spec.(*portreevev1alpha1.JWTPolicy).Enabled = &off
	if out, diags := wizard.Expand([]*resource.Resource{in}); len(out)+len(diags) > 0 {
		t.Errorf("got %v, %v", out, diags)
	}
}

func TestAnInvalidTokenIsRefusedInBothModes(t *testing.T) {
	for _, mode := range []portreevev1alpha1.Matching_Mode{portreevev1alpha1.Matching_AUTH_IF_MATCHED, portreevev1alpha1.Matching_BYPASS_AUTH_IF_MATCHED} {
		out, _ := wizard.Expand([]*resource.Resource{policy(mode, &portreevev1alpha1.Rule{Paths: []string{"/a"}})})
		if len(out) != 2 || out[0].Kind != resource.RequestAuthentication || out[1].Kind != resource.AuthorizationPolicy {
			t.Errorf("%s: got %v", mode, out)
		}
	}
}

// TestWhatIsSwitchedOffLeavesAMark holds that a JWTPolicy with enabled: false becomes nothing
// that is served, and a mark with its name and selector; and that no other one leaves any.
func TestWhatIsSwitchedOffLeavesAMark(t *testing.T) {
	off := strings.Replace(form, "spec:\n", "spec:\n  enabled: false\n", 1)
	marks := wizard.Disabled(decode(t, off))
	if len(marks) != 1 || marks[0].Kind != resource.JWTPolicy {
		t.Fatalf("marks: %v", marks)
	}
	written := decode(t, off)[0]
	spec := marks[0].Spec.(*securityv1beta1.RequestAuthentication)
	if marks[0].Key != written.Key || len(spec.GetJwtRules()) > 0 || len(spec.GetSelector().GetMatchLabels()) == 0 {
		t.Errorf("mark %v with %v, want the name and the selector of %v and no rules", marks[0].Key, spec, written.Key)
	}
	if made, _ := wizard.Expand(decode(t, off)); len(made) > 0 {
		t.Errorf("it becomes %v", made)
	}
	for _, on := range []string{form, strings.Replace(form, "spec:\n", "spec:\n  enabled: true\n", 1)} {
		if marks := wizard.Disabled(decode(t, on)); len(marks) > 0 {
			t.Errorf("what is enforced leaves the marks %v", marks)
		}
	}
}
