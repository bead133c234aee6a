package test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestConnectionsAreLogged holds that connections are logged too: those that are forwarded, those that
// policy refuses, with the rule, and those that no server has a name for.
func TestConnectionsAreLogged(t *testing.T) {
	envoytest.Require(t)
	file := filepath.Join(t.TempDir(), "log")
	mesh := meshFile(t, fmt.Sprintf("accessLogFile: %s\naccessLogFormat: \"[%%REQUESTED_SERVER_NAME%%] %%RESPONSE_FLAGS%% %%UPSTREAM_CLUSTER_RAW%% %%CONNECTION_TERMINATION_DETAILS%%\"\n", file))
	config := certificate(t)
	tcp, tls, http := envoytest.FreePort(t), envoytest.FreePort(t), envoytest.FreePort(t)
	dir := newPolicyDir(t, map[string]string{
		"routing.yaml": connections(tcp, tls, http, echo(t, "plain", nil), echo(t, "one", config), echo(t, "two", config)),
		"policy.yaml":  ruled("DENY", `[{when: [{key: connection.sni, values: ["*.two.test"]}]}]`),
	})
	e := startPlane(t, dir, "--mesh-config", mesh).startGateway(t, envoytest.Options{})
	plain, secure := e.MustListener(t, fmt.Sprintf("127.0.0.1_%d", tcp)), e.MustListener(t, fmt.Sprintf("127.0.0.1_%d", tls))
	if got := connect(t, plain); got != "plain hello" {
		t.Errorf("in the clear: %q", got)
	}
	for name, want := range map[string]string{"one.test": "one hello", "a.two.test": "", "none.example": ""} {
		if got := connectTLS(t, secure, name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	e.Stop() // which writes the log out
	content, err := os.ReadFile(file)
	must(t, err)
	for _, want := range []string{
		`\[-\] - outbound\|80\|\|plain\.local -`, `\[one\.test\] - outbound\|80\|\|one\.local -`, `\[none\.example\] NR - -`,
		`\[a\.two\.test\] - outbound\|8[01]\|\|two\.local rbac_access_denied_matched_policy\[ns\[istio-system\]-policy\[ruled\]-rule\[0\]\]`,
	} {
		if !regexp.MustCompile(`(?m)^` + want + `$`).Match(content) {
			t.Errorf("the log has no line %s", want)
		}
	}
	if t.Failed() {
		t.Logf("the log:\n%s", content)
	}
}
