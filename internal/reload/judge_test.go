package reload_test

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
)

// shutTest asks of the gateways of a zone, or of all ingress gateways, that /shut is denied.
func shutTest(labels string) string {
	return "apiVersion: portreeve.dev/v1alpha1\nkind: PolicyTest\nmetadata: {name: shut, namespace: istio-system}\nspec: {gateways: [{labels: {istio: ingressgateway" + labels + "}}], tests: [{name: shut, request: {url: 'http://a.example:8080/shut'}, expect: {verdict: denied}}]}\n"
}

// requiring returns a reloader that serves only what tests hold for.
func requiring(t *testing.T, kept *state.Dir, ring reload.Keyring, dir string) (*reload.Reloader, *publisher) {
	t.Helper()
	p, settings := &publisher{sent: map[string][]map[string]string{}}, model.DefaultSettings()
	settings.RequireTests = true
	r, err := reload.New(reload.Options{
		Publisher: p, Files: files(input.Options{Dirs: []string{dir}}), Settings: settings, Keyring: ring, State: kept, Logger: slog.New(slog.DiscardHandler),
		Metrics: reload.NewMetrics(prometheus.NewRegistry()), Now: func() time.Time { return time.Now().Add(time.Hour) },
	})
	must(t, err)
	return r, p
}

// refusal returns the codes of what keeps the latest generation from a group.
func refusal(r *reload.Reloader, g node.Group) []diag.Code {
	var out []diag.Code
	for _, s := range r.Status().Groups {
		for _, d := range s.Refused {
			if s.Key() == g.Key {
				out = append(out, d.Code)
			}
		}
	}
	return out
}

func groupWith(label, value string) node.Group {
	g := group().Gateway.Clone()
	g.Labels[label] = value
	return node.Of(g)
}

// TestRequiredTests holds that a gateway is given only what the tests about it hold for: an edit that breaks one
// is refused, and so is one that takes the tests away; a gateway that none is about gets nothing, and the
// others move on.
func TestRequiredTests(t *testing.T) {
	dir := t.TempDir()
	r, p := requiring(t, nil, &keyring{}, dir)
	edit := func(files map[string]string) {
		t.Helper()
		for name, content := range files {
			write(t, dir, name, content)
		}
		must(t, r.Reload(t.Context(), input.Change{}))
	}
	edit(map[string]string{"gateway.yaml": listener, "shut.yaml": policy("shut", "/shut"), "test.yaml": shutTest("")})
	r.Join(group())
	elsewhere := node.Of(model.Gateway{Namespace: "edge", Labels: group().Gateway.Labels})
	r.Join(elsewhere)
	for _, step := range []struct {
		name  string
		files map[string]string
		// given is how often the group was given anything by now, and refused what keeps the latest from it.
		given   int
		refused []diag.Code
	}{
		{"at the start", nil, 1, nil},
		{"a change of tests alone is nothing to the gateway", map[string]string{"test.yaml": shutTest("") + "# more\n"}, 2, nil},
		{"an edit that breaks a test", map[string]string{"shut.yaml": policy("shut", "/other")}, 2, []diag.Code{diag.CodeTestFailed}},
		{"one that mends it", map[string]string{"shut.yaml": policy("shut", "/shut*")}, 3, nil},
		{"without the tests", map[string]string{"test.yaml": policy("more", "/more")}, 3, []diag.Code{diag.CodeUntested}},
		{"with tests of others", map[string]string{"test.yaml": shutTest(", zone: a")}, 3, []diag.Code{diag.CodeUntested}},
		{"with tests again", map[string]string{"test.yaml": shutTest("")}, 4, nil},
	} {
		edit(step.files)
		if got := len(p.of(group())); got != step.given {
			t.Errorf("%s: given %d times, want %d", step.name, got, step.given)
		}
		if d := cmp.Diff(step.refused, refusal(r, group())); d != "" {
			t.Errorf("%s: refused by (-want +got):\n%s", step.name, d)
		}
	}
	if sent := p.of(group()); len(sent) > 1 && cmp.Diff(sent[0], sent[1]) != "" {
		t.Errorf("a change of tests changes what is served: %v", cmp.Diff(sent[0], sent[1]))
	}
	if got := len(p.of(elsewhere)); got != 0 {
		t.Errorf("a gateway that no test is about was given something %d times", got)
	}
	if d := cmp.Diff([]diag.Code{diag.CodeUntested}, refusal(r, elsewhere)); d != "" {
		t.Errorf("a gateway that no test is about is refused by (-want +got):\n%s", d)
	}
}

