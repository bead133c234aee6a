package main

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/replay"
)

const (
	logged = `[2026-11-30T10:00:00.000Z] "GET /public HTTP/1.1" 200 - via_upstream - "-" 0 5 1 1 "192.0.2.1" "curl" "id" "shop.example" "127.0.0.1:80" outbound - 10.0.0.1:8080 192.0.2.1:4000 - - 192.0.2.1:4000 "-" "-" "-" http - "-" "-" "-" "-" "-" "-"
`
	// istioLogged lacks whether there was a token, and the query is in its path.
	istioLogged = `[2026-11-30T10:00:00.000Z] "GET /public?q=hush HTTP/1.1" 200 - via_upstream - "-" 0 5 1 1 "192.0.2.1" "curl" "id" "shop.example" "127.0.0.1:80" outbound - 10.0.0.1:8080 192.0.2.1:4000 - -
`
	jsonLogged = `{"method":"GET","path":"/public","authority":"shop.example","protocol":"HTTP/1.1","response_code":200,"downstream_local_address":"10.0.0.1:8080","x-forwarded-for":"192.0.2.1"}
`
)

// replayShop replays a log against the shop and the shop with another public path.
func replayShop(t *testing.T, log string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{"log": log, "old.yaml": shop, "new.yaml": strings.ReplaceAll(shop, "/public*", "/open*")} {
		write(t, filepath.Join(dir, name), content)
	}
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"replay", filepath.Join(dir, "log"), filepath.Join(dir, "old.yaml"), filepath.Join(dir, args[0])}, args[1:]...), &out, &errs)
	return strings.ReplaceAll(out.String(), dir+"/", ""), errs.String(), code
}

// TestReplayTellsWhatChanges holds for exit codes and for what people read.
func TestReplayTellsWhatChanges(t *testing.T) {
	out, errs, code := replayShop(t, logged+"nonsense\n"+logged, "new.yaml")
	if code != exitFindings {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	for _, text := range []string{
		"2 requests: 2 get another answer (100.00 %), 0 the same, of 0 it depends", "      2  denied 403, was allowed (100.00 %)\n",
		"was by ns[istio-system]-policy[admins]-rule[1]  old.yaml:4", "line 1: GET shop.example/public\n", "1 lines could not be read:\n    line 2: it does not begin with",
	} {
		if !strings.Contains(out, text) {
			t.Errorf("it does not say %q:\n%s", text, out)
		}
	}
	if out, errs, code := replayShop(t, logged, "old.yaml"); code != exitClean || !strings.Contains(out, "1 requests: 0 get another answer") {
		t.Errorf("the same policy: exit %d: %s%s", code, out, errs)
	}
}

// TestReplayReadsTheFormatsThatPeopleHave holds for Istio's format and for JSON with well-known keys. What
// stands in a query is not shown.
func TestReplayReadsTheFormatsThatPeopleHave(t *testing.T) {
	for name, log := range map[string]string{"Istio's text": istioLogged, "JSON": jsonLogged} {
		out, errs, code := replayShop(t, log, "new.yaml", "-o", "json")
		var got replay.Report
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%s: exit %d: %v: %s%s", name, code, err, out, errs)
		}
		if got.Requests != 1 || got.Broken.Count > 0 || got.Changed+got.Depends != 1 {
			t.Errorf("%s: %s", name, out)
		}
		if strings.Contains(out, "hush") {
			t.Errorf("%s: what stands in a query is shown: %s", name, out)
		}
	}
	const format = `accessLogFile: /dev/stdout
accessLogFormat: "%REQ(:METHOD)% %PATH(NQ)% host=%REQ(:AUTHORITY)% from=%DOWNSTREAM_DIRECT_REMOTE_ADDRESS% at=%DOWNSTREAM_LOCAL_ADDRESS% %PROTOCOL%"
`
	mesh := filepath.Join(t.TempDir(), "mesh.yaml")
	write(t, mesh, format)
	out, errs, code := replayShop(t, "GET /public host=shop.example from=192.0.2.1:4000 at=10.0.0.1:8080 HTTP/1.1\n", "new.yaml", "--mesh-config", mesh)
	if code == exitUsage || !strings.HasPrefix(out, "1 requests") {
		t.Errorf("a format of the mesh configuration: exit %d: %s%s", code, out, errs)
	}
}

// TestReplaySaysWhatItCannotDo holds for logs that nothing is known of, and for gateways that open no port.
func TestReplaySaysWhatItCannotDo(t *testing.T) {
	for want, args := range map[string][]string{
		"no line of":                         {"new.yaml"},
		"it opens no port":                   {"new.yaml", "--labels", "a=b"},
		"is not one of text":                 {"new.yaml", "-o", "sarif"},
		"no such file":                       {"nowhere.yaml"},
		"is not one of control-plane, envoy": {"new.yaml", "--jwks-fetch", "nobody"},
	} {
		if out, errs, code := replayShop(t, "nonsense\n", args...); code != exitUsage || !strings.Contains(errs, want) {
			t.Errorf("%v: exit %d, it does not say %q: %s%s", args, code, want, out, errs)
		}
	}
	if out, errs, code := replayShop(t, "", "new.yaml"); code != exitUsage || !strings.Contains(errs, "there is no request in") {
		t.Errorf("a log with no line: exit %d: %s%s", code, out, errs)
	}
}

// TestAReplaySaysHowFarItIs holds that a person sees how far a replay is, also where the size of the log is not known. That
// nothing of it stays before the report is held where the line is written.
func TestAReplaySaysHowFarItIs(t *testing.T) {
	for size, want := range map[int64]string{200: "512 lines, 50 %", 50: "512 lines, 100 %", 0: "512 lines"} {
		far := howFar{size: size}
		far.note(replay.Progress{Lines: 512, Bytes: 100})
		if got := far.text(); got != want {
			t.Errorf("a log of %d bytes: %q, want %q", size, got, want)
		}
	}
}
