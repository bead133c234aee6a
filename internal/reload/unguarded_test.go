package reload_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
)

// everything is policy that lets everything pass, on purpose.
const everything = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: everything, namespace: istio-system}\nspec: {action: ALLOW, rules: [{}]}\n"

// switchedOff is a JWTPolicy that says so too.
const switchedOff = "apiVersion: portreeve.dev/v1alpha1\nkind: JWTPolicy\nmetadata: {name: jwt, namespace: istio-system}\nspec: {enabled: false, jwt: {issuer: a, jwksUri: 'https://a.example/keys'}, matching: {mode: AUTH_IF_MATCHED, allRequests: true}}\n"

// fixture is a directory of policy and what reads it.
type fixture struct {
	*reload.Reloader
	*publisher
	t        *testing.T
	dir      string
	settings model.Settings
	state    *state.Dir
	log      *bytes.Buffer
	metrics  *prometheus.Registry
}

func newFixture(t *testing.T, policies map[string]string) *fixture {
	t.Helper()
	f := &fixture{t: t, dir: t.TempDir(), settings: model.DefaultSettings()}
	f.state = openState(t, t.TempDir())
	write(t, f.dir, "gateway.yaml", listener)
	for name, content := range policies {
		write(t, f.dir, name, content)
	}
	return f
}

// start reads everything as a process does that begins, after the one before has ended.
func (f *fixture) start() {
	f.t.Helper()
	if f.Reloader != nil {
		f.Close()
	}
	f.log, f.metrics = &bytes.Buffer{}, prometheus.NewRegistry()
	logger := slog.New(slog.NewTextHandler(f.log, nil))
	f.publisher = &publisher{sent: map[string][]map[string]string{}}
	r, err := reload.New(reload.Options{
		Publisher: f.publisher, Files: files(input.Options{Dirs: []string{f.dir}, Files: f.settings.Files()}), Settings: f.settings, Keyring: &keyring{}, State: f.state, Logger: logger,
		Metrics: reload.NewMetrics(f.metrics), Now: func() time.Time { return time.Now().Add(time.Hour) },
	})
	must(f.t, err)
	f.Reloader = r
	f.metrics.MustRegister(reload.NewGroupMetrics(r))
	f.read()
}

func (f *fixture) read() {
	f.t.Helper()
	must(f.t, f.Reload(f.t.Context(), input.Change{Settled: []string{f.dir}}))
}

// gauges are the metrics that are looked at, in one line.
func (f *fixture) gauges(want string) {
	f.t.Helper()
	names := []string{"portreeve_groups_refused", "portreeve_groups_without_policy", "portreeve_groups_without_token_demand", "portreeve_config_last_reload_successful"}
	families, err := f.metrics.Gather()
	must(f.t, err)
	got := map[string]float64{}
	for _, family := range families {
		if len(family.GetMetric()) == 1 && family.GetMetric()[0].GetGauge() != nil {
			got[family.GetName()] = family.GetMetric()[0].GetGauge().GetValue()
		}
	}
	for i, value := range strings.Fields(want) {
		if has := strconv.FormatFloat(got[names[i]], 'g', -1, 64); has != value {
			f.t.Errorf("%s is %s, want %s", names[i], has, value)
		}
	}
}