// TestWithoutAnyTestNothingIsReady holds that files without a PolicyTest are told to be good for nobody before a
// gateway comes, and that one which comes then gets what tests held for before.
func TestWithoutAnyTestNothingIsReady(t *testing.T) {
	dir := t.TempDir()
	r, p := requiring(t, nil, &keyring{}, dir)
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "shut.yaml", policy("shut", "/shut"))
	must(t, r.Reload(t.Context(), input.Change{}))
	if s := r.Status(); s.Ready || len(s.Diagnostics) != 1 || s.Diagnostics[0].Code != diag.CodeUntested {
		t.Errorf("without a test: ready %v, %v", s.Ready, s.Diagnostics)
	}
	write(t, dir, "test.yaml", shutTest(""))
	must(t, r.Reload(t.Context(), input.Change{}))
	if s := r.Status(); !s.Ready {
		t.Errorf("with a test: %v", s.Diagnostics)
	}
	write(t, dir, "test.yaml", policy("more", "/more"))
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(group())
	if got := len(p.of(group())); got != 1 {
		t.Errorf("a gateway that comes after the tests are gone was given something %d times, want what they held for", got)
	}
}

// TestAGroupIsJudgedByWhatItGets holds that a gateway with more labels than a test names is asked itself: policy for
// it alone may break what holds for the gateway of the test.
func TestAGroupIsJudgedByWhatItGets(t *testing.T) {
	dir := t.TempDir()
	r, p := requiring(t, nil, &keyring{}, dir)
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "shut.yaml", policy("shut", "/shut"))
	write(t, dir, "test.yaml", shutTest("")+"---\n"+strings.ReplaceAll(strings.ReplaceAll(shutTest(""), "shut", "open"), "denied", "allowed"))
	write(t, dir, "zone.yaml", strings.Replace(policy("zone", "/open"), "spec: {", "spec: {selector: {matchLabels: {zone: a}}, ", 1))
	write(t, dir, "route.yaml", "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: all}\nspec: {hosts: ['*'], gateways: [g], http: [{route: [{destination: {host: b.example}}]}]}\n---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: b}\nspec: {hosts: [b.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, endpoints: [{address: 127.0.0.1}]}\n")
	must(t, r.Reload(t.Context(), input.Change{}))
	inZone := groupWith("zone", "a")
	r.Join(group())
	r.Join(inZone)
	if len(p.of(group())) != 1 {
		t.Errorf("the gateway of the test is refused: %v", r.Status().Groups)
	}
	if d := cmp.Diff([]diag.Code{diag.CodeTestFailed}, refusal(r, inZone)); d != "" || len(p.of(inZone)) != 0 {
		t.Errorf("the gateway in the zone is refused by (-want +got):\n%s", d)
	}
}

// TestARotationIsNotJudged holds that keys which rotate reach a gateway whatever its tests would say of them.
func TestARotationIsNotJudged(t *testing.T) {
	dir, ring := t.TempDir(), &keyring{}
	r, p := requiring(t, nil, ring, dir)
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "tokens.yaml", tokens+"---\n"+policy("shut", "/shut"))
	write(t, dir, "test.yaml", shutTest(""))
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(group())
	source := model.KeySource{URI: "https://a.example/keys"}
	for _, keys := range []string{`{"keys":[1]}`, `{"keys":[2]}`} {
		ring.keys = model.Keys{source: keys}
		must(t, r.RotateKeys(t.Context()))
	}
	if got := len(p.of(group())); got != 3 {
		t.Errorf("given %d times, want once and at each rotation", got)
	}
}

// TestARestartJudgesTheSame holds that what was refused stays refused over a restart, that what was served
// stays, also where it was read without the flag, and that a newcomer gets nothing that no test holds for.
func TestARestartJudgesTheSame(t *testing.T) {
	for name, before := range map[string]bool{"with the flag": true, "without it before": false} {
		t.Run(name, func(t *testing.T) {
			dir, kept := t.TempDir(), t.TempDir()
			write(t, dir, "gateway.yaml", listener)
			write(t, dir, "shut.yaml", policy("shut", "/shut"))
			if before {
				write(t, dir, "test.yaml", shutTest(""))
			}
			first := openState(t, kept)
			var r *reload.Reloader
			if before {
				r, _ = requiring(t, first, &keyring{}, dir)
			} else {
				r, _ = newReloader(t, first, dir)
			}
			must(t, r.Reload(t.Context(), input.Change{}))
			r.Join(group())
			if len(r.Status().Groups) != 1 || r.Status().Groups[0].Serving == nil {
				t.Fatalf("nothing is served at first: %v", r.Status().Groups)
			}
			serving := r.Status().Groups[0].Serving.Hash
			r.Close()
			must(t, first.Close())

			write(t, dir, "shut.yaml", policy("shut", "/other"))
			write(t, dir, "test.yaml", shutTest(""))
			r, p := requiring(t, openState(t, kept), &keyring{}, dir)
			must(t, r.Reload(t.Context(), input.Change{}))
			r.Join(group())
			if got := r.Status().Groups[0].Serving; got == nil || got.Hash != serving || len(p.of(group())) != 1 {
				t.Errorf("after the restart %v is served, want %s", got, serving)
			}
			if d := cmp.Diff([]diag.Code{diag.CodeTestFailed}, refusal(r, group())); d != "" {
				t.Errorf("refused by (-want +got):\n%s", d)
			}
			newcomer := groupWith("zone", "b")
			r.Join(newcomer)
			want := 0
			if before { // what was served before holds for it too
				want = 1
			}
			if got := len(p.of(newcomer)); got != want {
				t.Errorf("a newcomer was given something %d times, want %d", got, want)
			}
		})
	}
}

