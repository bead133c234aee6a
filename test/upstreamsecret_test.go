package test

import (
	"crypto/tls"
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// keyEntry registers the server of keys at its address, and says of TLS to it what is given.
func keyEntry(t testing.TB, server *keyServer, settings string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(server.Listener.Addr().String())
	must(t, err)
	return fmt.Sprintf(`---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: keys, namespace: istio-system}
spec: {hosts: [keys.test], ports: [{number: 443, name: https, protocol: HTTPS, targetPort: %s}], resolution: STATIC, endpoints: [{address: 127.0.0.1}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: keys, namespace: istio-system}
spec: {host: keys.test, trafficPolicy: {tls: {%s}}}
`, port, settings)
}

// TestAKeyServerIsVerifiedByItsCredential holds that a gateway that fetches keys verifies their server
// with the Secret of a DestinationRule, and that it verifies it also where the rule says not to.
func TestAKeyServerIsVerifiedByItsCredential(t *testing.T) {
	envoytest.Require(t)
	right, wrong := newAuthority(t), newAuthority(t)
	certificate, key := clientFiles(t, wrong)
	for name, c := range map[string]struct {
		settings, secret string
		clients          bool
		want             int
	}{
		"the right authority":        {"mode: SIMPLE, credentialName: backend", backendSecret(t, right, nil), false, 200},
		"another authority":          {"mode: SIMPLE, credentialName: backend", backendSecret(t, wrong, nil), false, 401},
		"mutual":                     {"mode: MUTUAL, credentialName: backend", backendSecret(t, right, &wrong), true, 200},
		"mutual, unknown":            {"mode: MUTUAL, credentialName: backend", backendSecret(t, right, &right), true, 401},
		"mutual, not verified":       {"mode: MUTUAL, credentialName: backend, insecureSkipVerify: true", backendSecret(t, right, &wrong), true, 401},
		"another name":               {"mode: SIMPLE, credentialName: backend, sni: other.test", backendSecret(t, right, nil), false, 401},
		"files":                      {"mode: SIMPLE, caCertificates: " + right.file, "", false, 200},
		"files of another authority": {"mode: SIMPLE, caCertificates: " + wrong.file, "", false, 401},
		"a file that is not there":   {"mode: SIMPLE, caCertificates: /nowhere/ca.pem", "", false, 401},
		"files, not verified":        {"mode: MUTUAL, clientCertificate: " + certificate + ", privateKey: " + key + ", insecureSkipVerify: true", "", true, 401},
		"files, mutual":              {"mode: MUTUAL, clientCertificate: " + certificate + ", privateKey: " + key + ", caCertificates: " + right.file, "", true, 200},
		"no authority at all":        {"mode: SIMPLE, insecureSkipVerify: true", "", false, 401},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			key := newSigningKey(t)
			server := newKeyServer(t, keySet(t, key))
			server.TLS = &tls.Config{Certificates: []tls.Certificate{right.issue(t, "keys.test")}, MinVersion: tls.VersionTLS12}
			if c.clients {
				server.TLS.ClientAuth, server.TLS.ClientCAs = tls.RequireAndVerifyClientCert, wrong.pool()
			}
			server.StartTLS()
			s := newScene(t, fetchedRule("issuer", "https://keys.test/keys")+keyEntry(t, server, c.settings)+c.secret, "--jwks-fetch", "envoy")
			if got := ask(t, s.address, "/", bearer(key.token(t, "issuer", nil))...).Status; got != c.want {
				t.Errorf("status %d, want %d", got, c.want)
			}
			if asked := server.asked.Load() > 0; asked != (c.want == 200) {
				t.Errorf("the server was asked: %v", asked)
			}
		})
	}
}

