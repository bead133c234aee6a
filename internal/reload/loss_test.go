package reload_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
)

// team is what one team's gateway is configured with.
func team(namespace, path string) string {
	return strings.ReplaceAll(listener, "{name: g}", "{name: g, namespace: "+namespace+"}") + "---\n" +
		strings.ReplaceAll(policy("p", path), "istio-system", namespace)
}

// TestALostDirectoryReachesThoseWhoHadSomethingThere holds that they keep their last good
// generation while the others move on, and that nobody moves where it is not known who had.
func TestALostDirectoryReachesThoseWhoHadSomethingThere(t *testing.T) {
	one, two := t.TempDir(), t.TempDir()
	// A Gateway selects workloads of every namespace, so each team's has a label of its own.
	own := func(text, name string) string {
		return strings.ReplaceAll(text, "istio: ingressgateway", "team: "+name)
	}
	write(t, one, "a.yaml", own(team("one", "/a"), "one"))
	write(t, two, "a.yaml", own(team("two", "/a"), "two"))
	groups := map[string]node.Group{}
	for _, name := range []string{"one", "two"} {
		groups[name] = node.Of(model.Gateway{Namespace: name, Labels: map[string]string{"team": name}})
	}
	r, p := newReloader(t, nil, one, two)
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(groups["one"])
	r.Join(groups["two"])

	must(t, os.Remove(filepath.Join(one, "a.yaml")))
	write(t, two, "a.yaml", own(team("two", "/b"), "two"))
	must(t, r.Reload(t.Context(), input.Change{Settled: []string{one, two}}))
	if n, m := len(p.sent[groups["one"].Key]), len(p.sent[groups["two"].Key]); n != 1 || m != 2 {
		t.Errorf("published %d times to who lost it and %d times to the other, want 1 and 2", n, m)
	}
	status := r.Status()
	for _, g := range status.Groups {
		refused := len(g.Refused) == 1 && g.Refused[0].Code == diag.CodeLost
		if refused != (g.Namespace == "one") {
			t.Errorf("group %s: refused %v", g.Namespace, g.Refused)
		}
	}
	if !status.Diagnostics.HasErrors() || !status.Ready {
		t.Errorf("findings %v, ready %v; want an error, and the last good one serving", status.Diagnostics, status.Ready)
	}

	write(t, one, "a.yaml", own(team("one", "/c"), "one"))
	must(t, r.Reload(t.Context(), input.Change{Retry: r.Again().Paths}))
	if n := len(p.sent[groups["one"].Key]); n != 2 || r.Status().Diagnostics.HasErrors() {
		t.Errorf("the files are back: published %d times, findings %v", n, r.Status().Diagnostics)
	}
}

// TestADirectoryThatIsLostAtTheStart holds that nobody is served without it, but for what the
// state directory has.
func TestADirectoryThatIsLostAtTheStart(t *testing.T) {
	dir, empty := t.TempDir(), t.TempDir()
	write(t, dir, "a.yaml", listener+"---\n"+policy("a", "/a"))
	r, p := newReloader(t, nil, dir, empty)
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(group())
	if len(p.sent) != 0 || r.Status().Ready {
		t.Errorf("served %v, ready %v although a directory may be missing", p.sent, r.Status().Ready)
	}

	kept := openState(t, t.TempDir())
	r, p = newReloader(t, kept, dir)
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(group())
	must(t, os.Remove(filepath.Join(dir, "a.yaml")))
	for range 2 { // the second start must not take what the first one saw for a good policy
		again, q := newReloader(t, kept, dir)
		must(t, again.Reload(t.Context(), input.Change{}))
		again.Join(group())
		if len(q.sent[group().Key]) != 1 || q.sent[group().Key][0]["type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"] != p.sent[group().Key][0]["type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"] {
			t.Errorf("after a start without the files: %v, want what was served before: %v", q.sent, p.sent)
		}
	}
}
