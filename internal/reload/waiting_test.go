package reload_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
)

// trusting is a policy with the keys of an address, for gateways with a label.
func trusting(uri, app string) string {
	return "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: tokens, namespace: istio-system}\nspec: {selector: {matchLabels: {app: " + app + "}}, jwtRules: [{issuer: a, jwksUri: '" + uri + "'}]}\n"
}

const keysA, keysB, keysC = "https://a.example/keys", "https://b.example/keys", "https://c.example/keys"

func gatewayOf(app string) node.Group {
	return node.Of(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway", "app": app}})
}

func (k *keyring) await(uris ...string) {
	k.awaited = map[model.KeySource]string{}
	for _, uri := range uris {
		k.awaited[model.KeySource{URI: uri}] = uri
	}
}

func (k *keyring) wants(uri string) bool {
	for _, r := range k.wanted {
		if r.URI == uri {
			return true
		}
	}
	return false
}

// TestAPolicyWaitsForItsKeys holds that a group is served what it was served until new
// sources of keys were tried, that others do not wait, and that what is replaced is neither
// kept nor fetched for any longer.
func TestAPolicyWaitsForItsKeys(t *testing.T) {
	dir, ring := t.TempDir(), &keyring{keys: model.Keys{{URI: keysA}: `{"keys":[1]}`}}
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "tokens.yaml", trusting(keysA, "one"))
	r, p := settled(t, model.DefaultSettings(), ring, dir)
	must(t, r.Reload(t.Context(), input.Change{}))
	one, two := gatewayOf("one"), gatewayOf("two")
	r.Join(one)
	r.Join(two)

	write(t, dir, "tokens.yaml", trusting(keysB, "one"))
	write(t, dir, "guard.yaml", policy("guard", "/guarded"))
	ring.await(keysB)
	must(t, r.Reload(t.Context(), input.Change{}))
	if len(p.sent[one.Key]) != 1 || len(p.sent[two.Key]) != 2 {
		t.Fatalf("published %d and %d times, want once to who needs the keys and twice to who does not", len(p.sent[one.Key]), len(p.sent[two.Key]))
	}
	status := r.Status()
	if !status.Ready || !cmp.Equal(status.Waiting, []string{keysB}) {
		t.Errorf("status %+v, want ready, waiting for %s", status, keysB)
	}
	for _, g := range status.Groups {
		if waits := g.Labels["app"] == "one"; waits != (g.Serving.Seq == 1) || waits != cmp.Equal(g.Waiting, []string{keysB}) {
			t.Errorf("group %v: %+v", g.Labels, g)
		}
	}
	if !ring.wants(keysA) || !ring.wants(keysB) {
		t.Errorf("wanted %v, want the keys of both policies", ring.wanted)
	}

	// A key of the old policy is rotated, and another gateway connects, while it is served.
	ring.keys = model.Keys{{URI: keysA}: `{"keys":[2]}`}
	must(t, r.RotateKeys(t.Context()))
	three := node.Of(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway", "app": "one", "number": "3"}})
	r.Join(three)
	if len(p.sent[one.Key]) != 2 || len(p.sent[three.Key]) != 1 || !cmp.Equal(p.sent[one.Key][1], p.sent[three.Key][0]) {
		t.Errorf("published %v and %v, want the old policy with its new key", p.sent[one.Key], p.sent[three.Key])
	}

	// The attempt ends without keys.
	ring.await()
	must(t, r.RotateKeys(t.Context()))
	if n := len(p.sent[one.Key]); n != 3 {
		t.Fatalf("published %d times, want the new policy too", n)
	}
	if status := r.Status(); len(status.Waiting) != 0 || len(status.Groups[0].Waiting) != 0 || status.Groups[0].Serving.Seq != 2 {
		t.Errorf("status %+v", status)
	}
	if ring.wants(keysA) || !ring.wants(keysB) {
		t.Errorf("wanted %v, want the keys of the new policy only", ring.wanted)
	}
}

// TestARemovedPolicysKeysAreNotWanted holds at once, not at the next edit.
func TestARemovedPolicysKeysAreNotWanted(t *testing.T) {
	dir, ring := t.TempDir(), &keyring{}
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "tokens.yaml", tokens)
	r, _ := settled(t, model.DefaultSettings(), ring, dir)
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(group())
	write(t, dir, "open.yaml", everything) // nothing shall be enforced
	must(t, os.Remove(filepath.Join(dir, "tokens.yaml")))
	must(t, r.Reload(t.Context(), input.Change{Settled: []string{filepath.Join(dir, "tokens.yaml")}}))
	if len(ring.wanted) != 0 {
		t.Errorf("wanted %v", ring.wanted)
	}
}

