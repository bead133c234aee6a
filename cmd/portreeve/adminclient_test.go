package main

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoTokenGoesOverPlainText holds where a control plane is asked, and that a token is never sent where others could read it.
func TestNoTokenGoesOverPlainText(t *testing.T) {
	dir := t.TempDir()
	token, two := filepath.Join(dir, "token"), filepath.Join(dir, "two")
	write(t, token, "one.hidden\n")
	write(t, two, "one.hidden\ntwo.hidden\n")
	for name, c := range map[string]struct {
		client   adminClient
		variable string
		url      string
		shows    bool
		wrong    string
	}{
		"loopback":                       {client: adminClient{address: "127.0.0.1:1"}, url: "http://127.0.0.1:1"},
		"loopback, and the variable":     {client: adminClient{address: "localhost:1"}, variable: token, url: "http://localhost:1"},
		"loopback, and a token":          {client: adminClient{address: "[::1]:1", token: token}, url: "https://[::1]:1", shows: true},
		"another, and nothing":           {client: adminClient{address: "plane.test:1"}, url: "http://plane.test:1"},
		"another, and the variable":      {client: adminClient{address: "plane.test:1"}, variable: token, url: "https://plane.test:1", shows: true},
		"another, and a token":           {client: adminClient{address: "192.0.2.1:1", token: token}, url: "https://192.0.2.1:1", shows: true},
		"authorities":                    {client: adminClient{address: "127.0.0.1:1", authorities: "a"}, url: "https://127.0.0.1:1"},
		"a certificate":                  {client: adminClient{address: "127.0.0.1:1", certificate: "a", key: "b"}, url: "https://127.0.0.1:1"},
		"https":                          {client: adminClient{address: "https://127.0.0.1:1"}, variable: token, url: "https://127.0.0.1:1", shows: true},
		"http on loopback, the variable": {client: adminClient{address: "http://127.0.0.1:1"}, variable: token, url: "http://127.0.0.1:1"},
		"http elsewhere, a token":        {client: adminClient{address: "http://plane.test:1", token: token}, wrong: "plain text"},
		"http elsewhere, the variable":   {client: adminClient{address: "http://plane.test:1"}, variable: token, wrong: "plain text"},
		"http, a name like loopback":     {client: adminClient{address: "http://localhost.test:1"}, variable: token, wrong: "plain text"},
		"http, another's number":         {client: adminClient{address: "http://127.0.0.1.test:1"}, variable: token, wrong: "plain text"},
		"another scheme":                 {client: adminClient{address: "ftp://plane.test:1", token: token}, wrong: "no admin address"},
		"a path":                         {client: adminClient{address: "https://plane.test:1/a", token: token}, wrong: "no admin address"},
		"a user":                         {client: adminClient{address: "https://a@plane.test:1", token: token}, wrong: "no admin address"},
		"a certificate without its key":  {client: adminClient{address: "plane.test:1", certificate: "a"}, wrong: "belong together"},
		"a file that is not there":       {client: adminClient{address: "plane.test:1", token: filepath.Join(dir, "none")}, wrong: "no such file"},
		"two tokens in the file":         {client: adminClient{address: "plane.test:1", token: two}, wrong: "want one token"},
	} {
		url, shown, err := c.client.resolve(c.variable)
		switch {
		case c.wrong != "":
			if err == nil || !strings.Contains(err.Error(), c.wrong) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("%s: %v, want %s", name, err, c.wrong)
			}
		case err != nil || url != c.url || (shown == "one.hidden") != c.shows || shown != "" && !c.shows:
			t.Errorf("%s: %s, shows a token: %v, %v", name, url, shown != "", err)
		}
	}
}

