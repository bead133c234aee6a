package ignore

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/diag"
)

// tree are the files that patterns are held against.
func tree() []string {
	var out []string
	for _, dir := range []string{"", "a/", "foo/", "charts/", "charts/a/", "charts/templates/", "a/x/a/b/", "a/b/foo/", "foo/foo/bar/foo/b/", "x{y}/"} {
		for _, name := range []string{
			"p", "q.yaml", "values.yaml", "Chart.yaml", "x y.yaml", "#h.yaml", "!n.yaml", "a[1].yaml", `t\.yaml`, "b.yml", "foo.json", "ü.yaml", "{z}.yaml", "end ", "A",
		} {
			out = append(out, dir+name)
		}
	}
	return out
}

// repository is a work tree of git with those files.
type repository struct {
	dir   string
	files []string
}

func newRepository(t *testing.T) *repository {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip("NOT RUN: this machine has no git")
	}
	r := &repository{dir: t.TempDir(), files: tree()}
	for _, f := range r.files {
		f = filepath.Join(r.dir, f)
		if err := os.MkdirAll(filepath.Dir(f), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r.git(t, "", "init", "-q")
	return r
}

func (r *repository) git(t *testing.T, input string, args ...string) string {
	t.Helper()
	c := exec.CommandContext(t.Context(), "git", append([]string{"-c", "core.excludesFile=/dev/null", "-c", "core.ignoreCase=false"}, args...)...)
	c.Dir, c.Stdin = r.dir, strings.NewReader(input)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	// check-ignore exits with 1 where nothing is ignored.
	if err := c.Run(); err != nil && errs.Len() > 0 {
		t.Fatalf("git %v: %v: %s", args, err, &errs)
	}
	return out.String()
}

// ignored asks git which files a file with patterns takes away.
func (r *repository) ignored(t *testing.T, patterns string) map[string]bool {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, ".gitignore"), []byte(patterns), 0o600); err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for name := range strings.SplitSeq(r.git(t, strings.Join(r.files, "\x00")+"\x00", "check-ignore", "--no-index", "-z", "--stdin"), "\x00") {
		out[name] = true
	}
	return out
}

func (r *repository) compare(t *testing.T, patterns string) {
	t.Helper()
	rules, findings := Parse(File, []byte(patterns))
	if len(findings) > 0 {
		t.Errorf("%q: %v", patterns, findings)
		return
	}
	want := r.ignored(t, patterns)
	for _, f := range r.files {
		if by, taken := rules.TakesFile(f); taken != want[f] {
			t.Errorf("%q takes away %q: %v (%s), git says %v", patterns, f, taken, by, want[f])
		}
	}
}

// TestPatternsAreGits holds that each pattern means what git means by it.
func TestPatternsAreGits(t *testing.T) {
	r := newRepository(t)
	for _, patterns := range []string{
		"", "# values.yaml\n", "\n\n", "values.yaml", "/values.yaml", "values.yaml/", "*.yaml", "charts", "charts/", "/charts/", "charts/a", "a/b", "/a/b", "*/b", "**/b", "**/b/", "a/**",
		"a/**/b", "a/**/foo", "**/foo/b", "**", "**/**", "*", "/*", "*/", "?", "charts/*", "charts/**", "foo/*/foo", "a/x/**", "**/a/b", "foo/**/b",
		"*.yaml\n!values.yaml", "!values.yaml\n*.yaml", "charts/\n!charts/values.yaml", "charts/*\n!charts/values.yaml", "/*\n!/charts", "/*\n!/charts\n/charts/*\n!/charts/a/", "*\n!*/\n!*.yaml",
		"[cC]hart.yaml", "[!v]alues.yaml", "[^v]alues.yaml", "[a-w]alues.yaml", `[\[a]*`, `[\]]`, "x y.yaml", "q.yaml   ", `end\ `, `end\  `, "end ", `\#h.yaml`, "#h.yaml", `\!n.yaml`, "!n.yaml", `t\\.yaml`,
		`a\[1\].yaml`, "a[1].yaml", "ü.yaml", "?.yaml", "??.yaml", "[ü].yaml", "[ü]?.yaml", "{z}.yaml", `\{z}.yaml`, "[{]z}.yaml", "{q,values}.yaml", "x{y}/", "values.yaml\r\nfoo\r\n", "\ufeffvalues.yaml\n", "VALUES.yaml", ".portreeveignore", "a/x/a/b/p\n!p", " values.yaml",
	} {
		r.compare(t, patterns)
	}
}

