package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/portreeve/portreeve/internal/authority"
)

// verb runs a command line and returns its exit code and what it prints.
func verb(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

// TestFourCommandsLeadToEachOther holds that what a command says comes next can be run as it stands.
func TestFourCommandsLeadToEachOther(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "the ca")
	code, out, errs := verb(t, "ca", "init", "--dir", dir, "--server-san", "plane.example.com", "--trust-domain", "example.com")
	if code != exitClean || !strings.Contains(out, "portreeve ca issue gateway gateway --dir '"+dir+"'\n") ||
		!strings.Contains(out, "--xds-tls-cert '"+dir+"/server/tls.crt'") || !strings.Contains(out, "--xds-trust-domain example.com\n") {
		t.Fatalf("init: exit %d\n%s%s", code, out, errs)
	}
	code, out, errs = verb(t, "ca", "issue", "gateway", "edge-1", "--dir", dir, "--namespace", "edge", "--labels", "app=edge,istio=ingressgateway")
	pair := filepath.Join(dir, "gateways", "edge", "edge-1")
	next := "portreeve bootstrap --tls-dir '" + pair + "' --name edge-1 --namespace edge --labels app=edge,istio=ingressgateway > envoy.yaml\n"
	if code != exitClean || !strings.Contains(out, next) {
		t.Fatalf("issue: exit %d, want %s\n%s%s", code, next, out, errs)
	}
	arguments := []string{"bootstrap", "--tls-dir", pair, "--name", "edge-1", "--namespace", "edge", "--labels", "app=edge,istio=ingressgateway", "--xds-address", "plane.example.com:18000"}
	code, out, errs = verb(t, arguments...)
	if code != exitClean || !strings.Contains(out, "exact: plane.example.com") || strings.Count(errs, "wrote ") != 2 || strings.Contains(errs, "note:") {
		t.Fatalf("bootstrap: exit %d\n%s%s", code, out, errs)
	}
	if code, _, errs = verb(t, arguments...); code != exitClean || errs != "" {
		t.Errorf("bootstrap again: exit %d, %s", code, errs)
	}
	for _, name := range []string{"xds-certificate.yaml", "xds-authority.yaml"} {
		if info, err := os.Stat(filepath.Join(pair, name)); err != nil || info.Mode().Perm() != 0o644 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// TestTheMappingIsInOrderAtEveryMoment holds for the file that the control plane reads: an error in it would hold up
// every edit of policy.
func TestTheMappingIsInOrderAtEveryMoment(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	policy := newPolicyDir(t, map[string]string{"good.yaml": denial})
	for _, line := range []string{"ca init", "ca issue gateway edge-1", "ca issue gateway edge-1 --namespace edge --labels a=yes,b=1", "ca revoke edge-1", "ca revoke edge-1 --namespace edge"} {
		if code, out, errs := verb(t, append(strings.Fields(line), "--dir", dir)...); code != exitClean {
			t.Fatalf("%s: exit %d: %s%s", line, code, out, errs)
		}
		if code, out, errs := verb(t, "validate", "--gateways", filepath.Join(dir, "gateways.yaml"), policy); code != exitClean {
			t.Errorf("after %s: exit %d: %s%s", line, code, out, errs)
		}
	}
}

// TestBootstrapSaysWhatIsMissing holds for whoever has no certificate yet, or another's.
func TestBootstrapSaysWhatIsMissing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	verb(t, "ca", "init", "--dir", dir)
	verb(t, "ca", "issue", "gateway", "edge-1", "--dir", dir)
	pair := filepath.Join(dir, "gateways", "istio-system", "edge-1")
	server, mixed, piped := filepath.Join(dir, "server"), t.TempDir(), t.TempDir()
	for _, folder := range []string{mixed, piped} {
		for _, name := range []string{"tls.crt", "tls.key", "ca.crt"} {
			copyFile(t, filepath.Join(pair, name), filepath.Join(folder, name))
		}
	}
	copyFile(t, filepath.Join(server, "tls.key"), filepath.Join(mixed, "tls.key"))
	must(t, syscall.Mkfifo(filepath.Join(piped, "xds-certificate.yaml"), 0o600))
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no directory":        {[]string{"--tls-dir", dir + "/none", "--name", "edge-2"}, exitUsage, "portreeve ca issue gateway edge-2 --namespace istio-system --labels istio=ingressgateway"},
		"no certificate":      {[]string{"--tls-dir", dir}, exitUsage, "has no tls.crt to read"},
		"another's":           {[]string{"--tls-dir", pair, "--name", "edge-2"}, exitClean, "note: " + pair + "/tls.crt is of spiffe://cluster.local/ns/istio-system/gateway/edge-1"},
		"a server's":          {[]string{"--tls-dir", server, "--name", "edge-1"}, exitClean, "is not for clients (extended key usage clientAuth)"},
		"another's key":       {[]string{"--tls-dir", mixed, "--name", "edge-1"}, exitClean, "tls.crt and tls.key in " + mixed + " are no pair"},
		"a pipe in its way":   {[]string{"--tls-dir", piped, "--name", "edge-1"}, exitClean, "wrote " + piped + "/xds-certificate.yaml"},
		"no name":             {[]string{"--tls-dir", pair, "--name", "edge-1", "--xds-server-name", "a b"}, exitUsage, "neither a DNS name nor an IP address"},
		"a name for nothing":  {[]string{"--xds-server-name", "plane"}, exitUsage, "needs --tls-dir"},
		"plain, elsewhere":    {[]string{"--xds-address", "plane:18000"}, exitClean, "note: plane:18000 is not on this machine"},
		"plain, here":         {nil, exitClean, ""},
		"several, elsewhere":  {[]string{"--xds-address", "127.0.0.1:1", "--xds-address", "plane:18000"}, exitClean, "note: plane:18000 is not on this machine"},
		"one of them twice":   {[]string{"--xds-address", "plane:1", "--xds-address", "plane:1"}, exitUsage, "plane:1 is the control plane that plane:1 is"},
		"a socket and a host": {[]string{"--xds-address", "plane:1", "--xds-address", "unix:///x"}, exitUsage, "not both"},
		"too long a socket":   {[]string{"--xds-address", "unix:///" + strings.Repeat("a", 107)}, exitUsage, "at most 107"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := verb(t, append([]string{"bootstrap"}, c.args...)...)
			if code != c.code || !strings.Contains(errs, c.says) || c.says == "" && errs != "" || code != exitClean && out != "" {
				t.Errorf("exit %d, want %d and %q:\n%s\n%s", code, c.code, c.says, errs, out)
			}
		})
	}
}

