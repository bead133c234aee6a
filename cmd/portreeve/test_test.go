package main

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/output"
)

// testedPolicy is a gateway with a path that is shut, and tests of it, the last of which fails.
func testedPolicy(t *testing.T) string {
	t.Helper()
	return newPolicyDir(t, map[string]string{"policy.yaml": `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front, namespace: istio-system}
spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: all, namespace: istio-system}
spec: {hosts: ["*"], gateways: [front], http: [{directResponse: {status: 204}}]}
---
` + denial, "policytest.yaml": `apiVersion: portreeve.dev/v1alpha1
kind: PolicyTest
metadata: {name: t, namespace: istio-system}
spec:
  tests:
  - name: guarded stays shut
    request: {url: "http://a.example/guarded"}
    expect: {verdict: denied, rule: guard}
  - name: others are answered
    requests: [{url: "http://a.example/"}, {url: "http://a.example/guarded/x"}]
    expect: {verdict: answered, status: 204}
  - name: this is wrong
    request: {url: "http://a.example/guarded"}
    expect: {verdict: answered}
`})
}

// tested runs the verb. Times and the folder are left out of what it prints.
func tested(t *testing.T, dir string, args ...string) (string, int) {
	t.Helper()
	var out bytes.Buffer
	code := run(t.Context(), append([]string{"test", dir}, args...), &out, &out)
	text := regexp.MustCompile(`in [0-9.]+s`).ReplaceAllString(out.String(), "in TIME")
	return strings.ReplaceAll(text, dir+string(filepath.Separator), ""), code
}

// TestTestPrintsWhatFails holds what is printed of tests that pass and of one that fails.
func TestTestPrintsWhatFails(t *testing.T) {
	got, code := tested(t, testedPolicy(t))
	const want = `--- FAIL: istio-system/t/this is wrong (policytest.yaml:12:11)
    GET http://a.example/guarded (policytest.yaml:13:14)
        verdict: expected answered, got denied
        got denied, status 403, rbac_access_denied_matched_policy[ns[istio-system]-policy[guard]-rule[0]], decided by istio-system/guard[0] (policy.yaml:18:5)
          istio-system/guard[0] (policy.yaml:18:5) denies
FAIL	istio-system/t	1 of 3 tests failed
FAIL: 3 tests, 1 failed, 4 requests in TIME
`
	if d := cmp.Diff(want, got); d != "" || code != exitFindings {
		t.Errorf("exit %d (-want +got):\n%s", code, d)
	}
}

// TestTestFlags holds the flags and exit codes of the verb.
func TestTestFlags(t *testing.T) {
	dir := testedPolicy(t)
	for name, c := range map[string]struct {
		args []string
		code int
		want []string
	}{
		"one that passes":       {[]string{"--run", "shut$"}, exitClean, []string{"ok\tistio-system/t\t1 test, 1 request\nPASS: 1 test, 0 failed, 1 request"}},
		"told in full":          {[]string{"--run", "answered$", "-v"}, exitClean, []string{"--- PASS: istio-system/t/others are answered", "    GET http://a.example/guarded/x: answered, status 204"}},
		"no such test":          {[]string{"--run", "nothing"}, exitFindings, []string{"FAIL: 0 tests", "note: there is no test: add a PolicyTest"}},
		"none, and that is all": {[]string{"--run", "nothing", "--allow-no-tests"}, exitClean, nil},
		"no expression":         {[]string{"--run", "("}, exitUsage, []string{"--run \"(\": "}},
		"coverage":              {[]string{"--run", "shut$", "--coverage"}, exitClean, []string{"policy.yaml:18:30: no test fails the rule istio-system/guard[0] for this condition alone", "coverage: 50.0 % (1 of 2 rules and conditions)"}},
		"enough coverage":       {[]string{"--run", "shut$|answered$", "--coverage-min", "100"}, exitClean, []string{"coverage: 100.0 % (2 of 2 rules and conditions)"}},
		"too little coverage":   {[]string{"--run", "answered$", "--coverage-min", "80"}, exitFindings, []string{"no test is decided by the rule istio-system/guard[0]", "--coverage-min asks for 80 %"}},
		"no percentage":         {[]string{"--coverage-min", "101"}, exitUsage, nil},
		"live, with coverage":   {[]string{"--against", "http://127.0.0.1:1", "--coverage"}, exitUsage, []string{"goes without --against"}},
		"live, elsewhere":       {[]string{"--against", "ftp://127.0.0.1"}, exitUsage, []string{"--against \"ftp://127.0.0.1\": "}},
		"live, no scheme":       {[]string{"--against", "127.0.0.1:1"}, exitUsage, []string{"--against \"127.0.0.1:1\": it is not http://HOST:PORT"}},
		"live, twice":           {[]string{"--against", "http://127.0.0.1:1", "--against", "http://127.0.0.1:2"}, exitUsage, []string{"two addresses for http"}},
		"live, nothing sent":    {[]string{"--run", "shut$", "--against", "https://127.0.0.1:1"}, exitFindings, []string{"1 request (1 not sent: -v says why)", "note: the gateway was asked nothing"}},
		"live, nobody there":    {[]string{"--run", "shut$", "--against", "http://127.0.0.1:1"}, exitFindings, []string{"connection refused"}},
		"an error in the files": {[]string{filepath.Join(dir, "policytest.yaml"), "--run", "x"}, exitFindings, []string{"PR0901"}},
	} {
		t.Run(name, func(t *testing.T) {
			got, code := tested(t, dir, c.args...)
			if code != c.code {
				t.Errorf("exit %d, want %d:\n%s", code, c.code, got)
			}
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("nothing says %q:\n%s", want, got)
				}
			}
		})
	}
}

// TestTestForMachines holds that JSON and JUnit tell the same as the text.
func TestTestForMachines(t *testing.T) {
	dir := testedPolicy(t)
	text, code := tested(t, dir, "-o", "json")
	var report testReport
	if err := json.Unmarshal([]byte(text), &report); err != nil || code != exitFindings || report.Passed != 2 || report.Failed != 1 || report.Requests != 4 || report.Tests[2].Requests[0].Faults[0] != "verdict: expected answered, got denied" {
		t.Errorf("exit %d, %v: %s", code, err, text)
	}
	text, code = tested(t, dir, "-o", "junit")
	var suites output.JUnitSuites
	if err := xml.Unmarshal([]byte(text), &suites); err != nil || code != exitFindings {
		t.Fatalf("exit %d, %v: %s", code, err, text)
	}
	if suites.Tests != 3 || suites.Failures != 1 || len(suites.Suites) != 1 || len(suites.Suites[0].Cases) != 3 {
		t.Errorf("suites: %+v", suites)
	}
	failed := suites.Suites[0].Cases[2]
	if failed.Failure == nil || failed.Failure.Message != "verdict: expected answered, got denied" || failed.File != "policytest.yaml" || failed.Line != 12 || suites.Suites[0].Cases[0].Failure != nil {
		t.Errorf("the case that fails: %+v %+v", failed, failed.Failure)
	}
}