// TestTheFirstPolicyWaitsForItsKeys holds that a gateway without any policy waits too, that
// readiness says so, and that the log does.
func TestTheFirstPolicyWaitsForItsKeys(t *testing.T) {
	dir, ring := t.TempDir(), &keyring{}
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "tokens.yaml", trusting(keysA, "one"))
	var log strings.Builder
	p := &publisher{sent: map[string][]map[string]string{}}
	r, err := reload.New(reload.Options{
		Publisher: p, Files: files(input.Options{Dirs: []string{dir}}), Settings: model.DefaultSettings(), Keyring: ring, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		Metrics: reload.NewMetrics(prometheus.NewRegistry()), Now: func() time.Time { return time.Now().Add(time.Hour) },
	})
	must(t, err)
	ring.await(keysA)
	must(t, r.Reload(t.Context(), input.Change{}))
	one := gatewayOf("one")
	r.Join(one)
	r.Join(gatewayOf("two"))
	status := r.Status()
	if len(p.sent[one.Key]) != 0 || len(p.sent[gatewayOf("two").Key]) != 1 || status.Ready || !cmp.Equal(status.Groups[0].Waiting, []string{keysA}) || status.Groups[0].Serving != nil {
		t.Errorf("published %v, status %+v; want nothing yet, and not ready", p.sent, status)
	}
	ring.keys = model.Keys{{URI: keysA}: `{"keys":[1]}`}
	ring.await()
	must(t, r.RotateKeys(t.Context()))
	if status := r.Status(); len(p.sent[one.Key]) != 1 || !status.Ready {
		t.Errorf("published %v, status %+v; want the policy, ready", p.sent, status)
	}
	for _, line := range []string{"policy waits for keys before it is served", "policy for gateway waits for keys", "policy waits for no keys any more"} {
		if n := strings.Count(log.String(), line); n != 1 {
			t.Errorf("%d lines %q:\n%s", n, line, &log)
		}
	}
	if strings.Contains(log.String(), "no good policy") {
		t.Errorf("the log:\n%s", &log)
	}
}

// TestWhatCanBeServedIsKept holds that, whoever is connected, a policy that waits takes
// nothing away: not what can be served meanwhile, also after a restart, and not itself when a
// later one waits longer or is refused.
func TestWhatCanBeServedIsKept(t *testing.T) {
	dir, ring := t.TempDir(), &keyring{}
	state := openState(t, t.TempDir())
	open := func(p *publisher) *reload.Reloader {
		r, err := reload.New(reload.Options{
			Publisher: p, Files: files(input.Options{Dirs: []string{dir}}), Settings: model.DefaultSettings(), Keyring: ring, State: state, Logger: slog.New(slog.DiscardHandler),
			Metrics: reload.NewMetrics(prometheus.NewRegistry()), Now: func() time.Time { return time.Now().Add(time.Hour) },
		})
		must(t, err)
		return r
	}
	start := func() (*reload.Reloader, *publisher) {
		p := &publisher{sent: map[string][]map[string]string{}}
		r := open(p)
		must(t, r.Reload(t.Context(), input.Change{}))
		return r, p
	}
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "tokens.yaml", trusting(keysA, "one"))
	r, p := start()
	edit := func(content string, awaited ...string) {
		t.Helper()
		write(t, dir, "tokens.yaml", content)
		ring.await(awaited...)
		must(t, r.Reload(t.Context(), input.Change{}))
	}
	serving := func(seq uint64) {
		t.Helper()
		if got := r.Status().Groups[0].Serving; got == nil || got.Seq != seq {
			t.Errorf("serving %+v, want generation %d", got, seq)
		}
	}
	edit(trusting(keysB, "one"), keysB)
	edit(trusting(keysC, "one"), keysB, keysC)
	r.Join(gatewayOf("one"))
	serving(1)

	ring.await(keysC)
	must(t, r.RotateKeys(t.Context()))
	serving(2)
	edit("kind: [", keysC)
	serving(2)
	before := p.sent[gatewayOf("one").Key]

	r, p = start()
	r.Join(gatewayOf("one"))
	if diff := cmp.Diff(before[1:], p.sent[gatewayOf("one").Key]); diff != "" {
		t.Errorf("after a restart (-want +got):\n%s", diff)
	}
	ring.await()
	must(t, r.RotateKeys(t.Context()))
	if n := len(p.sent[gatewayOf("one").Key]); n != 2 || ring.wants(keysB) || !ring.wants(keysC) {
		t.Errorf("published %d times, wanted %v; want the policy that waited, before the broken one", n, ring.wanted)
	}
	if open(nil); ring.wants(keysB) {
		t.Error("the state keeps a policy that nobody can need any more")
	}
}
