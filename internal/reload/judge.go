package reload

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policytest"
	"github.com/portreeve/portreeve/xds/node"
)

// The bounds of judging.
const (
	// maxJudged is how many requests a gateway is judged by.
	maxJudged = 10_000
	// maxFailures is how many failures are told of a gateway.
	maxFailures = 20
	// maxRemembered is how many groups are remembered. At more all are forgotten, and judged again when they ask:
	// the latest is always known, as it has been judged before the lock is taken under which it is asked for.
	maxRemembered = 4096
)

// judge says for which gateways the PolicyTests of a program hold. It judges without fetched keys: so
// neither a rotation of keys nor a restart changes what it says, and a test whose token needs such a key fails. A
// nil one refuses nothing. It is safe for concurrent use.
type judge struct {
	program *translate.Program
	tests   []policytest.Test
	objects func() *policytest.Objects
	// named are the failures at the gateways that the tests name, or that there is no test. They are known from the
	// start, so that nobody waits for them who holds a lock that gateways wait for.
	named diag.List
	mu    sync.Mutex
	known map[string]func() diag.List
}

func newJudge(program *translate.Program) *judge {
	j := &judge{program: program.WithKeys(nil), tests: policytest.Of(program.Tests(), policytest.Making{}), known: map[string]func() diag.List{}}
	j.objects = sync.OnceValue(func() *policytest.Objects { return policytest.NewObjects(program.Objects()) })
	j.named = j.ofNamed()
	return j
}

// failures returns the tests that fail at the gateways that they name. Where there is no test that is the
// failure: no gateway can be served then, and nobody should have to wait for one to be told.
func (j *judge) failures() diag.List {
	if j == nil {
		return nil
	}
	return j.named
}

func (j *judge) ofNamed() diag.List {
	if len(j.tests) == 0 {
		return diag.List{diag.New(diag.CodeUntested, j.somewhere(), "there is no PolicyTest, and --require-tests serves no gateway that is not tested").
			WithHint("a PolicyTest beside the policies, see docs/testing.md; or start without --require-tests")}
	}
	var out diag.List
	seen := map[string]bool{}
	for _, t := range j.tests {
		for _, g := range t.Gateways {
			key := node.Of(g).Key
			if refused := len(j.program.Refusals(g)) > 0; !refused && !seen[key] { // errors of the files are told as such
				seen[key] = true
				out = append(out, j.refusals(key, g)...) // which a group with no other labels is judged by too
			}
		}
	}
	return out.Sorted()
}

// refusals returns the errors that refuse a group of gateways what no test holds for: those that are about it
// and fail, or that none is about it. It fails closed. A group that is judged keeps no other one waiting.
func (j *judge) refusals(key string, g model.Gateway) diag.List {
	if j == nil {
		return nil
	}
	return j.judgement(key, g)()
}

// judgement returns what judges a group, once however many ask.
func (j *judge) judgement(key string, g model.Gateway) func() diag.List {
	j.mu.Lock()
	defer j.mu.Unlock()
	judgement, known := j.known[key]
	if !known {
		judgement = sync.OnceValue(func() diag.List { return j.judged(g) })
		if len(j.known) >= maxRemembered {
			clear(j.known)
		}
		j.known[key] = judgement
	}
	return judgement
}

func (j *judge) judged(g model.Gateway) diag.List {
	if !slices.ContainsFunc(j.tests, func(t policytest.Test) bool { return t.About(g) }) {
		return diag.List{diag.New(diag.CodeUntested, j.somewhere(), "no PolicyTest is about the gateways of %s, and --require-tests serves no gateway that is not tested", gatewayText(g)).
			WithHint("a PolicyTest with gateways: [{namespace: %s, labels: …}]; its labels are all among those of the gateway", g.Namespace)}
	}
	return j.failuresAt(g)
}

// somewhere is a place for what nobody wrote: the first test, or else the first object.
func (j *judge) somewhere() diag.Position {
	if len(j.tests) > 0 {
		return j.tests[0].At
	}
	if objects := j.program.Objects(); len(objects) > 0 {
		return objects[0].Origin.At(nil)
	}
	return diag.Position{File: "."}
}

// failuresAt returns the tests that fail at a gateway, or why there is nothing that they could be asked of: it
// fails closed.
func (j *judge) failuresAt(g model.Gateway) diag.List {
	served, told, refused := j.program.Both(g)
	if len(refused) > 0 {
		return refused
	}
	gateway, err := explain.NewTold(served, told)
	if err != nil {
		return diag.List{diag.New(diag.CodeTestFailed, j.somewhere(), "what the gateway %s would be served cannot be judged: %v", gatewayText(g), err).
			WithHint("start without --require-tests, and report this: it is a fault of the program")}
	}
	tests := slices.DeleteFunc(slices.Clone(j.tests), func(t policytest.Test) bool { return !t.About(g) })
	if tooMany := beyond(tests, g); len(tooMany) > 0 {
		return tooMany
	}
	var out diag.List
	for _, t := range tests {
		out = append(out, failed(t, g, t.Run(gateway, j.objects()))...)
	}
	if len(out) > maxFailures {
		more := len(out) - maxFailures
		out = append(out[:maxFailures:maxFailures], diag.New(diag.CodeTestFailed, out[maxFailures].Pos, "%d further requests fail at the gateway %s", more, gatewayText(g)).WithHint("portreeve test shows all"))
	}
	return out
}

// beyond returns the error that tests have more requests than a gateway is judged by, at the test that has the
// first of them.
func beyond(tests []policytest.Test, g model.Gateway) diag.List {
	requests := 0
	for _, t := range tests {
		for i := range t.Cases {
			requests += len(t.Cases[i].Requests)
		}
		if requests > maxJudged {
			return diag.List{diag.New(diag.CodeTestFailed, t.At, "the PolicyTests about the gateway %s have more than %d requests together", gatewayText(g), maxJudged).
				WithHint("fewer requests, or gateways of their own")}
		}
	}
	return nil
}

// failed returns an error for each request of a test that failed.
func failed(t policytest.Test, g model.Gateway, results []policytest.Result) diag.List {
	var out diag.List
	for _, f := range t.Faults {
		out = append(out, diag.New(diag.CodeTestFailed, t.At, "%v", f))
	}
	for _, r := range results {
		if !r.Failed() {
			continue
		}
		d := diag.New(diag.CodeTestFailed, r.Request.At, "the test %q fails at the gateway %s: %s: %s; it got %s", t.Name+"/"+r.Case.Name, gatewayText(g), r.Request.Text, strings.Join(r.Faults, "; "), r.Got()).
			WithHint("change the policy, or the test where something else is meant; portreeve test shows why")
		d.Object = "PolicyTest " + t.Name
		d.Scope = diag.Limited(diag.Target{Namespace: g.Namespace, Labels: g.Labels})
		out = append(out, d)
	}
	return out
}

func gatewayText(g model.Gateway) string {
	var labels []string
	for _, k := range slices.Sorted(maps.Keys(g.Labels)) {
		labels = append(labels, k+"="+g.Labels[k])
	}
	return fmt.Sprintf("%s (%s)", g.Namespace, strings.Join(labels, ","))
}