// TestAGroupIsNeverServedNone makes the slips by which a group would lose all policy, while it
// is connected and over a restart, then puts them right, or says that they are meant.
func TestAGroupIsNeverServedNone(t *testing.T) {
	guard := policy("guard", "/guarded")
	for name, slip := range map[string]func(t *testing.T, f *fixture){
		"typo in a namespace": func(t *testing.T, f *fixture) {
			write(t, f.dir, "guard.yaml", strings.Replace(guard, "istio-system", "istio-systen", 1))
		},
		"typo in a selector": func(t *testing.T, f *fixture) {
			write(t, f.dir, "guard.yaml", strings.Replace(guard, "spec: {", "spec: {selector: {matchLabels: {istio: ingresgateway}}, ", 1))
		},
		"last file renamed": func(t *testing.T, f *fixture) {
			must(t, os.Rename(filepath.Join(f.dir, "guard.yaml"), filepath.Join(f.dir, "guard.txt")))
		},
		"AUDIT": func(t *testing.T, f *fixture) {
			write(t, f.dir, "guard.yaml", strings.Replace(guard, "DENY", "AUDIT", 1))
		},
		"dry run": func(t *testing.T, f *fixture) {
			write(t, f.dir, "guard.yaml", strings.Replace(guard, "istio-system}", "istio-system, annotations: {istio.io/dry-run: 'true'}}", 1))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, map[string]string{"guard.yaml": guard})
			f.start()
			f.Join(group())
			f.gauges("0 0 1 1")
			good := f.sent[group().Key]

			slip(t, f)
			f.read()
			f.refused("while it is connected", len(good))
			f.gauges("1 0 1 0")
			if !strings.Contains(f.log.String(), "policy refused for groups of gateways") || !strings.Contains(f.log.String(), "guard.yaml:3:18: error PR0970") {
				t.Errorf("the log:\n%s", f.log)
			}
			// Somebody who comes anew has lost nothing.
			other := node.Of(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"new": "yes"}})
			f.Join(other)
			if n := len(f.sent[other.Key]); n != 1 {
				t.Errorf("another group was published to %d times, want once", n)
			}
			f.Leave(other)

			f.Leave(group())
			f.Join(group())
			f.refused("after it came back", len(good)+1)
			for range 2 { // the second start finds what the first one kept
				f.start()
				f.Join(group())
				f.refused("after a restart", 1)
				if got := f.sent[group().Key][0]; got[policyType] != good[0][policyType] {
					t.Errorf("after a restart: version %s, want %s", got[policyType], good[0][policyType])
				}
				if !strings.Contains(f.log.String(), "policy refused for groups of gateways") {
					t.Errorf("after a restart, the log:\n%s", f.log)
				}
			}

			write(t, f.dir, "guard.yaml", policy("guard", "/other"))
			f.read()
			if status := f.Status(); len(f.sent[group().Key]) != 2 || len(status.Groups[0].Refused) > 0 || status.Groups[0].Serving.Seq != status.Latest.Seq {
				t.Errorf("put right: published %d times, status %+v", len(f.sent[group().Key]), status)
			}
		})
	}
}

const policyType = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"

// refused holds that the group has its policy still, and that everybody is told.
func (f *fixture) refused(when string, published int) {
	f.t.Helper()
	if n := len(f.sent[group().Key]); n != published {
		f.t.Fatalf("%s: published %d times, want %d", when, n, published)
	}
	status := f.Status()
	g := status.Groups[0]
	if !status.Ready || len(status.Groups) != 1 || g.Enforcing != 1 || g.EnforcedBy[0].Object != "AuthorizationPolicy istio-system/guard" || g.TokenRequired || g.Serving == nil || g.Serving.Hash == status.Latest.Hash {
		f.t.Errorf("%s: status %+v", when, status)
	}
	if len(g.Refused) != 1 || g.Refused[0].Code != diag.CodeUnguarded || !strings.HasSuffix(g.Refused[0].Pos.String(), "guard.yaml:3:18") {
		f.t.Errorf("%s: refused for %v", when, g.Refused)
	}
	if alone := status.RefusedAlone(); len(alone) != 1 || !strings.Contains(alone[0], "PR0970") {
		f.t.Errorf("%s: told of %v", when, alone)
	}
}

// TestWhoMeansItSaysSo holds for both ways of saying that nothing shall be enforced.
func TestWhoMeansItSaysSo(t *testing.T) {
	for name, c := range map[string]struct{ policy, gauges string }{
		"everything may pass": {everything, "0 0 1 1"},
		"switched off":        {switchedOff, "0 1 1 1"},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, map[string]string{"guard.yaml": policy("guard", "/guarded")})
			f.start()
			f.Join(group())
			write(t, f.dir, "guard.yaml", c.policy)
			f.read()
			if status := f.Status(); len(f.sent[group().Key]) != 2 || len(status.Groups[0].Refused) > 0 {
				t.Errorf("published %d times, status %+v", len(f.sent[group().Key]), status)
			}
			f.gauges(c.gauges)
			if said := strings.Contains(f.log.String(), "nothing is enforced any more on a group of gateways"); said != (name == "switched off") {
				t.Errorf("the log:\n%s", f.log)
			}
			f.start()
			f.Join(group())
			if status := f.Status(); len(status.Groups[0].Refused) > 0 || status.Groups[0].Serving.Hash != status.Latest.Hash {
				t.Errorf("after a restart: %+v", status)
			}
			// What was never enforced cannot be lost.
			must(t, os.Remove(filepath.Join(f.dir, "guard.yaml")))
			f.read()
			if refused := len(f.Status().Groups[0].Refused) > 0; refused != (name == "everything may pass") {
				t.Errorf("then all policy goes: refused is %v", refused)
			}
		})
	}
}

