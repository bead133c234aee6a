package reload_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
)

// readLine is what is told of a generation, in a line.
func readLine(g reload.GenerationRead) string {
	var out []string
	for _, kind := range []struct {
		sign string
		of   translate.Objects
	}{{"+", g.Changes.Added}, {"~", g.Changes.Changed}, {"-", g.Changes.Removed}, {"?", g.Changes.Unread}} {
		for _, w := range kind.of.Named {
			out = append(out, fmt.Sprintf("%s%s/%s/%s", kind.sign, w.Key.Kind, w.Key.Namespace, w.Key.Name))
		}
	}
	for _, kind := range []struct {
		sign string
		of   reload.Several
	}{{"+", g.Files.Added}, {"~", g.Files.Changed}, {"-", g.Files.Removed}, {"?", g.Files.Unread}} {
		for _, f := range kind.of.First {
			out = append(out, kind.sign+f.Path)
		}
	}
	return fmt.Sprintf("%d: %s; %d errors", g.Seq, strings.Join(out, " "), g.Errors)
}

var ofApp = regexp.MustCompile(`"app":"([^"]*)"`)

// groupLines are what is told of groups: why, and of each how it stands, by what, on which generation.
func groupLines(events []reload.GenerationPublished) []string {
	var out []string
	for _, e := range events {
		line := string(e.Cause) + ":"
		for _, g := range e.Groups {
			name := ofApp.FindStringSubmatch(g.Key)[1]
			line += fmt.Sprintf(" %s %s", name, g.Standing)
			if g.Serving != nil {
				line += fmt.Sprintf(" on %d", g.Serving.Seq)
			}
			for _, d := range g.Refused {
				line += " " + d.Pos.File
			}
			if line += strings.Join(g.Waiting, " "); g.Rekeyed {
				line += " with other keys"
			}
		}
		out = append(out, line)
	}
	return out
}

// TestEveryGenerationIsOnRecord holds, step by step, what is told of what was read and of what groups are
// served, and that this comes to the status.
func TestEveryGenerationIsOnRecord(t *testing.T) {
	p := newPlane(t, map[string]string{"a.yaml": policy("a", "/a")})
	one, two := gatewayOf("one"), gatewayOf("two")
	for _, step := range []struct {
		what string
		do   func()
		read string
		want []string
	}{
		{"the start", p.read, "1: +a.yaml +gateway.yaml; 0 errors", []string{"generation:"}},
		{"a group comes", func() { p.Join(one) }, "", []string{"joined: one served on 1"}},
		{"another one", func() { p.Join(two) }, "", []string{"joined: two served on 1"}},
		{"nothing changes", p.read, "", nil},
		{"a good edit", func() {
			p.files.files["a.yaml"], p.files.files["b.yaml"] = policy("a", "/other"), policy("b", "/b")
			p.read()
		}, "2: +AuthorizationPolicy/istio-system/b ~AuthorizationPolicy/istio-system/a +b.yaml ~a.yaml; 0 errors", []string{"generation: one served on 2 two served on 2"}},
		{"a bad edit", func() { p.files.files["b.yaml"] = "kind: ["; p.read() },
			"3: ?AuthorizationPolicy/istio-system/b ~b.yaml; 1 errors", []string{"generation: one refused on 2 b.yaml two refused on 2 b.yaml"}},
		{"another edit, which is refused for the same", func() { p.files.files["c.yaml"] = policy("c", "/c"); p.read() },
			"4: +AuthorizationPolicy/istio-system/c ?AuthorizationPolicy/istio-system/b +c.yaml; 1 errors", []string{"generation: one refused on 2 b.yaml two refused on 2 b.yaml"}},
		{"another group comes", func() { p.Join(gatewayOf("three")) }, "", []string{"joined: three refused on 2 b.yaml"}},
		{"a removal", func() { delete(p.files.files, "b.yaml"); p.read() },
			"5: -AuthorizationPolicy/istio-system/b -b.yaml; 0 errors", []string{"generation: one served on 5 three served on 5 two served on 5"}},
		{"it goes", func() { p.Leave(gatewayOf("three")) }, "", []string{"left: three left"}},
		{"it goes again", func() { p.Leave(gatewayOf("three")) }, "", nil},
		{"an edit that waits for keys", func() {
			p.files.files["t.yaml"] = trusting(keysA, "one")
			p.ring.await(keysA)
			p.read()
		}, "6: +RequestAuthentication/istio-system/tokens +t.yaml; 0 errors", []string{"generation: one waiting on 5" + keysA + " two served on 6"}},
		{"nothing comes of it", func() { must(t, p.RotateKeys(t.Context())) }, "", nil},
		{"the keys come", func() { p.keys(keysA, "1"); must(t, p.RotateKeys(t.Context())) }, "", []string{"keys: one served on 6"}},
		{"a rotation", func() { p.keys(keysA, "2"); must(t, p.RotateKeys(t.Context())) }, "", []string{"keys: one served on 6 with other keys"}},
		{"what cannot be read", func() {
			p.files.unreadable = diag.List{diag.New(diag.CodeRead, diag.Position{File: "dir"}, "it cannot be read")}
			delete(p.files.files, "a.yaml")
			p.read()
		}, "7: ?AuthorizationPolicy/istio-system/a ?a.yaml; 1 errors", []string{"generation: one refused on 6 dir two refused on 6 dir"}},
		{"and can again", func() {
			p.files.unreadable, p.files.files["a.yaml"] = nil, policy("a", "/other")
			p.read()
		}, "8: ; 0 errors", []string{"generation: one served on 8 two served on 8"}},
	} {
		before := len(p.record.reads)
		step.do()
		read := ""
		if len(p.record.reads) > before {
			read = readLine(p.record.reads[before])
		}
		if diff := cmp.Diff(step.read, read); diff != "" {
			t.Errorf("%s: read (-want +got):\n%s", step.what, diff)
		}
		if diff := cmp.Diff(step.want, groupLines(p.record.last())); diff != "" {
			t.Errorf("%s: published (-want +got):\n%s", step.what, diff)
		}
		p.replayed()
	}
}

