package optimize_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/optimize"
)

// operations are what rules of a large set ask for by values that no map finds, several of which match a request.
func operations(random *rand.Rand) *securityv1beta1.Operation {
	i := random.IntN(80)
	paths := []string{
		fmt.Sprintf("*/%d", i), fmt.Sprintf("*%d", i), fmt.Sprintf("*/x;%d", i), fmt.Sprintf("/t%d/{*}", i), fmt.Sprintf("/t/{*}/%d", i), fmt.Sprintf("/t%d/{**}", i),
		fmt.Sprintf("/{**}/r%d", i), fmt.Sprintf("/{*}/s%d", i), fmt.Sprintf("/t/{*}/%d/{**}", i), fmt.Sprintf("/p%d*", i), fmt.Sprintf("/e/%d", i), fmt.Sprintf("/é/%d", i), fmt.Sprintf("/at@%d", i),
	}
	hosts := []string{
		fmt.Sprintf("h%d.example", i), fmt.Sprintf("*.d%d.example", i), fmt.Sprintf("p%d.*", i), fmt.Sprintf("H%d.Example:8080", i), fmt.Sprintf("*-s%d.example", i),
	}
	out := &securityv1beta1.Operation{}
	kind := random.IntN(8)
	if kind != 0 {
		out.Paths = []string{oneOf(random, paths...), oneOf(random, paths...)}[:1+random.IntN(2)]
	}
	if kind < 3 {
		out.Hosts = []string{oneOf(random, hosts...), oneOf(random, hosts...)}[:1+random.IntN(2)]
	}
	switch random.IntN(8) {
	case 0:
		out.Methods = []string{"GET"}
	case 1:
		out.NotPaths = []string{oneOf(random, paths...)}
	case 2:
		out.NotHosts = []string{oneOf(random, hosts...)}
	}
	return out
}

// askedFor has a path, and a host, that a few of the rules ask for.
func askedFor(random *rand.Rand) request {
	i := random.IntN(80)
	path := oneOf(random, "/a/%d", "/%d", "/x%d", "/a/x;%d", "/t%d/1", "/t%d/1/2", "/t%d/", "/t%d", "/t/1/%d", "/t/1/2/%d", "/t/1/%d/2/3", "/a/b/r%d", "/r%d", "/a/s%d", "/a/b/s%d", "/p%d/x", "/e/%d", "/e/%d?/1", "/%%C3%%a9/%d", "/at%%40%d", "/T%d/1")
	path = fmt.Sprintf(path, i)
	if random.IntN(4) == 0 {
		at := 1 + random.IntN(len(path))
		path = path[:at] + oneOf(random, ";v=1", "%3bv", "%2e", "|", "/", "'") + path[at:]
	}
	host := fmt.Sprintf(oneOf(random, "h%d.example", "H%d.EXAMPLE", "h%d.example:80", "h%d.example:8080", "x.d%d.example", "X.D%d.example:1", ".d%d.example", "d%d.example", "p%d.other", "P%d.x:2", "a-s%d.example", "none%d"), i)
	return request{oneOf(random, "GET ", "POST ") + path, []string{"Host: " + host}}
}

// TestGuardedRulesDecideAsWritten asks Envoy the same of large sets in both forms, also of such as are made with some
// of the rules switched off.
func TestGuardedRulesDecideAsWritten(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // a test that can be repeated
	const sets = 4
	var listeners []string
	for i := range sets {
		action := securityv1beta1.AuthorizationPolicy_Action(i % 2) // ALLOW, DENY
		var specs []*securityv1beta1.AuthorizationPolicy
		for range 400 {
			specs = append(specs, rules(action, to(operations(random))))
		}
		o := everyForm()
		if i > 1 {
			o = everyForm(someOf(random, optimize.Names())...)
		}
		p := written(specs...)
		listeners = append(listeners, listener(t, fmt.Sprint("written", i), p.HTTP), listener(t, fmt.Sprint("made", i), optimize.Policy(p, o, nil).HTTP))
	}
	envoy := asked(t, listeners)
	for i := range sets {
		plain, made := envoy.MustListener(t, fmt.Sprint("written", i)), envoy.MustListener(t, fmt.Sprint("made", i))
		denied, all := 0, 300
		for range all {
			r := askedFor(random)
			want, got := ask(t, plain, r), ask(t, made, r)
			if want[:3] != got[:3] || strings.Contains(want, "[none]") != strings.Contains(got, "[none]") {
				t.Errorf("set %d, %q: %s, as written %s", i, r, got, want)
			}
			if strings.HasPrefix(want, "403") {
				denied++
			}
		}
		if denied < all/20 || denied > all*19/20 {
			t.Errorf("set %d: %d of %d are denied: it tries too little", i, denied, all)
		}
	}
}
