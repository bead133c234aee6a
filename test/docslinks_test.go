package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	docsLink    = regexp.MustCompile(`\]\(([^)#\s]*)(?:#([^)\s]*))?\)`)
	docsHeading = regexp.MustCompile(`(?m)^#+ +(.+?) *#*$`)
	docsBlocks  = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	docsCode    = regexp.MustCompile("`[^`\n]*`")
	docsDropped = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// TestEveryLinkOfThePagesLeadsSomewhere holds for files and anchors of the repository, as a reader of it follows them. Those of
// docs/ among one another are held by `make docs` too, as the site has them.
func TestEveryLinkOfThePagesLeadsSomewhere(t *testing.T) {
	pages := append(docsPages(t), "CHANGELOG.md", "CONTRIBUTING.md", "RELEASES.md", "SECURITY.md", "bench/REPORT.md")
	links := 0
	for _, name := range pages {
		content := docsCode.ReplaceAllString(docsBlocks.ReplaceAllString(readFile(t, "../"+name), ""), "")
		for _, link := range docsLink.FindAllStringSubmatch(content, -1) {
			if strings.Contains(link[1], ":") {
				continue // of another machine
			}
			links++
			target := filepath.Join("..", filepath.Dir(name), link[1])
			if link[1] == "" {
				target = filepath.Join("..", name)
			}
			if _, err := os.Stat(target); err != nil {
				t.Errorf("%s: %s leads nowhere", name, link[1])
				continue
			}
			if link[2] != "" && filepath.Ext(target) == ".md" && !docsAnchors(readFile(t, target))[link[2]] {
				t.Errorf("%s: %s has no heading #%s", name, link[1], link[2])
			}
		}
	}
	if links < 200 {
		t.Errorf("there are %d links", links)
	}
}

// docsAnchors are the names of a page's headings.
func docsAnchors(content string) map[string]bool {
	out := map[string]bool{}
	for _, heading := range docsHeading.FindAllStringSubmatch(docsBlocks.ReplaceAllString(content, ""), -1) {
		text := docsLink.ReplaceAllString(heading[1], "]")
		text = docsDropped.ReplaceAllString(strings.ToLower(text), "")
		out[strings.ReplaceAll(text, " ", "-")] = true
	}
	return out
}

func TestAnchorsAreNamedAsReadersMeetThem(t *testing.T) {
	for heading, want := range map[string]string{
		"## With TLS and roles":               "with-tls-and-roles",
		"### DYNAMIC_DNS":                     "dynamic_dns",
		"## Istio's shape":                    "istios-shape",
		"## `serve` / `validate` (both)":      "serve--validate-both",
		"## A [link](x.md#y) of some words":   "a-link-of-some-words",
		"# Versions of Envoy\n\n## The other": "the-other",
	} {
		if !docsAnchors(heading)[want] {
			t.Errorf("%s: %v, want %s", heading, docsAnchors(heading), want)
		}
	}
}