// TestAnotherRootNamespaceTakesNothingAway holds for an edit of the mesh configuration, and for
// flags that are others after a restart: the same files then say nothing to the group, nor do
// those that are kept.
func TestAnotherRootNamespaceTakesNothingAway(t *testing.T) {
	shop := node.Of(model.Gateway{Namespace: "shop", Labels: map[string]string{"istio": "ingressgateway"}})
	guard := strings.Replace(policy("guard", "/guarded"), "istio-system", "corp", 1)
	check := func(t *testing.T, f *fixture, published int) {
		t.Helper()
		g := f.Status().Groups[0]
		if len(f.sent[shop.Key]) != published || g.Enforcing != 1 || len(g.Refused) != 1 || g.Refused[0].Code != diag.CodeUnguarded || !strings.Contains(g.Refused[0].Message, "nor the root namespace, which is") {
			t.Errorf("published %d times, status %+v", len(f.sent[shop.Key]), g)
		}
	}
	t.Run("edit of the mesh configuration", func(t *testing.T) {
		f := newFixture(t, map[string]string{"guard.yaml": guard, "mesh.yaml": "rootNamespace: corp\n"})
		f.settings.MeshFile = filepath.Join(f.dir, "mesh.yaml")
		f.start()
		f.Join(shop)
		write(t, f.dir, "mesh.yaml", "rootNamespace: crop\n")
		f.read()
		check(t, f, 1)
		f.start()
		f.Join(shop)
		check(t, f, 1)
	})
	t.Run("another flag after a restart", func(t *testing.T) {
		f := newFixture(t, map[string]string{"guard.yaml": guard})
		f.settings.RootNamespace = "corp"
		f.start()
		f.Join(shop)
		good := f.sent[shop.Key][0]
		for _, root := range []string{"crop", "", "crop"} {
			f.settings.RootNamespace = root
			f.start()
			f.Join(shop)
			check(t, f, 1)
			if got := f.sent[shop.Key][0]; got[policyType] != good[policyType] {
				t.Errorf("version %s, want %s", got[policyType], good[policyType])
			}
		}
		f.settings.RootNamespace = "corp"
		f.start()
		f.Join(shop)
		if g := f.Status().Groups[0]; len(g.Refused) > 0 || g.Enforcing != 1 {
			t.Errorf("put right: %+v", g)
		}
	})
	t.Run("no mesh configuration after a restart", func(t *testing.T) {
		f := newFixture(t, map[string]string{"guard.yaml": guard})
		f.settings.MeshFile = filepath.Join(t.TempDir(), "mesh.yaml")
		must(t, os.WriteFile(f.settings.MeshFile, []byte("rootNamespace: corp\n"), 0o600))
		f.start()
		f.Join(shop)
		f.settings.MeshFile = ""
		f.start()
		f.Join(shop)
		check(t, f, 1)
	})
}

// TestWhatIsFoundForManyGroupsIsToldOnce holds that a thousand groups that would all lose their
// policy make one line of the log, and one of what /readyz says.
func TestWhatIsFoundForManyGroupsIsToldOnce(t *testing.T) {
	f := newFixture(t, map[string]string{"guard.yaml": policy("guard", "/guarded")})
	f.state = nil
	f.start()
	for i := range 1000 {
		f.Join(node.Of(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"n": string(rune('a'+i%26)) + string(rune('a'+i/26))}}))
	}
	must(t, os.Remove(filepath.Join(f.dir, "guard.yaml")))
	f.read()
	if n := strings.Count(f.log.String(), "policy refused for groups of gateways"); n != 1 || !strings.Contains(f.log.String(), "count=1000") || strings.Count(f.lineOf("policy refused for groups"), `{\"n\"`) != 10 {
		t.Errorf("%d lines, want one that names ten groups:\n%s", n, f.log)
	}
	if n := len(f.Status().RefusedAlone()); n != 1 {
		t.Errorf("%d lines", n)
	}
}