// TestNoCommandShowsAKey holds for all of what the verbs print, also where they fail.
func TestNoCommandShowsAKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	var all strings.Builder
	for _, c := range []struct {
		line string
		code int
	}{
		{"ca list", exitUsage},
		{"ca init", exitClean},
		{"ca init", exitClean},
		{"ca init --trust-domain other.example", exitUsage},
		{"ca init --server-san plane", exitUsage},
		{"ca issue gateway edge-1", exitClean},
		{"ca issue gateway ../edge", exitUsage},
		{"ca issue gateway edge-1 --days 0", exitUsage},
		{"ca issue gateway edge-1 --owner no-such-user", exitUsage},
		{"ca issue server", exitUsage},
		{"ca issue server --san plane", exitClean},
		{"ca renew", exitClean},
		{"ca renew --all --valid-for 1h", exitClean},
		{"ca renew edge-1 --all", exitUsage},
		{"ca renew edge-9", exitUsage},
		{"ca revoke edge-1", exitClean},
		{"ca revoke", exitUsage},
		{"ca revoke --serial 1234", exitUsage},
		{"ca list", exitClean},
		{"ca list -o json", exitClean},
		{"ca list -o yaml", exitClean},
	} {
		code, out, errs := verb(t, append(strings.Fields(c.line), "--dir", dir)...)
		if code != c.code || code == exitUsage && (out != "" || !strings.HasPrefix(errs, "portreeve: ")) {
			t.Errorf("%s: exit %d, want %d: %s%s", c.line, code, c.code, out, errs)
		}
		all.WriteString(out + errs)
	}
	key, err := os.ReadFile(filepath.Join(dir, "ca.key"))
	must(t, err)
	secret := strings.Split(string(key), "\n")[1]
	if text := all.String(); strings.Contains(text, "PRIVATE KEY") || strings.Contains(text, secret[:20]) {
		t.Errorf("a key is shown:\n%s", text)
	}
	code, out, _ := verb(t, "ca", "list", "-o", "json", "--dir", dir)
	var l authority.Listing
	if err := json.Unmarshal([]byte(out), &l); err != nil || code != exitClean || l.TrustDomain != "cluster.local" || len(l.Certificates) < 4 {
		t.Errorf("list: exit %d, %v: %s", code, err, out)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, content, 0o600))
}
