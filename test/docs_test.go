package test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// docsBound is how long the commands of a page may take, all together. It ends what hangs; docs/operations.md alone
// has some sixty waits.
const docsBound = 4 * time.Minute

// docsPages are the pages whose commands are run, by their paths in the repository.
func docsPages(t *testing.T) []string {
	t.Helper()
	root, err := filepath.Abs("..")
	must(t, err)
	var out []string
	for _, pattern := range []string{"README.md", "docs/*.md", "docs/*/*.md", "examples/*/README.md"} {
		found, err := filepath.Glob(filepath.Join(root, pattern))
		must(t, err)
		out = append(out, found...)
	}
	for i := range out {
		out[i] = strings.TrimPrefix(out[i], root+"/")
	}
	if len(out) < 30 {
		t.Fatalf("there are %d pages", len(out))
	}
	return out
}

// TestEveryShellBlockOfTheDocumentationRuns runs the commands of each page as one session of a shell, in a folder and a
// namespace of its own, and holds what they print against what the page says.
func TestEveryShellBlockOfTheDocumentationRuns(t *testing.T) {
	if script := os.Getenv(docsScript); script != "" {
		t.Fatal(becomeDocsShell(script))
	}
	envoytest.Require(t)
	for _, name := range docsPages(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page := readDocsPage(readFile(t, "../"+name))
			for _, fault := range page.faults {
				t.Errorf("%s:%s", name, fault)
			}
			if page.runs > 0 {
				page.hold(t, name, newDocsSession(t, name, page.script).run(t))
			}
		})
	}
}

// docsMark is the line that a session prints before each block: where that stands.
var docsMark = regexp.MustCompile(`(?m)^\x1e(\d+)\n`)

// hold compares what a session printed, with marks, with what the page says of it.
func (p *docsPage) hold(t *testing.T, name, printed string) {
	t.Helper()
	for _, want := range p.outputs {
		from, to := p.between(want, printed)
		if line, missing := want.missing(printed[from:to]); missing {
			t.Errorf("%s:%d: the block of line %d does not print:\n%s\nbut, all in all:\n%s", name, want.line, want.block, line, docsMark.ReplaceAllString(printed[from:to], ""))
		}
	}
}

// between is what was printed from the block that an output is of to the first one that stands below the output.
func (p *docsPage) between(o docsOutput, printed string) (from, to int) {
	from, to = len(printed), len(printed)
	for _, mark := range slices.Backward(docsMark.FindAllStringSubmatchIndex(printed, -1)) {
		switch line, _ := strconv.Atoi(printed[mark[2]:mark[3]]); {
		case line == o.block:
			from = mark[1]
		case line > o.line:
			to = mark[0]
		}
	}
	return min(from, to), to
}
