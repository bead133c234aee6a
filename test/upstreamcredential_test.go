package test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// backendSecret is a Secret with an authority and, where a client's is given, a certificate.
func backendSecret(t testing.TB, ca authority, client *authority) string {
	t.Helper()
	entries := map[string]string{"ca.crt": ca.pem()}
	if client != nil {
		entries["tls.crt"], entries["tls.key"] = pems(t, client.issueClient(t))
	}
	data, err := json.Marshal(entries)
	must(t, err)
	return "---\napiVersion: v1\nkind: Secret\nmetadata: {name: backend, namespace: istio-system}\nstringData: " + string(data) + "\n"
}

// askSecure asks for web.example and returns the status and what the backend saw.
func askSecure(t testing.TB, s *shop) (int, handshake) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+s.address+"/", nil)
	must(t, err)
	request.Host = "web.example"
	answer, err := dial(t, s.address).Do(request)
	must(t, err)
	var seen handshake
	if answer.Status == 200 {
		must(t, json.Unmarshal(answer.Body, &seen))
	}
	return answer.Status, seen
}

// TestABackendIsVerifiedByItsCredential holds that a backend is verified with the authority of a
// Secret, and shown the Secret's certificate, and that nothing is sent to one that it does not verify.
func TestABackendIsVerifiedByItsCredential(t *testing.T) {
	envoytest.Require(t)
	right, wrong := newAuthority(t), newAuthority(t)
	plain, mutual := tlsBackend(t, right, nil, "web.example"), tlsBackend(t, right, &wrong, "web.example")
	for name, c := range map[string]struct {
		port, mode, secret string
		status             int
		client             string
	}{
		"the right authority":   {plain, "SIMPLE", backendSecret(t, right, nil), 200, ""},
		"another authority":     {plain, "SIMPLE", backendSecret(t, wrong, nil), 503, ""},
		"mutual":                {mutual, "MUTUAL", backendSecret(t, right, &wrong), 200, "test client"},
		"mutual, unknown":       {mutual, "MUTUAL", backendSecret(t, right, &right), 503, ""},
		"mutual, other backend": {mutual, "MUTUAL", backendSecret(t, wrong, &wrong), 503, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := openShop(t, toWeb, web(c.port)+ruleFor("  trafficPolicy: {tls: {mode: "+c.mode+", credentialName: backend}}\n")+c.secret)
			status, seen := askSecure(t, s)
			if status != c.status || seen.Client != c.client {
				t.Errorf("status %d, client %q; want %d, %q", status, seen.Client, c.status, c.client)
			}
			if _, text := s.get("/debug/status"); strings.Contains(text, "PRIVATE KEY") || strings.Contains(s.log.String(), "PRIVATE KEY") {
				t.Error("a private key is told")
			}
		})
	}
}

// TestAReplacedUpstreamCredentialReachesNewConnections holds that a replaced Secret reaches new
// connections, and that a gateway whose Secret is taken away keeps its last good configuration.
func TestAReplacedUpstreamCredentialReachesNewConnections(t *testing.T) {
	envoytest.Require(t)
	right, wrong := newAuthority(t), newAuthority(t)
	before := web(tlsBackend(t, right, nil, "web.example")) + ruleFor("  trafficPolicy: {tls: {mode: SIMPLE, credentialName: backend}}\n")
	s := openShop(t, toWeb, before+backendSecret(t, wrong, nil))
	if status, _ := askSecure(t, s); status != 503 {
		t.Fatalf("status %d with another authority, want 503", status)
	}
	clusters, err := s.gateway.Stats(t.Context(), `^cluster_manager\.cds\.update_success$`)
	must(t, err)
	write(t, s.services, before+backendSecret(t, right, nil))
	eventually(t, "the new authority is used", func() bool { status, _ := askSecure(t, s); return status == 200 })
	after, err := s.gateway.Stats(t.Context(), `^cluster_manager\.cds\.update_success$`)
	must(t, err)
	if a, b := clusters["cluster_manager.cds.update_success"], after["cluster_manager.cds.update_success"]; a != b {
		t.Errorf("clusters were sent %d times, then %d: a Secret must change secrets alone", a, b)
	}
	write(t, s.services, before)
	eventually(t, "the missing Secret is told", func() bool { return strings.Contains(s.log.String(), "there is no Secret backend") })
	if status, _ := askSecure(t, s); status != 200 {
		t.Errorf("status %d after the Secret is gone, want 200 by the last good one", status)
	}
}
