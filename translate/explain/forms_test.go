package explain_test

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

var update = flag.Bool("update", false, "rewrite the golden answers")

// TestTheFormsOfRequests holds that a request is answered as Envoy answers it whatever its form is: each
// line of testdata/forms/*/requests has what becomes of a request here and in Istio's shape (the status, or
// the path that the backend is given), which the tests of test/ ask Envoy; want.txt has the answer in a line.
func TestTheFormsOfRequests(t *testing.T) {
	dirs, err := filepath.Glob("testdata/forms/*/requests")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("no forms: %v", err)
	}
	for _, path := range dirs {
		dir := filepath.Dir(path)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			here, istio := gatewaysOf(t, dir)
			var answers strings.Builder
			for line := range strings.Lines(contentOf(t, path)) {
				form, is := formOf(line)
				if !is {
					continue
				}
				answer := here.Ask(form.request)
				form.holds(t, form.want, answer)
				if form.istios != "-" {
					form.holds(t, form.istios, istio.Ask(form.request))
				}
				fmt.Fprintf(&answers, "%s: %s\n", form.text, inALine(answer))
			}
			golden(t, filepath.Join(dir, "want.txt"), answers.String())
		})
	}
}

// form is a request as it is written, and what becomes of it.
type form struct {
	want, istios, text string
	request            explain.Request
}

// formOf reads a line of requests; it is false for a comment.
func formOf(line string) (form, bool) {
	parts := strings.SplitN(strings.TrimSuffix(line, "\n"), " | ", 3)
	if strings.HasPrefix(line, "#") || len(parts) != 3 {
		return form{}, false
	}
	out := form{want: strings.TrimSpace(parts[0]), istios: strings.TrimSpace(parts[1]), text: parts[2]}
	text, http2 := strings.CutPrefix(out.text, "HTTP/2 ")
	words := strings.SplitN(text, " ", 3)
	out.request = explain.Request{
		Port: 8080, Client: netip.MustParseAddrPort("192.0.2.7:4711"),
		Method: words[0], Authority: words[1], Path: words[2], At: time.Unix(1767225600, 0),
	}
	if http2 {
		out.request.Protocol = "HTTP/2"
	}
	return out, true
}

// holds holds an answer against a status, 200 standing for what gets to a backend, or the path with which it does.
func (f form) holds(t *testing.T, want string, a explain.Answer) {
	t.Helper()
	got := fmt.Sprint(a.Status)
	if a.Verdict == explain.Allowed {
		got = "200"
		if strings.HasPrefix(want, "/") && a.Destination != nil {
			got = a.Destination.Path
		}
	}
	if got != want {
		t.Errorf("%s: %s, want %s: %s", f.text, got, want, inALine(a))
	}
}

// inALine says what becomes of a request, and which rule decides.
func inALine(a explain.Answer) string {
	switch {
	case a.Verdict == explain.Allowed && a.Destination != nil:
		return "allowed, the backend is given " + a.Destination.Path
	case a.Decisive >= 0 && a.Reasons[a.Decisive].At != nil:
		return fmt.Sprintf("%s, %d %s, by %s", a.Verdict, a.Status, a.Details, a.Reasons[a.Decisive].At)
	default:
		return fmt.Sprintf("%s, %d %s", a.Verdict, a.Status, a.Details)
	}
}

// gatewaysOf compiles a folder, here and in Istio's shape.
func gatewaysOf(t *testing.T, dir string) (here, istio *explain.Gateway) {
	t.Helper()
	settings := model.DefaultSettings()
	files := []source.File{{Path: "gateway.yaml", Content: []byte(contentOf(t, filepath.Join(dir, "..", "gateway.yaml")))}, {Path: "policy.yaml", Content: []byte(contentOf(t, filepath.Join(dir, "policy.yaml")))}}
	if mesh, err := os.ReadFile(filepath.Join(dir, "mesh.yaml")); err == nil {
		settings.MeshFile = "mesh.yaml"
		files = append(files, source.File{Path: "mesh.yaml", Content: mesh})
	}
	program := translate.Compile(files, settings)
	gateway := model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}}
	resources, refused := program.For(gateway)
	if program.Diags.HasErrors() || len(refused) > 0 {
		t.Fatal(program.Diags, refused)
	}
	here, err := explain.New(resources)
	must(t, err)
	resources, _ = program.Istio(gateway)
	istio, err = explain.New(resources)
	must(t, err)
	return here, istio
}

// golden holds a text against a file.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		must(t, os.WriteFile(path, []byte(got), 0o600))
	}
	if diff := cmp.Diff(contentOf(t, path), got); diff != "" {
		t.Errorf("%s; run with -update where it is better (-want +got):\n%s", path, diff)
	}
}

func contentOf(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	return string(content)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