// TestAGatewayThatComesBackElsewhereIsWarnedOf holds for a gateway whose labels were changed by
// a slip, and not for others.
func TestAGatewayThatComesBackElsewhereIsWarnedOf(t *testing.T) {
	selective := strings.Replace(policy("guard", "/guarded"), "spec: {", "spec: {selector: {matchLabels: {istio: ingressgateway}}, ", 1)
	typo := node.Of(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingresgateway"}})
	more := node.Of(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway", "version": "2"}})
	type step struct {
		id   string
		in   node.Group
		gone bool
	}
	for name, c := range map[string]struct {
		policy string
		steps  []step
		want   []reload.Moved
		lines  int
	}{
		"a slip":             {selective, []step{{"a", group(), false}, {"a", group(), true}, {"a", typo, false}}, []reload.Moved{{Node: "a", From: group().Key, To: typo.Key}}, 1},
		"before it has gone": {selective, []step{{"a", group(), false}, {"a", typo, false}, {"a", group(), true}}, []reload.Moved{{Node: "a", From: group().Key, To: typo.Key}}, 1},
		"again and again":    {selective, []step{{"a", group(), false}, {"a", group(), true}, {"a", typo, false}, {"a", typo, false}, {"a", typo, true}}, []reload.Moved{{Node: "a", From: group().Key, To: typo.Key}}, 1},
		"put right":          {selective, []step{{"a", group(), false}, {"a", group(), true}, {"a", typo, false}, {"a", typo, true}, {"a", more, false}}, nil, 1},
		"other labels":       {selective, []step{{"a", group(), false}, {"a", group(), true}, {"a", more, false}}, nil, 0},
		"always there":       {selective, []step{{"a", typo, false}, {"a", typo, true}, {"a", typo, false}}, nil, 0},
		"another gateway":    {selective, []step{{"a", group(), false}, {"a", group(), true}, {"b", typo, false}}, nil, 0},
		"one id for two":     {selective, []step{{"a", group(), false}, {"a", typo, false}, {"a", typo, true}, {"a", typo, false}}, nil, 0},
		"nothing anywhere":   {switchedOff, []step{{"a", group(), false}, {"a", group(), true}, {"a", typo, false}}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, map[string]string{"guard.yaml": c.policy})
			f.start()
			streams := map[string]int{}
			for _, s := range c.steps {
				if s.gone {
					f.Disconnected(s.id, s.in.Key)
					if streams[s.in.Key]--; streams[s.in.Key] == 0 {
						f.Leave(s.in)
					}
					continue
				}
				if streams[s.in.Key]++; streams[s.in.Key] == 1 {
					f.Join(s.in)
				}
				f.Connected(s.id, s.in.Key)
			}
			if diff := cmp.Diff(c.want, f.Status().Moved, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if n := strings.Count(f.log.String(), "a gateway came back in another group"); n != c.lines {
				t.Errorf("%d lines, want %d:\n%s", n, c.lines, f.log)
			}
		})
	}
}

// TestTheMemoryOfNodesIsBounded holds that nodes that come once cannot fill it, that the one
// seen last is remembered, and that a long id is not.
func TestTheMemoryOfNodesIsBounded(t *testing.T) {
	selective := strings.Replace(policy("guard", "/guarded"), "spec: {", "spec: {selector: {matchLabels: {istio: ingressgateway}}, ", 1)
	typo := node.Of(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingresgateway"}})
	f := newFixture(t, map[string]string{"guard.yaml": selective})
	f.state = nil
	f.start()
	f.Join(group())
	f.Join(typo)
	move := func(id string) {
		f.Connected(id, typo.Key)
		f.Disconnected(id, typo.Key)
	}
	long := strings.Repeat("n", 1025)
	for _, id := range []string{"first", long, "second"} {
		f.Connected(id, group().Key)
		f.Disconnected(id, group().Key)
	}
	for i := range 16_383 {
		move("passing-" + strconv.Itoa(i))
	}
	for _, id := range []string{"second", "first", long} {
		f.Connected(id, typo.Key)
	}
	if got := f.Status().Moved; len(got) != 1 || got[0].Node != "second" {
		t.Errorf("moved: %+v, want the second alone", got)
	}
}

// TestWhatIsToldOfGroupsIsBounded holds where something else is found for each of sixty groups:
// twenty lines of the log, fifty of what /readyz says, and fifty gateways that moved.
func TestWhatIsToldOfGroupsIsBounded(t *testing.T) {
	policies := map[string]string{}
	labelled := func(i int, istio string) node.Group {
		return node.Of(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": istio, "n": "n" + strconv.Itoa(i)}})
	}
	for i := range 60 {
		name := "n" + strconv.Itoa(i)
		policies[name+".yaml"] = strings.Replace(policy(name, "/guarded"), "spec: {", "spec: {selector: {matchLabels: {istio: ingressgateway, n: "+name+"}}, ", 1)
	}
	f := newFixture(t, policies)
	f.state = nil
	f.start()
	for i := range 60 {
		home, typo := labelled(i, "ingressgateway"), labelled(i, "ingresgateway")
		f.Join(home)
		f.Connected("gateway-"+strconv.Itoa(i), home.Key)
		f.Join(typo)
		f.Connected("gateway-"+strconv.Itoa(i), typo.Key)
		f.Disconnected("gateway-"+strconv.Itoa(i), home.Key)
	}
	for name := range policies {
		must(t, os.Remove(filepath.Join(f.dir, name)))
	}
	f.read()
	status := f.Status()
	if n := strings.Count(f.log.String(), "policy refused for groups of gateways"); n != 20 {
		t.Errorf("%d lines of the log, want 20", n)
	}
	if n := len(status.RefusedAlone()); n != 50 {
		t.Errorf("%d lines of what is refused, want 50", n)
	}
	if n := len(status.Moved); n != 50 {
		t.Errorf("%d gateways that moved, want 50", n)
	}
}
