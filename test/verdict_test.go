package test

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/internal/verdicttest"
)

// verdictTables are the tables of verdicts, beside the compiler's other cases.
const verdictTables = "../translate/testdata/verdicts"

// reloads counts how often a gateway's policy was replaced. It rises when all workers have the new one.
const reloads = "extension_config_discovery.http_filter.portreeve.policy.config_reload"

// denyAll is what a gateway has between two cases.
const denyAll = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: between-cases, namespace: istio-system}
spec: {action: DENY, rules: [{}]}
`

// TestEnvoyAnswersAsTheTablesSay asks a real Envoy every request of the tables under every policy of
// them.
func TestEnvoyAnswersAsTheTablesSay(t *testing.T) {
	envoytest.Require(t)
	table, err := verdicttest.Load(os.DirFS(verdictTables))
	must(t, err)
	keys, err := verdicttest.NewKeys()
	must(t, err)
	byMesh := map[string][]verdicttest.Family{}
	for _, family := range table.Families {
		byMesh[family.Mesh] = append(byMesh[family.Mesh], family)
	}
	for _, mesh := range slices.Sorted(maps.Keys(byMesh)) {
		j := newJudge(t, keys, mesh)
		for _, family := range byMesh[mesh] {
			t.Run(family.Name, func(t *testing.T) { j.family(t, family) })
		}
	}
}

// TestNobodyThinsTheTablesOut holds that nobody thins them out.
func TestNobodyThinsTheTablesOut(t *testing.T) {
	table, err := verdicttest.Load(os.DirFS(verdictTables))
	must(t, err)
	policies := 0
	for _, family := range table.Families {
		policies += len(family.Policies)
	}
	if policies < 60 || len(table.Requests) < 20 {
		t.Errorf("%d policies and %d requests, want 60 and 20", policies, len(table.Requests))
	}
	t.Logf("%d policies, %d requests that all of them are asked", policies, len(table.Requests))
}

// judge is a gateway that is given one policy after the other, and asked on one connection.
type judge struct {
	*scene
	keys   *verdicttest.Keys
	client *envoytest.Client
	fill   *strings.Replacer
}

func newJudge(t *testing.T, keys *verdicttest.Keys, mesh string) *judge {
	t.Helper()
	var flags []string
	if mesh != "" {
		flags = []string{"--mesh-config", meshFile(t, mesh)}
	}
	s := newScene(t, denial("before-all", "ingressgateway", "/"), flags...)
	// Of some cases nothing is enforced, which has to be meant.
	before := s.generation(t)
	replace(t, filepath.Join(s.dir, "meant.yaml"), switchedOff(t))
	eventually(t, "it is read that nothing may be enforced", func() bool { return s.generation(t) > before })
	_, port, _ := strings.Cut(s.address, ":")
	return &judge{scene: s, keys: keys, client: dial(t, s.address), fill: strings.NewReplacer("${port.listener}", port)}
}

func (j *judge) family(t *testing.T, f verdicttest.Family) {
	var requests []verdicttest.Signed
	for _, r := range f.Requests {
		signed, err := j.keys.Sign(r)
		must(t, err)
		requests = append(requests, signed)
	}
	for _, p := range f.Policies {
		t.Run(p.Name, func(t *testing.T) {
			j.enforce(t, f.With, p.Policy)
			before := j.stats(t, p.Stats)
			for _, r := range requests {
				j.hold(t, &p, r)
			}
			for name, after := range j.stats(t, p.Stats) {
				if got, want := after-before[name], p.Stats[name]; got != want {
					t.Errorf("%s rose by %d, want %d", name, got, want)
				}
			}
		})
	}
}

// enforce gives the gateway a policy. It gets one that denies everything first, so that the policy
// of a case is always a change, which can be waited for.
func (j *judge) enforce(t *testing.T, documents ...string) {
	t.Helper()
	j.replace(t, denyAll)
	policy, err := j.keys.Fill(j.fill.Replace(strings.Join(documents, "\n---\n")))
	must(t, err)
	j.replace(t, policy)
}

// replace gives the gateway other policy and waits until all of its workers have it.
func (j *judge) replace(t *testing.T, policy string) {
	t.Helper()
	had, generation := j.gateway.MustCounter(t, reloads), j.generation(t)
	replace(t, j.policy, policy)
	eventually(t, "the policy is read", func() bool { return j.generation(t) > generation })
	status, err := j.status(t)
	must(t, err)
	if status.Diagnostics.HasErrors() {
		t.Fatalf("the policy is refused: %v", status.Diagnostics)
	}
	j.gateway.MustReach(t, reloads, had+1)
}

// hold asks one request and compares the answer.
func (j *judge) hold(t *testing.T, p *verdicttest.Policy, r verdicttest.Signed) {
	t.Helper()
	request, err := r.HTTP(t.Context())
	must(t, err)
	answer, err := j.client.Do(request)
	if err != nil {
		t.Fatalf("%s: %v", r.Name, err)
	}
	want := p.Expected(r.Name)
	if answer.Status != want.Status {
		t.Errorf("%s: %d %s, want %d %s", r.Name, answer.Status, answer.Body, want.Status, want.Body)
		return
	}
	if want.Status != 200 {
		if string(answer.Body) != want.Body {
			t.Errorf("%s: %d %q, want %q", r.Name, answer.Status, answer.Body, want.Body)
		}
		return
	}
	var received envoytest.Received
	if err := json.Unmarshal(answer.Body, &received); err != nil {
		t.Fatalf("%s: the backend's answer: %v", r.Name, err)
	}
	for header := range p.Backend {
		value, reaches := p.Reaches(header, r)
		if got := received.Header.Values(header); reaches != (len(got) > 0) || reaches && !slices.Equal(got, []string{value}) {
			t.Errorf("%s: the backend sees %s %q, want %q", r.Name, header, got, value)
		}
	}
}

// stats sums the counters whose names end as the table says. One that is not there yet is 0.
func (j *judge) stats(t *testing.T, ends map[string]uint64) map[string]uint64 {
	t.Helper()
	out := map[string]uint64{}
	for end := range ends {
		ctx, cancel := context.WithTimeout(t.Context(), bound)
		found, err := j.gateway.Stats(ctx, regexp.QuoteMeta(end)+"$")
		cancel()
		must(t, err)
		for _, value := range found {
			out[end] += value
		}
	}
	return out
}
