package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/xds/node"
)

// TestVersionNamesTheProgramAndItsEnvoys holds that the verb says which program it is and which Envoys
// were tested.
func TestVersionNamesTheProgramAndItsEnvoys(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"version"}, &out, &errs); code != exitClean {
		t.Fatalf("exit %d: %s", code, &errs)
	}
	b := buildInfo()
	want := "portreeve " + b.Version + "\ncommit " + b.Commit + "\nbuilt with " + b.GoVersion + "\ntested with Envoy 1.39.3\ntested with Envoy 1.40.0\n"
	if out.String() != want {
		t.Errorf("it prints\n%swant\n%s", &out, want)
	}
	out.Reset()
	if code := run(t.Context(), []string{"version", "-o", "json"}, &out, &errs); code != exitClean {
		t.Fatalf("exit %d: %s", code, &errs)
	}
	var printed struct {
		Version, Commit, GoVersion string
		TestedEnvoy                []string
	}
	must(t, json.Unmarshal(out.Bytes(), &printed))
	if printed.Version != b.Version || printed.Commit != b.Commit || printed.GoVersion != b.GoVersion || len(printed.TestedEnvoy) != len(node.Tested()) || printed.TestedEnvoy[0] != node.Tested()[0].String() {
		t.Errorf("it prints %+v", printed)
	}
}

// TestTheSupportedEnvoysAreTheSameEverywhere holds that what the program says was tested is what is installed for the tests,
// the oldest of it what `make test` tries, and that the documentation has the same.
func TestTheSupportedEnvoysAreTheSameEverywhere(t *testing.T) {
	pins, err := filepath.Glob("../../tools/envoy-*.txt")
	must(t, err)
	if len(pins) != len(node.Tested()) {
		t.Errorf("%v are installed, want those of %v", pins, node.Tested())
	}
	says := func(file, text string) {
		content, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil || !strings.Contains(string(content), text) {
			t.Errorf("%s does not say %q: %v", file, text, err)
		}
	}
	for _, release := range node.Tested() {
		minor := minorOf(release)
		says("tools/envoy-"+minor+".txt", "\nenvoy-server=="+release.String()+" ")
		says("RELEASES.md", "\n| "+release.String()+" |")
		says("docs/gateways.md", minor)
	}
	oldest, newest := minorOf(node.Tested()[0]), minorOf(node.Tested()[len(node.Tested())-1])
	says("Makefile", "\nOLDEST := "+oldest+"\n")
	says("docs/gateways.md", "\n| "+oldest+" to "+newest+" |")
	says("tools/envoy.sh", "minor=${1:-"+newest+"}")
	if envoytest.Version != newest {
		t.Errorf("the tests run on %s, want %s", envoytest.Version, newest)
	}
}

func minorOf(r node.Release) string { return fmt.Sprintf("%d.%d", r.Major, r.Minor) }
