package differential

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

const (
	setsOfBatch   = 200
	requestsOfSet = 100
	// shown is how many disagreements are made small and printed: each takes a while.
	shown = 4
)

// TestExplainAnswersAsEnvoyDoes asks both the same: random requests, drawn around the values of random policies,
// in all shapes. DIFFERENTIAL is how many; PORTREEVE_SEED repeats a run, or one set where it is that of a
// disagreement and DIFFERENTIAL is 100; SHOWN is how many disagreements are made small.
//
// Left out, since nobody who explains a request can know it: the hash and the certificate that Envoy writes into
// x-forwarded-client-cert; what an authorizer answers besides whether it lets pass; the order of the fields of
// an object that is handed over in a header, which is by chance; percentages between 0 and 100; of connections
// that nobody takes, why. Not sent: HTTP/2, bodies, CONNECT, TLS where a server speaks plain text.
func TestExplainAnswersAsEnvoyDoes(t *testing.T) {
	if underRace {
		t.Skip("make agreement runs it, without the race detector")
	}
	l := newLaboratory(t)
	r := &run{laboratory: l, seed: seed(t), found: map[string][]*disagreement{}, details: map[string]int{}, forms: map[string]int{}}
	verdicts := int(number(t, "DIFFERENTIAL", 20_000))
	t.Logf("PORTREEVE_SEED=%d DIFFERENTIAL=%d", r.seed, verdicts)
	begin := time.Now()
	for r.asked < verdicts && len(r.found) < 50 {
		r.batch(min(setsOfBatch, (verdicts-r.asked+requestsOfSet-1)/requestsOfSet))
		if r.asked%(5*setsOfBatch*requestsOfSet) == 0 {
			t.Logf("%d verdicts, %d disagreements, next PORTREEVE_SEED=%d", r.asked, r.disagreed, r.seed)
		}
	}
	took := time.Since(begin)
	t.Logf("%d verdicts in %s, %.0f a second; %d disagreements; of %d sets %d are refused",
		r.asked, took.Round(time.Second), float64(r.asked)/took.Seconds(), r.disagreed, r.sets+r.refused, r.refused)
	for _, kind := range slices.Sorted(maps.Keys(r.details)) {
		t.Logf("%7d %s", r.details[kind], kind)
	}
	for _, form := range slices.Sorted(maps.Keys(r.forms)) {
		t.Logf("%7d sets: %s", r.forms[form], form)
	}
	r.reaches(verdicts)
	r.report()
}

func seed(t testing.TB) uint64 {
	return number(t, "PORTREEVE_SEED", uint64(time.Now().UnixNano())>>1) //nolint:gosec // a seed
}

func number(t testing.TB, name string, otherwise uint64) uint64 {
	t.Helper()
	written := os.Getenv(name)
	if written == "" {
		return otherwise
	}
	out, err := strconv.ParseUint(written, 10, 63)
	must(t, err)
	return out
}

// run is what came of all batches.
type run struct {
	*laboratory
	// seed is that of the next set.
	seed                            uint64
	asked, disagreed, sets, refused int
	// found are the disagreements by their signature, details how often Envoy gave which.
	found   map[string][]*disagreement
	details map[string]int
	// forms are how many sets look requests up in which way.
	forms map[string]int
}

// batch asks about more sets.
func (r *run) batch(sets int) {
	r.keys.now = time.Now()
	trials := r.trials(sets)
	r.ask(trials)
	for _, t := range trials {
		r.asked += len(t.requests)
		for _, form := range formsOf(t.explained) {
			r.forms[form]++
		}
		for _, o := range t.outcomes {
			r.details[kind(o.details)]++
		}
	}
	for _, d := range r.disagreements(trials) {
		r.disagreed++
		if s := d.signature(); len(r.found[s]) < 100 {
			r.found[s] = append(r.found[s], d)
		}
	}
}

// trials prepares sets that compile; the others are counted.
func (r *run) trials(sets int) []*trial {
	var out []*trial
	for ; len(out) < sets; r.seed++ {
		g := newGenerator(r.seed, r.keys, r.certificates)
		t := &trial{seed: r.seed, set: g.set(), certificates: r.certificates, place: place{network: r.network, number: len(out), backend: r.backend, authorizer: r.authorizer}}
		found, err := t.prepare(r.log())
		if err != nil {
			mesh, policies := t.text(t.place)
			r.Fatalf("PORTREEVE_SEED=%d: %v\n%s---\n%s", r.seed, err, mesh, policies)
		}
		if len(found) > 0 {
			r.refused++
			continue
		}
		for range requestsOfSet {
			t.requests = append(t.requests, r.withoutForged(t.shape, g.request()))
		}
		out = append(out, t)
	}
	r.sets += len(out)
	return out
}

// withoutForged is a request without headers that rules for tokens make, where Envoy 1.39 is asked in Istio's shape: it
// removes only those of the providers that it asks, and explain says what 1.40 does. In the shape that gateways are
// served, a filter before removes all of them.
func (r *run) withoutForged(in shape, asked request) request {
	if in == istios && r.older {
		asked.headers = slices.DeleteFunc(asked.headers, func(h traffic.Header) bool {
			return slices.Contains([]string{"x-payload", "x-sub", "x_sub", "x-a"}, strings.ToLower(h.Name))
		})
	}
	return asked
}

// reaches holds that the sets and requests are worth asking: what decides is of all kinds.
func (r *run) reaches(verdicts int) {
	if r.refused > r.sets {
		r.Errorf("%d sets are refused, %d are not", r.refused, r.sets)
	}
	if verdicts < 20_000 {
		return
	}
	r.looks()
	for kind, least := range map[string]int{
		"via_upstream": 1000, "rbac_access_denied_matched_policy": 1000, "jwt_authn_access_denied": 1000, "ext_authz_denied": 200, "route_not_found": 200,
		"direct_response": 100, "fault_filter_abort": 20, "path_normalization_failed": 50, "http1.codec_error": 50, "http.invalid_authority": 50,
	} {
		if r.details[kind] < least {
			r.Errorf("%s decides %d requests, want at least %d", kind, r.details[kind], least)
		}
	}
}

// looks holds that policy was rewritten so that all ways of looking requests up were asked.
func (r *run) looks() {
	for way, least := range map[string]int{"exact map over portreeve.path": 5, "exact map over portreeve.plain_path": 3, "prefix map over portreeve.path": 5, "exact map over portreeve.claim.payload:sub": 5, "list": 20} {
		if r.forms[way] < least {
			r.Errorf("%d sets have the form %q, want at least %d", r.forms[way], way, least)
		}
	}
}

// report prints, of each kind of disagreement, the smallest set and request that show it.
func (r *run) report() {
	signatures := slices.SortedFunc(maps.Keys(r.found), func(a, b string) int { return len(r.found[b]) - len(r.found[a]) })
	for n, s := range signatures {
		first := r.found[s][0]
		if n < int(number(r, "SHOWN", shown)) {
			r.Errorf("%d and more of the kind %s:\n%s", len(r.found[s]), s, r.shrink(first))
			continue
		}
		r.Errorf("%d and more of the kind %s, such as PORTREEVE_SEED=%d: %v %q", len(r.found[s]), s, first.seed, first.differences, first.request.wire(first.place, "0"))
	}
}

// kind is a details string without what differs among rules.
func kind(details string) string {
	out, _, _ := strings.Cut(details, "[")
	out, _, _ = strings.Cut(out, "{")
	return out
}
