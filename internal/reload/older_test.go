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
)

// wrongFor is a policy that refuses a generation for the gateways with a label.
func wrongFor(label string) string {
	return "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: wrong, namespace: istio-system}\nspec: {selector: {matchLabels: {" + label + "}}, action: DENNY}\n"
}

// forApp is a policy for the gateways of one application.
func forApp(name, app, path string) string {
	return strings.Replace(policy(name, path), "spec: {", "spec: {selector: {matchLabels: {app: "+app+"}}, ", 1)
}

// TestNothingOlderIsServedWhileKeysAreAwaited holds that a gateway which comes back after a restart
// without kept keys waits for those of its policy, and is not given the one before, which another
// gateway is still served.
func TestNothingOlderIsServedWhileKeysAreAwaited(t *testing.T) {
	dir, ring, kept := t.TempDir(), &keyring{}, openState(t, t.TempDir())
	one, two := gatewayOf("one"), gatewayOf("two")
	start := func() (*reload.Reloader, *publisher) {
		p := &publisher{sent: map[string][]map[string]string{}}
		r, err := reload.New(reload.Options{
			Publisher: p, Files: files(input.Options{Dirs: []string{dir}}), Settings: model.DefaultSettings(), Keyring: ring, State: kept, Logger: slog.New(slog.DiscardHandler),
			Metrics: reload.NewMetrics(prometheus.NewRegistry()), Now: func() time.Time { return time.Now().Add(time.Hour) },
		})
		must(t, err)
		must(t, r.Reload(t.Context(), input.Change{}))
		return r, p
	}
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "guard.yaml", policy("guard", "/guarded"))
	r, p := start()
	r.Join(one)
	r.Join(two)
	write(t, dir, "tokens.yaml", trusting(keysA, "one"))
	write(t, dir, "wrong.yaml", wrongFor("app: two"))
	must(t, r.Reload(t.Context(), input.Change{}))
	want := p.of(one)
	if len(want) != 2 || len(p.of(two)) != 1 {
		t.Fatalf("published %d and %d times, want twice to the one and once to the other", len(want), len(p.of(two)))
	}
	r.Close()

	ring.await(keysA)
	r, p = start()
	r.Join(two)
	r.Join(one)
	if sent := p.of(one); len(sent) != 0 || len(p.of(two)) != 1 {
		t.Errorf("while keys are awaited: published %v to who needs them, want nothing, and what was good to the other: %v", sent, p.of(two))
	}
	ring.await()
	must(t, r.RotateKeys(t.Context()))
	if diff := cmp.Diff(want[1:], p.of(one)); diff != "" {
		t.Errorf("when they came (-want +got):\n%s", diff)
	}
}

// TestNothingOlderIsServedWhenADirectoryComesBack holds that an edit which was taken while a
// directory of others was lost stays, whatever the directory holds when it is back.
func TestNothingOlderIsServedWhenADirectoryComesBack(t *testing.T) {
	lost, own := t.TempDir(), t.TempDir()
	one, two := gatewayOf("one"), gatewayOf("two")
	write(t, lost, "a.yaml", forApp("a", "one", "/a"))
	write(t, own, "gateway.yaml", listener)
	write(t, own, "b.yaml", forApp("b", "two", "/b"))
	r, p := newReloader(t, nil, lost, own)
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(one)
	r.Join(two)
	must(t, os.Remove(filepath.Join(lost, "a.yaml")))
	write(t, own, "b.yaml", forApp("b", "two", "/tightened"))
	must(t, r.Reload(t.Context(), input.Change{Settled: []string{lost, own}}))
	if n := len(p.of(two)); n != 2 {
		t.Fatalf("published %d times to who lost nothing, want twice", n)
	}
	// Now it reaches the other too, which the rest of the generation is wrong for.
	write(t, lost, "a.yaml", policy("a", "/a"))
	write(t, own, "wrong.yaml", wrongFor("app: two"))
	must(t, r.Reload(t.Context(), input.Change{Settled: []string{lost, own}}))
	if n := len(p.of(two)); n != 2 {
		t.Errorf("published %d times, want what was tightened to stay", n)
	}
	r.Leave(two)
	r.Join(two)
	if sent := p.of(two); len(sent) != 3 || !cmp.Equal(sent[2], sent[1]) {
		t.Errorf("it came back and was given %v, want what it had: %v", sent[2:], sent[1])
	}
}

// TestALostDirectoryIsJudgedByWhatWasLost holds that a generation without a directory stays kept from
// who had something there, though later less stands there.
func TestALostDirectoryIsJudgedByWhatWasLost(t *testing.T) {
	lost, own := t.TempDir(), t.TempDir()
	one, two := gatewayOf("one"), gatewayOf("two")
	write(t, lost, "a.yaml", forApp("a", "one", "/a"))
	write(t, own, "gateway.yaml", listener)
	write(t, own, "b.yaml", policy("b", "/b"))
	r, p := newReloader(t, nil, lost, own)
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(one)
	r.Join(two)
	must(t, os.Remove(filepath.Join(lost, "a.yaml")))
	write(t, own, "b.yaml", policy("b", "/c")) // so that the other is served it
	must(t, r.Reload(t.Context(), input.Change{Settled: []string{lost, own}}))
	// It is moved to other gateways, in an edit that is wrong for both.
	write(t, lost, "a.yaml", forApp("a", "three", "/a"))
	write(t, own, "wrong.yaml", wrongFor("istio: ingressgateway"))
	must(t, r.Reload(t.Context(), input.Change{Settled: []string{lost, own}}))
	if n, m := len(p.of(one)), len(p.of(two)); n != 1 || m != 2 {
		t.Errorf("published %d times to who lost something and %d to the other, want 1 and 2", n, m)
	}
}
