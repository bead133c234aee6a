package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/xds/node"
)

// TestVersionNamesTheProgramAndItsEnvoys holds that the verb says which program it is and which Envoys
// were tested, and that the documentation has the same.
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

	page, err := os.ReadFile("../../docs/gateways.md")
	must(t, err)
	for _, release := range node.Tested() {
		if minor := fmt.Sprintf("%d.%d", release.Major, release.Minor); !strings.Contains(string(page), minor) {
			t.Errorf("docs/gateways.md does not name %s", minor)
		}
	}
}
