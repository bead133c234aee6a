package test

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// elsewhere is an address that is not of loopback.
const elsewhere = "192.0.2.7"

// haveElsewhere gives this namespace that address. Who calls it comes from it too, as from another machine.
func haveElsewhere(t *testing.T) {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	must(t, err)
	defer func() { _ = unix.Close(fd) }()
	alias, err := unix.NewIfreq("lo:1")
	must(t, err)
	must(t, alias.SetInet4Addr([]byte{192, 0, 2, 7}))
	must(t, unix.IoctlIfreq(fd, unix.SIOCSIFADDR, alias))
}

// everywhere has the admin interface listen on every address, and returns that from another machine.
func (p *plane) everywhere() (address, far string) {
	_, port, _ := strings.Cut(p.admin, ":")
	return "0.0.0.0:" + port, elsewhere + ":" + port
}

// TestPlainTextTellsOtherMachinesNothing holds that what compose files and load balancers ask is answered in plain text, that
// policy, status and profiles are not, and that on the machine itself all is.
func TestPlainTextTellsOtherMachinesNothing(t *testing.T) {
	t.Parallel()
	if apart(t) {
		return
	}
	haveElsewhere(t)
	p := newPlane(t, newPolicyDir(t, map[string]string{"guard.yaml": guardPolicy, "broken.yaml": "a: ["}))
	address, far := p.everywhere()
	p.startAs(t, command(context.Background(), p.serve("--admin-address", address)...)) // it asks on loopback
	asks := func(path string) (int, string) {
		from := *p
		from.admin = far
		return from.get(path)
	}
	for path, want := range map[string]int{
		"/healthz": http.StatusOK, "/readyz": http.StatusServiceUnavailable, "/metrics": http.StatusForbidden, "/debug/status": http.StatusForbidden, "/debug/config": http.StatusForbidden,
		"/debug/pprof/": http.StatusForbidden, "/debug/pprof/heap": http.StatusForbidden,
	} {
		status, text := asks(path)
		if status != want || strings.Contains(text, "broken.yaml") || status == http.StatusForbidden && !strings.Contains(text, "--admin-tls-cert") {
			t.Errorf("%s: %d %s", path, status, text)
		}
		if near, text := p.get(path); near == http.StatusForbidden || path == "/readyz" && !strings.Contains(text, "broken.yaml") {
			t.Errorf("%s on loopback: %d %s", path, near, text)
		}
	}
	if said := strings.Count(p.log.String(), "the admin interface is plain text"); said != 1 {
		t.Errorf("the log warns %d times", said)
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"status", "--admin-address", far}, &out, &out); code != exitUsage || !strings.Contains(out.String(), "403 Forbidden") {
		t.Errorf("status from another machine: exit %d: %s", code, &out)
	}
	p.stop()
	p.startAs(t, command(context.Background(), p.serve("--admin-address", address, "--metrics-open")...))
	for path, want := range map[string]int{"/metrics": http.StatusOK, "/debug/status": http.StatusForbidden} {
		if status, text := asks(path); status != want {
			t.Errorf("with --metrics-open, %s: %d %.300s", path, status, text)
		}
	}
}

// TestATokenOpensTheAdminInterface makes a token with the program, names it in the file of roles, and asks the program from another
// address: with it, without it, and when the file does not name it any more.
func TestATokenOpensTheAdminInterface(t *testing.T) {
	t.Parallel()
	if apart(t) {
		return
	}
	haveElsewhere(t)
	dir, ca := t.TempDir(), newAuthority(t)
	own := ca.issue(t, elsewhere, "127.0.0.1")
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	must(t, err)
	certificate, keyFile, roles, tokenFile := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), filepath.Join(dir, "roles.yaml"), filepath.Join(dir, "token")
	write(t, certificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]})))
	write(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"admin-token", "alice", "--role", "viewer", "-o", "json"}, &out, &errs); code != exitClean {
		t.Fatalf("exit %d: %s", code, &errs)
	}
	var made struct {
		Token string
		Entry json.RawMessage
	}
	must(t, json.Unmarshal(out.Bytes(), &made))
	entry := fmt.Sprintf("tokens: [%s]\n", made.Entry) // JSON is YAML
	write(t, roles, entry)
	write(t, tokenFile, made.Token+"\n")

	p, record := newPlane(t, newPolicyDir(t, map[string]string{"guard.yaml": guardPolicy})), filepath.Join(dir, "record")
	address, far := p.everywhere()
	p.process = startProcess(t, command(context.Background(), p.serve("--admin-address", address, "--admin-tls-cert", certificate, "--admin-tls-key", keyFile, "--admin-roles", roles, "--audit-log", record)...), p.log)
	t.Cleanup(func() { p.stop() })
	status := func(address string, flags ...string) (int, string) {
		var out bytes.Buffer
		code := run(t.Context(), append([]string{"status", "--admin-address", address, "--admin-ca-file", ca.file}, flags...), &out, &out)
		return code, out.String()
	}
	eventually(t, "a viewer sees the status", func() bool {
		code, text := status(far, "--admin-token-file", tokenFile)
		return code == exitClean && strings.HasPrefix(text, "ready, generation 1")
	})
	for _, address := range []string{far, p.admin} { // who asks for TLS gets it on loopback too
		if code, text := status(address); code != exitUsage || !strings.Contains(text, "401 Unauthorized") {
			t.Errorf("without a token at %s: exit %d: %s", address, code, text)
		}
	}
	before := strings.Count(p.log.String(), "level=ERROR")
	replace(t, roles, "tokens: [")
	eventually(t, "a broken file is told", func() bool { return strings.Count(p.log.String(), "level=ERROR") > before })
	if code, text := status(far, "--admin-token-file", tokenFile); code != exitClean {
		t.Errorf("with a broken file: exit %d: %s", code, text)
	}
	replace(t, roles, "tokens: []\n")
	eventually(t, "the token is nobody's", func() bool {
		code, text := status(far, "--admin-token-file", tokenFile)
		return code == exitUsage && strings.Contains(text, "401 Unauthorized")
	})
	replace(t, certificate, "none")
	for what, says := range map[string][]string{
		"the refusals":           {`"io.portreeve.admin.refused"`, `"reason":"token"`},
		"a broken file of roles": {`"io.portreeve.admin.roles.changed"`, `"outcome":"failure"`, `"count":1,"inForce":[{"kind":"token","name":"alice","role":"viewer"}]`},
		"one that takes all":     {`"io.portreeve.admin.roles.changed"`, `"outcome":"success"`, `"count":0,"inForce":null`},
		"a broken certificate":   {`"io.portreeve.certificate.changed"`, `"outcome":"failure"`, `"files":["` + certificate},
	} {
		eventually(t, what+" is on record", func() bool {
			return slices.ContainsFunc(strings.Split(readFile(t, record), "\n"), func(line string) bool {
				return !slices.ContainsFunc(says, func(part string) bool { return !strings.Contains(line, part) })
			})
		})
	}
	if _, secret, _ := strings.Cut(made.Token, "."); strings.Contains(p.log.String()+readFile(t, record), secret) || strings.Contains(p.log.String()+readFile(t, record), "argon2id") {
		t.Error("the log or the record shows the token, or its hash")
	}
}
