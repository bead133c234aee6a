package test

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// rotating is a control plane with mutual TLS and a gateway under load, whose files are replaced while both run.
type rotating struct {
	*plane
	gateway *envoytest.Envoy
	traffic *load
	// server and client are the directories of the pairs, and bundle the authorities of gateways.
	server, client, bundle string
	// shows is what is in the directory of the client.
	shows map[string]string
}

// swap replaces the files of a directory together, by a link, as Kubernetes and `portreeve ca` do.
func swap(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	data := fmt.Sprintf("..%d", time.Now().UnixNano())
	must(t, os.MkdirAll(filepath.Join(dir, data), 0o700))
	for name, content := range files {
		write(t, filepath.Join(dir, data, name), content)
		if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
			must(t, os.Symlink("..data/"+name, filepath.Join(dir, name)))
		}
	}
	must(t, os.Symlink(data, filepath.Join(dir, "..new")))
	must(t, os.Rename(filepath.Join(dir, "..new"), filepath.Join(dir, "..data")))
}

// files are those of a pair, and the authorities of the other side.
func files(t *testing.T, pair tls.Certificate, authorities ...authority) map[string]string {
	t.Helper()
	certificate, key := pems(t, pair)
	return map[string]string{"tls.crt": certificate, "tls.key": key, "ca.crt": bundled(authorities...)}
}

func bundled(authorities ...authority) string {
	var out strings.Builder
	for _, a := range authorities {
		out.WriteString(a.pem())
	}
	return out.String()
}

// newRotating starts both with what an authority has issued, with streams that live for so long.
func newRotating(t *testing.T, a authority, age string) *rotating {
	t.Helper()
	envoytest.Require(t)
	own, port := t.TempDir(), envoytest.FreePort(t)
	r := &rotating{server: filepath.Join(own, "server"), client: filepath.Join(own, "client"), bundle: filepath.Join(own, "bundle.pem")}
	r.shows = files(t, a.identified(t, rightID), a)
	swap(t, r.server, files(t, a.issue(t, "localhost", "127.0.0.1")))
	swap(t, r.client, r.shows)
	write(t, r.bundle, bundled(a))
	dir := newPolicyDir(t, map[string]string{
		"routing.yaml": routing(port, envoytest.RunBackend(t).Port()), "policy.yaml": denial("guard", "ingressgateway", "/guarded"),
		"gateways.yaml": "apiVersion: portreeve.dev/v1alpha1\nkind: GatewayIdentity\nmetadata: {name: right}\n" +
			"spec: {principals: [\"" + rightID + "\"], namespace: istio-system, labels: {istio: ingressgateway}}\n",
	})
	r.plane = startPlane(t, dir, "--xds-tls-cert", filepath.Join(r.server, "tls.crt"), "--xds-tls-key", filepath.Join(r.server, "tls.key"),
		"--xds-client-ca", r.bundle, "--xds-max-connection-age", age)
	r.gateway = r.startGateway(t, envoytest.Options{}, "--tls-dir", r.client)
	r.traffic = startLoad(t, r.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port)), 4, func(status int) bool { return status == 403 })
	return r
}

// delivered counts the resources that the gateway was sent, and what it did to its listeners. A gateway that connects again
// asks for all clusters and listeners, and is answered also where there is nothing new: there what is in the answers counts.
func (r *rotating) delivered(t *testing.T) map[string]int {
	t.Helper()
	out := map[string]int{}
	_, metrics := r.get("/metrics")
	for _, match := range regexp.MustCompile(`(?m)^(portreeve_xds_responses_sent_total\{type="(?:EDS|RDS|ECDS|SDS)"\}) (\d+)$`).FindAllStringSubmatch(metrics, -1) {
		out[match[1]], _ = strconv.Atoi(match[2])
	}
	stats, err := r.gateway.Stats(t.Context(), `^(listener_manager\.listener_.*|.*config_reload)$`)
	must(t, err)
	for name, value := range stats {
		out[name] = int(value)
	}
	for _, match := range regexp.MustCompile(`cds: response indicates (\d+) added/updated cluster\(s\), (\d+) removed`).FindAllStringSubmatch(r.gateway.Log(), -1) {
		for _, text := range match[1:] {
			n, err := strconv.Atoi(text)
			must(t, err)
			out["clusters"] += n
		}
	}
	out["listeners"] = len(regexp.MustCompile(`lds: (add/update|remove) listener`).FindAllString(r.gateway.Log(), -1))
	return out
}

