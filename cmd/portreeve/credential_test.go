package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/diag"
)

// TestCredentialsElsewhereAreNotes holds that a repository without keys can be checked: the
// credentials of Gateways and DestinationRules that are not there are notes, everything else is as it
// was, and render goes on refusing.
func TestCredentialsElsewhereAreNotes(t *testing.T) {
	const gateway = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: 443, name: https, protocol: HTTPS}, hosts: [one.test], tls: {mode: MUTUAL, credentialName: edge-key, caCertCredentialName: edge-roots}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: backend, namespace: istio-system}
spec: {host: backend.test, trafficPolicy: {tls: {mode: MUTUAL, credentialName: backend-key}}}
`
	dir := newPolicyDir(t, map[string]string{"gateway.yaml": gateway})
	for name, c := range map[string]struct {
		args        []string
		code, notes int
	}{
		"as ever":          {[]string{"validate", dir}, exitFindings, 0},
		"here":             {[]string{"validate", dir, "--secrets", "here"}, exitFindings, 0},
		"elsewhere":        {[]string{"validate", dir, "--secrets", "elsewhere"}, exitClean, 3},
		"as JSON":          {[]string{"validate", dir, "--secrets", "elsewhere", "-o", "json"}, exitClean, 3},
		"nowhere":          {[]string{"validate", dir, "--secrets", "nowhere"}, exitUsage, 0},
		"for render":       {[]string{"render", "envoy", dir}, exitFindings, 0},
		"told to render":   {[]string{"render", "envoy", dir, "--secrets", "elsewhere"}, exitUsage, 0},
		"told to serve":    {[]string{"serve", "--config", dir, "--secrets", "elsewhere"}, exitUsage, 0},
		"with a directory": {[]string{"validate", dir, "--secrets", "elsewhere", "--secrets-dir", t.TempDir()}, exitClean, 3},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(t.Context(), c.args, &out, &errs)
			if notes := strings.Count(errs.String(), "note: "); code != c.code || notes != c.notes {
				t.Errorf("exit %d, %d notes, want %d and %d:\n%s%s", code, notes, c.code, c.notes, &out, &errs)
			}
			if c.notes > 0 && !strings.Contains(errs.String(), "gateway.yaml:7:") {
				t.Errorf("the notes have no place:\n%s", &errs)
			}
		})
	}
}

// TestOtherFindingsStayWhereCredentialsAreElsewhere holds that of what is there nothing is passed over.
func TestOtherFindingsStayWhereCredentialsAreElsewhere(t *testing.T) {
	const dir = "../../translate/testdata/certificates-refused/in"
	codes := func(args ...string) map[diag.Code]int {
		t.Helper()
		var out, errs bytes.Buffer
		if code := run(t.Context(), append([]string{"validate", dir, "-o", "json"}, args...), &out, &errs); code != exitFindings {
			t.Fatalf("exit %d: %s", code, &errs)
		}
		var findings diag.List
		must(t, json.Unmarshal(out.Bytes(), &findings))
		found := map[diag.Code]int{}
		for _, d := range findings {
			found[d.Code]++
		}
		return found
	}
	here, elsewhere := codes(), codes("--secrets", "elsewhere")
	if here[diag.CodeCredential] == 0 || elsewhere[diag.CodeCredential] != 0 || len(here) < 5 {
		t.Fatalf("%v, and elsewhere %v", here, elsewhere)
	}
	for code, n := range here {
		if code != diag.CodeCredential && elsewhere[code] != n {
			t.Errorf("%s: %d, and elsewhere %d", code, n, elsewhere[code])
		}
	}
}