// TestFailuresAreBounded holds how much is told of tests that fail, and how many requests a gateway is
// judged by.
func TestFailuresAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		objects int
		want    string
		told    int
	}{
		"many failures": {1, "980 further requests fail", 21},
		"many requests": {11, "more than 10000 requests together", 1},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			var requests, objects strings.Builder
			for i := range 1000 {
				fmt.Fprintf(&requests, "    - {url: 'http://a.example:8080/%d'}\n", i)
			}
			for i := range c.objects {
				fmt.Fprintf(&objects, "---\napiVersion: portreeve.dev/v1alpha1\nkind: PolicyTest\nmetadata: {name: many-%02d, namespace: istio-system}\nspec:\n  tests:\n  - name: all\n    expect: {verdict: closed}\n    requests:\n%s", i, requests.String())
			}
			write(t, dir, "gateway.yaml", listener)
			write(t, dir, "test.yaml", objects.String())
			r, p := requiring(t, nil, &keyring{}, dir)
			must(t, r.Reload(t.Context(), input.Change{}))
			r.Join(group())
			refused := r.Status().Groups[0].Refused
			if len(p.of(group())) != 0 || len(refused) != c.told {
				t.Fatalf("%d findings, want %d", len(refused), c.told)
			}
			if text := strings.Join(refused.Lines(), "\n"); !strings.Contains(text, c.want) {
				t.Errorf("nothing says %q:\n%s", c.want, text)
			}
		})
	}
}

// TestGroupsAreJudgedSideBySide holds that each of many groups that come at once, while an edit is taken, is judged
// by what it gets itself.
func TestGroupsAreJudgedSideBySide(t *testing.T) {
	dir := t.TempDir()
	r, p := requiring(t, nil, &keyring{}, dir)
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "policy.yaml", policy("shut", "/shut"))
	write(t, dir, "test.yaml", shutTest(""))
	must(t, r.Reload(t.Context(), input.Change{}))
	var joined sync.WaitGroup
	for i := range 30 {
		for _, g := range []node.Group{groupWith("zone", strconv.Itoa(i)), groupWith("istio", "nobody"+strconv.Itoa(i))} {
			joined.Go(func() { r.Join(g) })
		}
	}
	write(t, dir, "policy.yaml", policy("shut", "/shut")+"# again")
	must(t, r.Reload(t.Context(), input.Change{}))
	joined.Wait()
	for i := range 30 {
		if tested, untested := groupWith("zone", strconv.Itoa(i)), groupWith("istio", "nobody"+strconv.Itoa(i)); len(p.of(tested)) == 0 || len(p.of(untested)) != 0 {
			t.Errorf("%s is given %d times and %s %d, want the first alone to be given anything", tested.Key, len(p.of(tested)), untested.Key, len(p.of(untested)))
		}
	}
}

// TestWhatIsServedLeadsToItsConditions holds that whoever asks what a gateway is served finds where each condition
// of a rule is written, which what is published does not carry.
func TestWhatIsServedLeadsToItsConditions(t *testing.T) {
	dir := t.TempDir()
	r, _ := requiring(t, nil, &keyring{}, dir)
	write(t, dir, "gateway.yaml", listener)
	write(t, dir, "policy.yaml", policy("shut", "/shut"))
	write(t, dir, "test.yaml", shutTest(""))
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(group())
	_, told, ok := r.Serving(group().Key)
	pos := told.Trace["envoy.filters.http.rbac.deny"].All()["ns[istio-system]-policy[shut]-rule[0].Permissions[0].AndRules.Rules[0]"]
	if !ok || pos.Line == 0 {
		t.Errorf("served: %v, and the condition leads to %v", ok, pos)
	}
}