// TestMadeUpPatternsAreGits holds the same for some hundred files of patterns that are made up.
func TestMadeUpPatternsAreGits(t *testing.T) {
	r := newRepository(t)
	random := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "b", "foo", "*.yaml", "values.yaml", "charts", "*", "**", "?", "[ab]", "[!a]", "[a-f]oo", "f*o", "x y.yaml", `\#h.yaml`, `\!n.yaml`, "*.y?ml", "ba*", "templates", "x{y}", "{z}*", `a\[1\].yaml`, "a*b", `t\\.yaml`, "[^a]", "A"}
	for range 300 {
		var lines []string
		for range 1 + random.IntN(4) {
			var segments []string
			for range 1 + random.IntN(3) {
				segments = append(segments, parts[random.IntN(len(parts))])
			}
			lines = append(lines, []string{"", "", "!"}[random.IntN(3)]+[]string{"", "", "/"}[random.IntN(3)]+strings.Join(segments, "/")+[]string{"", "", "/", "  "}[random.IntN(4)])
		}
		r.compare(t, strings.Join(lines, "\n")+"\n")
	}
}

// TestWhatIsNoPattern holds that what cannot match, and what git reads in a way of its own, is an
// error with its line.
func TestWhatIsNoPattern(t *testing.T) {
	for _, pattern := range []string{
		"!", "/", "!/", "a//b", "./a", "a/../b", "..", "a**", "**a", "a/b**/c", "***", `a\`, `a\/b`, "[a", "[]a]", "[!]a]", "[[:upper:]]", "[a/b]", "[", strings.Repeat("a", maxPattern+1),
	} {
		_, findings := Parse("dir/"+File, []byte("ok\n# fine\n"+pattern+"\n"))
		if len(findings) != 1 || findings[0].Code != diag.CodeIgnoreFile || findings[0].Pos.Line != 3 || findings[0].Severity != diag.Error {
			t.Errorf("%q: %v", short(pattern), findings)
		}
		if _, err := Excluded([]string{pattern}); err == nil {
			t.Errorf("--exclude %q is taken", short(pattern))
		}
	}
	if _, err := Excluded([]string{"# a comment"}); err == nil {
		t.Error("--exclude of a comment is taken")
	}
}

// TestTheNumberOfPatternsIsBounded holds it.
func TestTheNumberOfPatternsIsBounded(t *testing.T) {
	many := func(n int) string { return strings.Repeat("a\n", n) }
	if _, findings := Parse(File, []byte(many(maxPatterns))); len(findings) != 0 {
		t.Error(findings)
	}
	if _, findings := Parse(File, []byte(many(maxPatterns+1))); len(findings) != 1 || findings[0].Pos.Line != maxPatterns+1 {
		t.Error(findings)
	}
	if _, err := Excluded(strings.Fields(many(maxPatterns + 1))); err == nil {
		t.Error("more are taken as arguments")
	}
}

// TestWhatTookAFileAway holds that the deciding line is named, and that arguments come last.
func TestWhatTookAFileAway(t *testing.T) {
	rules, findings := Parse("p/"+File, []byte("*.yaml\n!keep.yaml\nold/\n"))
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	more, err := Excluded([]string{"keep.yaml", "!a.yaml"})
	if err != nil {
		t.Fatal(err)
	}
	both := rules.Then(more)
	for _, c := range []struct {
		rules      *Rules
		name, want string
	}{
		{rules, "a.yaml", "p/.portreeveignore:1"}, {rules, "keep.yaml", ""}, {rules, "old/keep.yaml", "p/.portreeveignore:3"}, {rules, "b.json", ""},
		{both, "a.yaml", ""}, {both, "keep.yaml", `--exclude "keep.yaml"`}, {both, "b.yaml", "p/.portreeveignore:1"}, {nil, "a.yaml", ""}, {(*Rules)(nil).Then(nil), "a.yaml", ""},
	} {
		if by, taken := c.rules.TakesFile(c.name); taken != (c.want != "") || taken && by != c.want {
			t.Errorf("%s: %v, by %s, want %q", c.name, taken, by, c.want)
		}
	}
}

// BenchmarkTakes is the largest number of patterns against a name.
func BenchmarkTakes(b *testing.B) {
	var patterns strings.Builder
	for i := range maxPatterns {
		fmt.Fprintf(&patterns, "**/a*b*c/%d/**/x*.yaml\n", i)
	}
	rules, _ := Parse(File, []byte(patterns.String()))
	for b.Loop() {
		rules.Takes("aabbcc/aabbcc/aabbcc/aabbcc/values.yaml", Other)
	}
}
