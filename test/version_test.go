package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// TestThePlaneSaysWhichProgramItIs holds that the first line of the log and the metric say it.
func TestThePlaneSaysWhichProgramItIs(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"version", "-o", "json"}, &out, &errs); code != exitClean {
		t.Fatalf("exit %d: %s", code, &errs)
	}
	var want struct{ Version, Commit, GoVersion string }
	must(t, json.Unmarshal(out.Bytes(), &want))
	p := startPlane(t, newPolicyDir(t, map[string]string{"routing.yaml": answers("one", `hosts: [one.test]`)}))
	if first, _, _ := strings.Cut(p.log.String(), "\n"); !strings.Contains(first, "version="+want.Version) || !strings.Contains(first, "commit="+want.Commit) {
		t.Errorf("the first line of the log is %s", first)
	}
	metric := fmt.Sprintf(`portreeve_build_info{commit=%q,goversion=%q,version=%q} 1`, want.Commit, want.GoVersion, want.Version)
	if _, metrics := p.get("/metrics"); !strings.Contains(metrics, metric+"\n") {
		t.Error("the metrics do not have it")
	}
}
