package reload_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// last holds what each group was published last.
type last map[string]*snapshot.Snapshot

func (l last) Set(_ context.Context, group string, s *snapshot.Snapshot) error {
	l[group] = s
	return nil
}
func (l last) Resume(string, *snapshot.Snapshot) {}

// written are files of many kinds that a random edit changes.
type written struct {
	rng   *rand.Rand
	files map[string]string
}

func (w *written) Read(input.Change) input.Reading {
	out := input.Reading{Taken: func(string) string { return "" }}
	for _, path := range slices.Sorted(maps.Keys(w.files)) {
		out.Files = append(out.Files, source.File{Path: path, Content: []byte(w.files[path])})
	}
	return out
}

// plane is a reloader of files that two gateways of one zone and two of another have joined.
func (w *written) plane(t *testing.T, keys *keyring) (*reload.Reloader, last) {
	t.Helper()
	out := last{}
	r, err := reload.New(reload.Options{
		Publisher: out, Files: w, Settings: model.DefaultSettings(), Keyring: keys, Logger: slog.New(slog.DiscardHandler),
		Metrics: reload.NewMetrics(prometheus.NewRegistry()), Now: func() time.Time { return time.Unix(1_700_000_000, 0) },
	})
	must(t, err)
	must(t, r.Reload(t.Context(), input.Change{}))
	for _, g := range w.groups() {
		r.Join(g)
	}
	return r, out
}

func (w *written) groups() []node.Group {
	var out []node.Group
	for _, namespace := range []string{"istio-system", "shop"} {
		for _, app := range []string{"a", "b"} {
			out = append(out, node.Of(model.Gateway{Namespace: namespace, Labels: map[string]string{"istio": "ingressgateway", "app": app}}))
		}
	}
	return out
}

func (w *written) of(list ...string) string { return list[w.rng.IntN(len(list))] }

// rule is an entry of the rules of an AuthorizationPolicy.
func (w *written) rule() string {
	to := w.of("paths: [/p%d]", "paths: ['/p%d/*']", "paths: ['*.x%d']", "methods: [M%d]", "hosts: [h%d.example]", "paths: [/a, '/b%d'], methods: [GET]", "notPaths: [/n%d]", "paths: ['/t/{*}/u%d']")
	rule := "{to: [{operation: {" + fmt.Sprintf(to, w.rng.IntN(40)) + "}}]"
	switch w.rng.IntN(5) {
	case 0:
		rule += ", from: [{source: {requestPrincipals: ['" + w.of("iss/a", "iss/*", "*") + "']}}]"
	case 1:
		rule += ", when: [{key: 'request.auth.claims[g]', " + w.of("values", "notValues") + ": [x" + w.of("1", "2") + "]}]"
	case 2:
		rule += ", from: [{source: {ipBlocks: [10." + w.of("1", "2") + ".0.0/16]}}]"
	}
	return rule + "}"
}

func (w *written) authorization(name string) string {
	selector := w.of("", "", "selector: {matchLabels: {app: a}}, ", "selector: {matchLabels: {app: b}}, ")
	rules := make([]string, w.rng.IntN(3))
	for i := range rules {
		rules[i] = w.rule()
	}
	action := w.of("DENY", "DENY", "DENY", "ALLOW", "AUDIT")
	if len(rules) == 0 {
		action = "ALLOW"
	}
	annotations := ""
	if action != "AUDIT" {
		annotations = w.of("", "", "", ", annotations: {istio.io/dry-run: 'true'}")
	}
	return "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: " + name + ", namespace: " + w.of("istio-system", "istio-system", "shop") + annotations +
		"}\nspec: {" + selector + "action: " + action + ", rules: [" + strings.Join(rules, ", ") + "]}\n"
}

// other is an object that is no AuthorizationPolicy.
func (w *written) other(name string) string {
	n := fmt.Sprint(w.rng.IntN(5))
	const key = `{"keys":[{"kty":"oct","kid":"k","alg":"HS256","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}]}`
	switch w.rng.IntN(6) {
	case 0:
		return "apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: " + name + ", namespace: " + w.of("istio-system", "shop") +
			"}\nspec: {jwtRules: [{issuer: i" + n + ", jwks: '" + key + "'" + w.of("", ", presence: REQUIRED", ", outputClaimToHeaders: [{header: x-c, claim: c}]") + "}]}\n"
	case 1:
		return "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: " + name + "}\nspec: {hosts: [" + name + ".svc], resolution: STATIC, location: MESH_EXTERNAL, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 10.0.0." + n + "}]}\n"
	case 2:
		return "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: " + name + "}\nspec: {hosts: [" + name + ".example], gateways: [istio-system/g], http: [{match: [{uri: {prefix: /" + n + "}}], directResponse: {status: 20" + n + "}}]}\n"
	case 3:
		return "apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: {name: " + name + ", namespace: " + w.of("istio-system", "shop") + "}\nspec: {accessLogging: [{disabled: " + w.of("true", "false") + "}]}\n"
	case 4:
		return "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: tcp, namespace: istio-system}\nspec: {selector: {app: " + w.of("a", "b") + "}, servers: [{port: {number: 9" + n + "00, name: tcp, protocol: TCP}, hosts: ['*']}]}\n"
	default:
		return "this: is not policy: [\n"
	}
}