// unnoticed holds that nothing was delivered since, that no request failed, and that the gateway was never refused.
func (r *rotating) unnoticed(t *testing.T, before map[string]int) {
	t.Helper()
	r.traffic.stop()
	if len(r.traffic.lost) > 0 || r.traffic.requests == 0 {
		t.Errorf("%d of %d requests failed: %v", len(r.traffic.lost), r.traffic.requests, r.traffic.lost[:min(1, len(r.traffic.lost))])
	}
	after := r.delivered(t)
	if diff := cmp.Diff(before, after); diff != "" || before["clusters"] != 1 || before["listeners"] != 1 {
		t.Errorf("something was sent again, or a listener touched (-before +after):\n%s", diff)
	}
	_, lines := r.refusals(t)
	for _, line := range lines {
		if !strings.Contains(line, fmt.Sprintf("peer=127.0.0.%d:", prober)) {
			t.Errorf("the gateway was refused: %s", line)
		}
	}
}

// connected counts the streams of the gateway, those that have ended too.
func (r *rotating) connected() int {
	return len(regexp.MustCompile(`msg="gateway connected" .* identity=`+rightID).FindAllString(r.log.String(), -1))
}

// prober is the address that probes come from.
const prober = 3

// probe makes a connection, and says whether the control plane takes what is shown, and which certificate it shows itself.
func (r *rotating) probe(t *testing.T, server authority, own ...tls.Certificate) (taken bool, shown string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	config := &tls.Config{RootCAs: server.pool(), ServerName: "localhost", NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13}
	for _, pair := range own { // shown whatever authorities are asked for
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	c, err := tapped(ctx, r.xds, prober, config)
	if err != nil {
		return false, ""
	}
	defer func() { _ = c.Close() }()
	must(t, c.SetDeadline(time.Now().Add(bound)))
	_, err = c.Read(make([]byte, 1)) // the server speaks first, or ends the handshake
	if secure, ok := c.Conn.(*tls.Conn); ok {
		shown = string(secure.ConnectionState().PeerCertificates[0].Raw)
	}
	return err == nil, shown
}

// takes waits until certificates of an authority are taken, or are not.
func (r *rotating) takes(t *testing.T, server, a authority, want bool) {
	t.Helper()
	own := a.identified(t, "spiffe://cluster.local/ns/nowhere/gateway/probe")
	eventually(t, "the control plane has read the authorities", func() bool {
		taken, _ := r.probe(t, server, own)
		return taken == want
	})
}

// serve replaces the pair of the control plane, and waits until it is shown.
func (r *rotating) serve(t *testing.T, a authority) {
	t.Helper()
	pair := a.issue(t, "localhost", "127.0.0.1")
	swap(t, r.server, files(t, pair))
	eventually(t, "the new certificate of the control plane is shown", func() bool {
		_, shown := r.probe(t, a)
		return shown == string(pair.Certificate[0])
	})
}

// show replaces what the gateway shows and trusts, and waits until its Envoy has read it.
func (r *rotating) show(t *testing.T, change map[string]string) {
	t.Helper()
	const updates = "cluster.xds-grpc.client_ssl_socket_factory.ssl_context_update_by_sds"
	before := r.gateway.MustCounter(t, updates)
	maps.Copy(r.shows, change)
	swap(t, r.client, r.shows)
	eventually(t, "Envoy has read the new files", func() bool { return r.gateway.MustCounter(t, updates) > before })
}

// renew replaces the certificate of the gateway, and waits until it has connected with that.
func (r *rotating) renew(t *testing.T, a authority) {
	t.Helper()
	certificate, key := pems(t, a.identified(t, rightID))
	r.show(t, map[string]string{"tls.crt": certificate, "tls.key": key})
	read := time.Now()
	eventually(t, "the gateway has connected with its new certificate", func() bool {
		streams := r.streams(t, rightID)
		return len(streams) == 1 && streams[0].After(read)
	})
}

// trust replaces the authorities on both sides, and waits until they count.
func (r *rotating) trust(t *testing.T, server authority, authorities ...authority) {
	t.Helper()
	replace(t, r.bundle, bundled(authorities...))
	r.show(t, map[string]string{"ca.crt": bundled(authorities...)})
	for _, a := range authorities {
		r.takes(t, server, a, true)
	}
}
