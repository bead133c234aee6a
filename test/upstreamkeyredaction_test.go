package test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/diag"
)

// telling collects everything that the program says of a policy directory with keys in it.
type telling struct {
	*plane
	flags []string
	said  strings.Builder
}

func (s *telling) Write(b []byte) (int, error) { return s.said.Write(b) }
func (s *telling) String() string              { return s.said.String() }

// everything asks for all that there is to print, in each format, and on a terminal.
func (s *telling) everything(t *testing.T) {
	t.Helper()
	for _, args := range [][]string{
		slices.Concat([]string{"validate", s.dir}, s.flags),
		slices.Concat([]string{"render", "envoy", s.dir}, s.flags),
		slices.Concat([]string{"render", "envoy", "--static", s.dir}, s.flags),
		slices.Concat([]string{"render", "envoy", "--optimize", "off", s.dir}, s.flags),
		{"status", "--admin-address", s.admin},
	} {
		run(t.Context(), args, s, s)
		run(t.Context(), append(args, "-o", "json"), s, s)
	}
	run(t.Context(), slices.Concat([]string{"render", "istio", s.dir}, s.flags), s, s)
	for _, path := range []string{"/debug/config", "/debug/status", "/readyz", "/healthz", "/metrics"} {
		_, text := s.get(path)
		s.said.WriteString(text)
	}
	showExcerpts(t, s, s.dir)
}

// end stops the control plane and takes in its log.
func (s *telling) end() {
	s.stop()
	s.said.WriteString(s.log.String())
}

// holdsNothingOf looks for a key in PEM in what was said: for its body, in the lines that it
// has and in one, and for the base64 of the whole, as it stands in a Secret's data.
func (s *telling) holdsNothingOf(t *testing.T, name, key string) {
	t.Helper()
	const length = 20
	lines := strings.Split(strings.TrimSpace(key), "\n")
	header := len(lines[0]) + 1
	encoded := base64.StdEncoding.EncodeToString([]byte(key))[(header+2)/3*4:]
	text := s.String()
	flat := strings.Join(strings.Fields(text), "")
	for what, secret := range map[string]string{"body": strings.Join(lines[1:len(lines)-1], ""), "base64": encoded} {
		if len(secret) < 2*length {
			t.Fatalf("the %s of the key is too short to look for", what)
		}
		for i := 0; i+length <= len(secret); i += length {
			if part := secret[i : i+length]; strings.Contains(flat, part) {
				t.Errorf("the %s of %s key was told: %s", what, name, around(flat, part))
				break
			}
		}
	}
}

// encodedSecret is secretWith, with the entries in base64 below data.
func encodedSecret(name string, entries ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "---\napiVersion: v1\nkind: Secret\nmetadata: {name: %s, namespace: istio-system}\ndata:\n", name)
	for i := 0; i+1 < len(entries); i += 2 {
		fmt.Fprintf(&b, "  %s: %s\n", entries[i], base64.StdEncoding.EncodeToString([]byte(entries[i+1])))
	}
	return b.String()
}

// TestNoUpstreamKeyIsTold looks for the key of a client's certificate that is shown to a backend,
// from a Secret whose entries are in base64, while it is good and while it is broken.
func TestNoUpstreamKeyIsTold(t *testing.T) {
	envoytest.Require(t)
	a, clients := newAuthority(t), newAuthority(t)
	certificate, key := pems(t, clients.issueClient(t))
	serverCertificate, serverKey := pems(t, a.issue(t, "one.test"))
	good := encodedSecret("backend", "tls.crt", certificate, "tls.key", key, "ca.crt", a.pem()) +
		encodedSecret("one", "tls.crt", serverCertificate, "tls.key", serverKey)
	services := web(tlsBackend(t, a, &clients, "web.example")) + ruleFor("  trafficPolicy: {tls: {mode: MUTUAL, credentialName: backend}}\n")
	s := openShop(t, toWeb, services+good)
	if status, seen := askSecure(t, s); status != 200 || seen.Client != "test client" {
		t.Fatalf("status %d, the backend saw %+v", status, seen)
	}
	said := &telling{plane: s.plane}
	said.everything(t)
	for _, want := range []string{"kubernetes://backend", "kubernetes://backend-cacert", "BEGIN CERTIFICATE", "[redacted]"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("nothing was said of %s, so this test cannot find anything", want)
		}
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(key))
	flat := strings.ReplaceAll(key, "\n", `\n`)
	for i, broken := range []string{
		// The key without its certificate, under a wrong name, cut off, damaged, and twice in base64.
		services + encodedSecret("backend", "tls.key", key),
		services + encodedSecret("backend", "tls.crt", key, "tls.key", certificate, "ca.crt", a.pem()),
		services + strings.Replace(good, encoded, encoded[:len(encoded)-7], 1),
		services + strings.Replace(good, encoded, encoded[:80]+"!"+encoded[80:], 1),
		services + encodedSecret("backend", "tls.crt", certificate, "tls.key", encoded, "ca.crt", a.pem()),
		services + encodedSecret("backend", "tls.crt", certificate, "tls.key", key, "ca.crt", key),
		// Broken YAML around it.
		services + strings.Replace(good, "data:", "data: [", 1),
		services + strings.Replace(good, "  tls.key: ", "tls.key ", 1),
		services + strings.Replace(good, "kind: Secret", "kind: Secrets", 1),
		services + strings.Replace(good, "data:", "dota:", 1),
		encoded,
		// The key where a name or a path should be.
		services + good + speaking("other", `mode: MUTUAL, clientCertificate: /a, privateKey: "`+flat+`"`),
		services + good + speaking("other", `mode: MUTUAL, clientCertificate: "/`+flat+`", privateKey: "`+encoded+`"`),
		services + good + speaking("other", `mode: SIMPLE, credentialName: "`+encoded+`"`),
		services + good + speaking("other", `mode: SIMPLE, caCertificates: "`+flat+`"`),
		services + good + speaking("other", `mode: SIMPLE, sni: "`+flat+`"`),
	} {
		replace(t, s.services, broken)
		eventually(t, fmt.Sprintf("the breakage %d is seen", i), func() bool {
			status, err := s.status(t)
			return err == nil && status.Diagnostics.HasErrors()
		})
		said.everything(t)
		replace(t, s.services, services+good)
		eventually(t, "it is mended", func() bool {
			status, err := s.status(t)
			return err == nil && !status.Diagnostics.HasErrors()
		})
	}
	said.end()
	said.holdsNothingOf(t, "the client's", key)
	said.holdsNothingOf(t, "the server's", serverKey)
}

// showExcerpts writes what validate shows a person on a terminal: findings with lines of the files.
func showExcerpts(t *testing.T, w io.Writer, dir string) {
	t.Helper()
	var out, errs bytes.Buffer
	run(t.Context(), []string{"validate", dir, "-o", "json"}, &out, &errs)
	var findings diag.List
	must(t, json.Unmarshal(out.Bytes(), &findings))
	must(t, findings.WriteText(w, func(path string) []byte { return []byte(readFile(t, path)) }))
}

func around(text, part string) string {
	i := strings.Index(text, part)
	return text[max(0, i-300):min(len(text), i+100)]
}