// edit changes one file, or two, and says which.
func (w *written) edit() string {
	names := slices.Sorted(maps.Keys(w.files))
	name := names[w.rng.IntN(len(names))]
	if broken := slices.IndexFunc(names, func(name string) bool { return strings.Contains(w.files[name], "this: is not policy") }); broken >= 0 {
		name = names[broken] // is mended, so that most of the time everything is served
		w.files[name] = w.authorization(strings.TrimSuffix(name, ".yaml"))
		return name
	}
	free := fmt.Sprintf("p%03d.yaml", w.rng.IntN(150))
	switch kind := w.rng.IntN(8); {
	case strings.HasPrefix(name, "o"): // what is broken must not stay for long
		w.files[name] = w.other("o" + name[1:2])
	case name == "g.yaml":
		w.files["o"+w.of("1", "2", "3", "4")+".yaml"] = w.other("other" + w.of("1", "2", "3", "4"))
	case kind == 0 && len(names) > 70:
		delete(w.files, name)
	case kind == 1:
		w.files[free] = w.authorization(strings.TrimSuffix(free, ".yaml"))
	case kind == 2:
		content := w.files[name]
		delete(w.files, name)
		w.files["q"+name[1:]] = content
	case kind == 3:
		w.files[name] += "# a comment\n"
	case kind == 4:
		w.files["o5.yaml"] = "this: is not policy: [\n"
	case kind == 5:
		delete(w.files, "o5.yaml")
	default:
		w.files[name] = w.authorization("p" + strings.TrimSuffix(name, ".yaml")[1:])
	}
	return name
}

func newWritten(seed uint64) *written {
	w := &written{rng: rand.New(rand.NewPCG(seed, 15)), files: map[string]string{"g.yaml": listener}}
	for i := range 100 {
		w.files[fmt.Sprintf("p%03d.yaml", i)] = w.authorization(fmt.Sprintf("p%03d", i))
	}
	return w
}

// differences are where two planes do not serve the groups the same that both serve their latest files.
func (w *written) differences(incremental, fresh *reload.Reloader, had, want last) (out []string, compared int) {
	good := func(r *reload.Reloader, key string) bool {
		status := r.Status()
		i := slices.IndexFunc(status.Groups, func(g reload.GroupStatus) bool { return g.Key() == key })
		return i >= 0 && len(status.Groups[i].Refused) == 0 && status.Groups[i].Serving != nil && status.Groups[i].Serving.Hash == status.Latest.Hash
	}
	for _, g := range w.groups() {
		if !good(incremental, g.Key) || !good(fresh, g.Key) {
			continue
		}
		compared++
		for _, t := range snapshot.Types() {
			if d := cmp.Diff(want[g.Key].GetVersionMap(t.URL), had[g.Key].GetVersionMap(t.URL)); d != "" || want[g.Key].GetVersion(t.URL) != had[g.Key].GetVersion(t.URL) {
				out = append(out, g.Key+": "+t.Short+" (-fresh +incremental): "+d)
			}
			for name := range want[g.Key].GetResources(t.URL) {
				if a, b := want[g.Key].Encoded(t.URL, name), had[g.Key].Encoded(t.URL, name); !bytes.Equal(a.GetValue(), b.GetValue()) || a.GetTypeUrl() != b.GetTypeUrl() {
					out = append(out, g.Key+": "+name+" has other bytes")
				}
			}
			if d := cmp.Diff(want[g.Key].Trace(t.URL), had[g.Key].Trace(t.URL)); d != "" {
				out = append(out, g.Key+": the trace of "+t.Short+" (-fresh +incremental): "+d)
			}
		}
	}
	return out, compared
}

// steps is how many edits are made: 1,000 in `make soak`.
func steps() int {
	if os.Getenv("PORTREEVE_SOAK") == "1" {
		return 1000
	}
	return 200
}

// TestWhatIsPublishedIsAsFromScratch holds that after any sequence of edits each group is served, byte for byte, what a
// plane serves that starts from the same files: versions, what is sent, and where it leads to.
func TestWhatIsPublishedIsAsFromScratch(t *testing.T) {
	w := newWritten(1)
	keys := &keyring{}
	r, had := w.plane(t, keys)
	all := 0
	for step := range steps() {
		edited := w.edit()
		must(t, r.Reload(t.Context(), input.Change{}))
		fresh, want := w.plane(t, keys)
		found, compared := w.differences(r, fresh, had, want)
		if all += compared; len(found) > 0 {
			t.Fatalf("step %d, %s:\n%s", step, edited, strings.Join(found, "\n"))
		}
	}
	if all < 2*steps() {
		t.Errorf("only %d times was a group served the latest by both, in %d steps", all, steps())
	}
}
