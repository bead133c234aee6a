package translate_test

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// mistakes are the files of the table of mistakes. Each line on which something is found ends
// with a comment "# want PR0901", with several codes where there are several findings; of any other
// line nothing is found. A file whose first line is "# base" is compiled together with
// mistakes/base.yaml, of which nothing is found.
//
// rows holds what was missing or wrong once, typical what people write by mistake, analyzer
// what Istio's analyzer says (the name is its code and name), and reports the situations of
// reported bugs.
const mistakes = "testdata/mistakes/*/*.yaml"

var wanted = regexp.MustCompile(`# want((?: PR[0-9]{4})+)$`)

// TestMistakes holds that each mistake is found, on its line, and nothing else.
func TestMistakes(t *testing.T) {
	for _, path := range goldenFiles(t, mistakes) {
		t.Run(strings.TrimSuffix(strings.TrimPrefix(path, "testdata/mistakes/"), ".yaml"), func(t *testing.T) {
			text := content(t, path)
			var got []string
			for _, d := range compiledMistake(t, path, text).Diags {
				got = append(got, place(d))
				if d.Hint == "" && d.Code != diag.CodeForeignKind && d.Code != diag.CodeDuplicateKey {
					t.Errorf("%s says nothing of what to write", d)
				}
			}
			slices.Sort(got)
			want := wantedIn(text, "")
			if mesh, err := os.ReadFile(meshOf(path)); err == nil {
				want = append(want, wantedIn(string(mesh), "mesh:")...)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, findings(compiledMistake(t, path, text).Diags))
			}
		})
	}
}

func place(d diag.Diagnostic) string {
	if d.Pos.File != "mistake.yaml" {
		return fmt.Sprintf("%s:%04d %s", d.Pos.File, d.Pos.Line, d.Code)
	}
	return fmt.Sprintf("%04d %s", d.Pos.Line, d.Code)
}

func compiledMistake(t testing.TB, path, text string) *translate.Program {
	t.Helper()
	files := []source.File{{Path: "mistake.yaml", Content: []byte(text)}}
	if strings.HasPrefix(text, "# base\n") {
		base, err := os.ReadFile("testdata/mistakes/base.yaml")
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, source.File{Path: "base.yaml", Content: base})
	}
	settings := model.DefaultSettings()
	if mesh, err := os.ReadFile(meshOf(path)); err == nil {
		settings.MeshFile = "mesh"
		files = append(files, source.File{Path: "mesh", Content: mesh})
	}
	return translate.Compile(files, settings)
}

// meshOf is the mesh configuration beside a file of mistakes, which need not be there.
func meshOf(path string) string { return strings.TrimSuffix(path, ".yaml") + ".mesh" }

// wantedIn returns the lines and codes that a file of mistakes names.
func wantedIn(text, file string) []string {
	var out []string
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		if m := wanted.FindStringSubmatch(lines.Text()); m != nil {
			for code := range strings.FieldsSeq(m[1]) {
				out = append(out, fmt.Sprintf("%s%04d %s", file, n, code))
			}
		}
	}
	slices.Sort(out)
	return out
}

// codesOfMistakes returns the codes that the table of mistakes shows.
func codesOfMistakes(t *testing.T) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	for _, path := range append(goldenFiles(t, mistakes), goldenFiles(t, "testdata/mistakes/*/*.mesh")...) {
		for _, want := range wantedIn(content(t, path), "") {
			_, code, _ := strings.Cut(want, " ")
			out[code] = true
		}
	}
	return out
}

// analyzed are the messages of Istio's analyzer, by their numbers, that have no file: why not. The
// others of IST0001 to IST0167 that are in use have one.
func analyzed() map[string]string {
	const mesh, cluster = "about sidecars, of which there are none", "about objects of a cluster, of which there is none"
	return map[string]string{
		"IST0001": "a fault of the analyzer itself", "IST0102": mesh, "IST0103": mesh, "IST0116": cluster, "IST0119": mesh, "IST0123": mesh,
		"IST0108": "annotations that are nobody's are other tools'", "IST0126": "about mesh networks", "IST0134": "a gateway does not use the addresses of a ServiceEntry",
		"IST0135": "about annotations of sidecars", "IST0136": "about annotations of sidecars", "IST0137": cluster, "IST0139": cluster, "IST0141": cluster, "IST0142": cluster,
		"IST0143": cluster, "IST0144": cluster, "IST0146": mesh, "IST0147": mesh, "IST0148": mesh, "IST0150": "a gateway resolves the name, whatever the port is called",
		"IST0156": cluster, "IST0158": mesh, "IST0162": cluster, "IST0163": cluster, "IST0164": cluster, "IST0165": cluster,
	}
}

// TestTheAnalyzersMessages holds that each message of Istio's analyzer is found here too, or is
// about what there is none of.
func TestTheAnalyzersMessages(t *testing.T) {
	files := map[string]bool{}
	for _, path := range goldenFiles(t, "testdata/mistakes/analyzer/*.yaml") {
		code, _, _ := strings.Cut(filepath.Base(path), "-")
		files[code] = true
	}
	retired := []string{"IST0104", "IST0105", "IST0114", "IST0115", "IST0117", "IST0120", "IST0121", "IST0124"}
	for n := 101; n <= 167; n++ {
		code := fmt.Sprintf("IST%04d", n)
		if _, why := analyzed()[code]; files[code] == (why || slices.Contains(retired, code)) {
			t.Errorf("%s: has a file %v, and a reason for none %v", code, files[code], why)
		}
	}
}

// TestTheTableOfMistakesIsWhole holds that the table has at least the sizes that it was made with.
func TestTheTableOfMistakesIsWhole(t *testing.T) {
	for dir, least := range map[string]int{"rows": 36, "analyzer": 41, "typical": 41, "reports": 26} {
		found, err := filepath.Glob("testdata/mistakes/" + dir + "/*.yaml")
		if err != nil || len(found) < least {
			t.Errorf("%s has %d files, want at least %d (%v)", dir, len(found), least, err)
		}
	}
}

// TestHintsOfMistakes holds what is said of mistakes whose obvious mending is none.
func TestHintsOfMistakes(t *testing.T) {
	for name, want := range map[string][]string{
		"rows/06-hints": {"leave it out: without a timeout", "every route lets WebSockets through", "no way of writing it matches a claim that is true or false"},
		"rows/06-paths-that-seem-to-cover-each-other": {`take "/dex/**" out, which changes nothing`},
		"rows/06-rules-with-a-dash-too-many":          {"a comment above the second"},
	} {
		t.Run(name, func(t *testing.T) {
			path := "testdata/mistakes/" + name + ".yaml"
			said := findings(compiledMistake(t, path, content(t, path)).Diags)
			for _, hint := range want {
				if !strings.Contains(said, hint) {
					t.Errorf("nothing says %q:\n%s", hint, said)
				}
			}
		})
	}
}