// TestATokenIsShownToWhoIsTrusted holds that the verbs show it over TLS to the plane that their authorities know, follow it nowhere else,
// and say what it answers.
func TestATokenIsShownToWhoIsTrusted(t *testing.T) {
	dir := t.TempDir()
	token, authorities := filepath.Join(dir, "token"), filepath.Join(dir, "ca.crt")
	write(t, token, "one.hidden\n")
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it is followed elsewhere") }))
	defer elsewhere.Close()
	answer := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"ready": true, "gateways": []}`) }
	plane := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer one.hidden" {
			t.Errorf("it is shown %q", r.Header.Get("Authorization"))
		}
		answer(w, r)
	}))
	defer plane.Close()
	write(t, authorities, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: plane.Certificate().Raw})))
	address := strings.TrimPrefix(plane.URL, "https://")
	status := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := run(t.Context(), append([]string{"status", "--admin-address", address, "--admin-token-file", token}, args...), &out, &out)
		if strings.Contains(out.String(), "hidden") {
			t.Errorf("it shows the token: %s", &out)
		}
		return code, out.String()
	}
	if code, out := status("--admin-ca-file", authorities); code != exitClean {
		t.Errorf("exit code %d: %s", code, out)
	}
	if code, out := status(); code != exitUsage || !strings.Contains(out, x509.UnknownAuthorityError{}.Error()+" (--admin-ca-file") {
		t.Errorf("of an authority that is not trusted: exit code %d: %s", code, out)
	}
	if _, out := status("--admin-ca-file", authorities, "--admin-address", strings.Replace(address, "127.0.0.1", "localhost", 1)); !strings.Contains(out, "(ask by a name that the certificate has)") {
		t.Errorf("by another name: %s", out)
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"status", "--admin-address", address}, &out, &out); code != exitUsage || !strings.Contains(out.String(), "it speaks TLS there") {
		t.Errorf("in plain text: exit code %d: %s", code, &out)
	}
	answer = func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "your role may not", http.StatusForbidden) }
	if code, out := status("--admin-ca-file", authorities); code != exitUsage || !strings.Contains(out, "your role may not") {
		t.Errorf("exit code %d: %s", code, out)
	}
	answer = http.RedirectHandler(elsewhere.URL, http.StatusFound).ServeHTTP
	if code, _ := status("--admin-ca-file", authorities); code != exitUsage {
		t.Errorf("a redirect: exit code %d", code)
	}
}

// TestWhoIsNotThereIsToldApart holds that a user who asks too early, or at another place, is told what it can be.
func TestWhoIsNotThereIsToldApart(t *testing.T) {
	var out bytes.Buffer
	if code := run(t.Context(), []string{"status", "--admin-address", "127.0.0.1:1"}, &out, &out); code != exitUsage || !strings.Contains(out.String(), "refused (nobody listens there: portreeve serve is not running") {
		t.Errorf("exit code %d: %s", code, &out)
	}
}

// TestAnAdminTokenIsWhatRolesName holds that what the verb prints is an entry of the file, and that no two are alike.
func TestAnAdminTokenIsWhatRolesName(t *testing.T) {
	made := func(args ...string) (int, string) {
		var out bytes.Buffer
		code := run(t.Context(), append([]string{"admin-token"}, args...), &out, &out)
		return code, out.String()
	}
	code, one := made("alice", "--role", "operator")
	if code != exitClean || !strings.Contains(one, `- {name: alice, role: operator, hash: "$argon2id$`) || !strings.Contains(one, ": alice.") {
		t.Errorf("exit code %d: %s", code, one)
	}
	if _, other := made("alice", "--role", "operator"); other == one {
		t.Error("two are alike")
	}
	if code, out := made("alice", "--role", "root"); code != exitUsage || !strings.Contains(out, "viewer, operator") {
		t.Errorf("exit code %d: %s", code, out)
	}
	if code, out := made("alice.b"); code != exitUsage {
		t.Errorf("exit code %d: %s", code, out)
	}
}

// TestServeRefusesHalfOfARole holds that what would leave the admin interface less guarded than it looks is an error at the start.
func TestServeRefusesHalfOfARole(t *testing.T) {
	dir := newPolicyDir(t, map[string]string{"policy.yaml": denial})
	for want, args := range map[string][]string{
		"--admin-tls-cert, --admin-tls-key and --admin-roles belong together": {"--admin-tls-cert", "a", "--admin-tls-key", "b"},
		"--admin-roles belong together":                                       {"--admin-roles", "a"},
		"they need --admin-tls-cert":                                          {"--admin-client-ca", "a"},
		"admin interface: stat":                                               {"--admin-tls-cert", filepath.Join(dir, "none"), "--admin-tls-key", "b", "--admin-roles", "c"},
	} {
		var out bytes.Buffer
		code := run(t.Context(), append([]string{"serve", "--config", dir, "--xds-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"}, args...), &out, &out)
		if code != exitUsage || !strings.Contains(out.String(), want) {
			t.Errorf("%v: exit code %d: %s", args, code, &out)
		}
	}
}