// TestAnEditWhileItWasDownIsOnRecord holds, for objects and files, over a restart with what the state directory kept.
func TestAnEditWhileItWasDownIsOnRecord(t *testing.T) {
	p := newPlane(t, map[string]string{"a.yaml": policy("a", "/a"), "b.yaml": policy("b", "/b")})
	p.state = openState(t, t.TempDir())
	p.begin()
	p.read()
	p.Join(gatewayOf("one"))
	p.Close()
	p.files.files["a.yaml"] = policy("a", "/other")
	delete(p.files.files, "b.yaml")
	p.begin()
	p.read()
	want := "1: ~AuthorizationPolicy/istio-system/a -AuthorizationPolicy/istio-system/b ~a.yaml -b.yaml; 0 errors"
	if diff := cmp.Diff(want, readLine(p.record.reads[0])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWhatCannotBePublishedIsOnRecord holds for a fault of the program: the group stays on what it was served.
func TestWhatCannotBePublishedIsOnRecord(t *testing.T) {
	p := newPlane(t, map[string]string{"a.yaml": policy("a", "/a")})
	p.read()
	p.Join(gatewayOf("one"))
	p.record.last()
	p.publisher.fails = errors.New("a fault")
	p.files.files["a.yaml"] = policy("a", "/b")
	if err := p.Reload(t.Context(), input.Change{}); err == nil {
		t.Error("it could be published")
	}
	p.replayed()
	p.publisher.fails = nil
	must(t, p.RotateKeys(t.Context()))
	if diff := cmp.Diff([]string{"generation: one failed on 1", "keys: one served on 2"}, groupLines(p.record.last())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	p.replayed()
}

// TestWhatIsToldOfAGenerationIsBounded holds for objects, files, findings and groups, and that the numbers are exact.
func TestWhatIsToldOfAGenerationIsBounded(t *testing.T) {
	p := newPlane(t, nil)
	p.read()
	for i := range 150 {
		p.Join(gatewayOf(fmt.Sprintf("%03d", i)))
	}
	for i := range 300 {
		p.files.files[fmt.Sprintf("%03d.yaml", i)] = strings.Replace(policy(fmt.Sprintf("p-%03d", i), "/a"), "DENY", "DENNY", 1)
	}
	p.record.last()
	p.read()
	read, parts := p.record.reads[1], p.record.last()
	published := parts[0]
	if read.Errors != 300 || len(read.Findings) != 100 || read.Files.Added.Total != 300 || len(read.Files.Added.First) != 100 {
		t.Errorf("%d errors, %d findings, %d files, %d of them named", read.Errors, len(read.Findings), read.Files.Added.Total, len(read.Files.Added.First))
	}
	if published.Changed != 150 || len(published.Groups) != 100 || published.Counts != (reload.Counts{Refused: 150}) || len(published.Groups[0].Refused) != 10 {
		t.Errorf("%d groups changed, %d of them named, %+v, %d errors of the first", published.Changed, len(published.Groups), published.Counts, len(published.Groups[0].Refused))
	}
	if len(parts) != 2 || parts[0].Parts != 2 || parts[1].Part != 2 || parts[1].Changed != 150 || len(parts[1].Groups) != 50 {
		t.Errorf("the groups beyond the first hundred are told in %d parts", len(parts))
	}
}

// TestCertificatesThatChangeAreToldByTheirFingerprints holds over a reading that has errors, and that no key is told.
func TestCertificatesThatChangeAreToldByTheirFingerprints(t *testing.T) {
	p := newPlane(t, nil)
	p.files.files["gateway.yaml"] = secure
	p.files.files["web.yaml"] = secretText(t, p.clock.now())
	p.read()
	first := p.Status().Certificates[0].Fingerprint
	p.files.files["gateway.yaml"] = "kind: ["
	p.read()
	p.files.files["gateway.yaml"], p.files.files["web.yaml"] = secure, secretText(t, p.clock.now())
	p.read()
	got := p.record.reads[2].Certificates
	if len(got) != 1 || got[0].Name != "web" || got[0].File != "web.yaml" || !cmp.Equal(got[0].Before, []string{first}) || len(got[0].Now) != 1 || got[0].Now[0] == first {
		t.Errorf("told %+v, the certificate was %s", got, first)
	}
	if n := len(p.record.reads[0].Certificates) + len(p.record.reads[1].Certificates); n > 0 {
		t.Errorf("%d certificates are told as changed before one was", n)
	}
}

// secretText is a Secret with a certificate of its own.
func secretText(t *testing.T, now time.Time) string {
	t.Helper()
	certificate, private := pairOf(t, now, 100*24*time.Hour)
	return fmt.Sprintf("apiVersion: v1\nkind: Secret\nmetadata: {name: web, namespace: istio-system}\nstringData: {tls.crt: %q, tls.key: %q}\n", certificate, private)
}