// TestAMissingUpstreamCredentialClosesThePort starts without the Secret of a backend that is fine
// otherwise, or with one that is broken: the gateway gets nothing, so its port is closed and nothing
// is sent. When the Secret is put right, requests get through, all of them in TLS.
func TestAMissingUpstreamCredentialClosesThePort(t *testing.T) {
	envoytest.Require(t)
	a, clients := newAuthority(t), newAuthority(t)
	good := backendSecret(t, a, &clients)
	for name, secret := range map[string]string{
		"missing":          "",
		"elsewhere":        strings.Replace(good, "namespace: istio-system", "namespace: elsewhere", 1),
		"without entries":  "---\napiVersion: v1\nkind: Secret\nmetadata: {name: backend, namespace: istio-system}\n",
		"no authority":     secretWith("backend", pairOf(t, clients)...),
		"broken authority": strings.Replace(good, "BEGIN CERTIFICATE", "BEGIN NONSENSE", 1),
		"no key":           strings.Replace(good, "tls.key", "other", 1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listen := envoytest.FreePort(t)
			plain, asked := countingBackend(t)
			rule := ruleFor("  trafficPolicy: {tls: {mode: MUTUAL, credentialName: backend}}\n")
			dir := newPolicyDir(t, map[string]string{"routing.yaml": shopRouting(listen, toWeb), "services.yaml": web(plain) + rule + secret})
			s := &shop{plane: startPlane(t, dir), services: filepath.Join(dir, "services.yaml"), address: fmt.Sprintf("127.0.0.1:%d", listen)}
			s.gateway = s.startGateway(t, envoytest.Options{Until: envoytest.AdminOpen})
			eventually(t, "the finding is told", func() bool {
				var out strings.Builder
				code := run(t.Context(), []string{"status", "--admin-address", s.admin}, &out, &out)
				return code == exitFindings && strings.Contains(out.String(), "backend")
			})
			if listeners, err := s.gateway.Listeners(t.Context()); err != nil || len(listeners) > 0 {
				t.Errorf("it listens: %v, %v", listeners, err)
			}
			// The Secret is good, but the backend speaks plain text: it is still sent nothing.
			replace(t, s.services, web(plain)+rule+good)
			s.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", listen))
			if status, _ := askSecure(t, s); status != 503 || asked.Load() > 0 {
				t.Errorf("status %d, and %d requests went on in plain text", status, asked.Load())
			}
			replace(t, s.services, web(tlsBackend(t, a, &clients, "web.example"))+rule+good)
			eventually(t, "the backend is served", func() bool { status, seen := askSecure(t, s); return status == 200 && seen.Client == "test client" })
		})
	}
}

// pairOf is the entries of a Secret with a client's certificate alone.
func pairOf(t testing.TB, a authority) []string {
	t.Helper()
	certificate, key := pems(t, a.issueClient(t))
	return []string{"tls.crt", certificate, "tls.key", key}
}

// TestPrintedConfigurationHasTheUpstreamCredential runs the printed configuration, with the Secret of
// a service and of a subset in it.
func TestPrintedConfigurationHasTheUpstreamCredential(t *testing.T) {
	envoytest.Require(t)
	a, clients, others := newAuthority(t), newAuthority(t), newAuthority(t)
	for name, c := range map[string]struct {
		authority authority
		settings  string
		want      int
	}{
		"the right authority": {a, "credentialName: backend", 200},
		"another authority":   {others, "credentialName: backend", 503},
	} {
		for _, place := range []string{"service", "subset"} {
			t.Run(name+", "+place, func(t *testing.T) {
				t.Parallel()
				listen := envoytest.FreePort(t)
				tlsSettings := "  trafficPolicy: {tls: {mode: MUTUAL, " + c.settings + "}}\n"
				route := toWeb
				if place == "subset" {
					tlsSettings = "  subsets: [{name: v1, labels: {version: v1}, trafficPolicy: {tls: {mode: MUTUAL, " + c.settings + "}}}]\n"
					route = strings.Replace(toWeb, "host: web", "host: web, subset: v1", 1)
				}
				dir := newPolicyDir(t, map[string]string{
					"routing.yaml":  shopRouting(listen, route),
					"services.yaml": web(tlsBackend(t, a, &clients, "web.example")+" version: v1") + ruleFor(tlsSettings) + backendSecret(t, c.authority, &clients),
				})
				printed := static(t, dir, "--with-secrets")
				s := &shop{gateway: envoytest.Run(t, envoytest.Options{Bootstrap: []byte(printed)}), address: fmt.Sprintf("127.0.0.1:%d", listen)}
				s.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", listen))
				if status, seen := askSecure(t, s); status != c.want || status == 200 && seen.Client != "test client" {
					t.Errorf("status %d, the backend saw %+v", status, seen)
				}
				if redacted := static(t, dir); strings.Contains(redacted, "PRIVATE KEY") || !strings.Contains(redacted, "[redacted]") {
					t.Error("the key is printed without --with-secrets")
				}
			})
		}
	}
}
