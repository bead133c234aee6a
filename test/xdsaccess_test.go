package test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// tlsFiles are the files of mutual TLS of a plane.
type tlsFiles struct {
	authority
	certificate, key, crl string
}

func newTLSFiles(t testing.TB) tlsFiles {
	t.Helper()
	dir := t.TempDir()
	f := tlsFiles{authority: newAuthority(t), certificate: filepath.Join(dir, "tls.crt"), key: filepath.Join(dir, "tls.key"), crl: filepath.Join(dir, "crl.pem")}
	f.renew(t)
	f.revoke(t)
	return f
}

func (f tlsFiles) flags() []string {
	return []string{"--xds-tls-cert", f.certificate, "--xds-tls-key", f.key, "--xds-client-ca", f.file, "--xds-client-crl", f.crl}
}

// renew issues another certificate for the plane.
func (f tlsFiles) renew(t testing.TB) {
	t.Helper()
	own := f.issue(t, "127.0.0.1")
	key, err := x509.MarshalPKCS8PrivateKey(own.PrivateKey)
	must(t, err)
	replace(t, f.certificate, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: own.Certificate[0]})))
	replace(t, f.key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
}

// revoke makes these serial numbers the revoked ones.
func (f tlsFiles) revoke(t testing.TB, serials ...int64) {
	t.Helper()
	list := &x509.RevocationList{Number: big.NewInt(time.Now().UnixNano()), ThisUpdate: time.Now().Add(-time.Hour), NextUpdate: time.Now().Add(time.Hour)}
	for _, serial := range serials {
		list.RevokedCertificateEntries = append(list.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: big.NewInt(serial), RevocationTime: time.Now()})
	}
	der, err := x509.CreateRevocationList(rand.Reader, list, f.authority.certificate, f.authority.key)
	must(t, err)
	replace(t, f.crl, string(pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})))
}

// identify issues a certificate with a SPIFFE ID.
func (a authority) identify(t testing.TB, serial int64, id string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	name, err := url.Parse(id)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), URIs: []*url.URL{name},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, &key.PublicKey, a.key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// clientTLS is what a gateway connects with. It shows its certificate whatever authorities it is asked for.
func (a authority) clientTLS(own ...tls.Certificate) credentials.TransportCredentials {
	config := &tls.Config{RootCAs: a.pool(), ServerName: "127.0.0.1"}
	for _, c := range own {
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &c, nil }
	}
	return credentials.NewTLS(config)
}

// tested is the node of a gateway without labels, of a release that is served.
func tested(name, namespace string) *corev3.Node {
	return &corev3.Node{
		Id:                   "router~127.0.0.1~" + name + "." + namespace + "~local",
		UserAgentVersionType: &corev3.Node_UserAgentBuildVersion{UserAgentBuildVersion: &corev3.BuildVersion{Version: &typev3.SemanticVersion{MajorNumber: 1, MinorNumber: 40}}},
	}
}

// connects connects as a gateway without labels, asks for clusters and returns the error, or nil where it was answered.
func connects(t testing.TB, target string, c credentials.TransportCredentials, name, namespace string) error {
	t.Helper()
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(c))
	must(t, err)
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), bound)
	defer cancel()
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx)
	if err != nil {
		return err
	}
	_ = stream.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: resourcev3.ClusterType, Node: tested(name, namespace)}) // what is wrong comes with the answer
	_, err = stream.Recv()
	if err == nil && ctx.Err() != nil {
		err = errors.New("too late")
	}
	return err
}

// TestTheXDSPortAsksForACertificate holds what a gateway must show where the plane has TLS, that nobody else is told anything, and that a new
// pair and a new list of revoked certificates count without a restart.
func TestTheXDSPortAsksForACertificate(t *testing.T) {
	t.Parallel()
	f, others := newTLSFiles(t), newAuthority(t)
	const edge = "spiffe://cluster.local/ns/edge/gateway/edge-1"
	right := f.identify(t, 7, edge)
	p := startPlane(t, newPolicyDir(t, map[string]string{"guard.yaml": guardPolicy}), f.flags()...)
	for name, c := range map[string]struct {
		credentials     credentials.TransportCredentials
		name, namespace string
		want            string
	}{
		"the right one":           {f.clientTLS(right), "edge-1", "edge", ""},
		"another gateway's":       {f.clientTLS(right), "edge-2", "edge", "PermissionDenied"},
		"another namespace's":     {f.clientTLS(right), "edge-1", "istio-system", "PermissionDenied"},
		"of another trust domain": {f.clientTLS(f.identify(t, 8, "spiffe://elsewhere/ns/edge/gateway/edge-1")), "edge-1", "edge", "PermissionDenied"},
		"none":                    {f.clientTLS(), "edge-1", "edge", "Unavailable"},
		"of another authority":    {f.clientTLS(others.identify(t, 7, edge)), "edge-1", "edge", "Unavailable"},
		"of a server":             {f.clientTLS(f.issue(t, "127.0.0.1")), "edge-1", "edge", "Unavailable"},
		"in plain text":           {insecure.NewCredentials(), "edge-1", "edge", "Unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			err := connects(t, p.xds, c.credentials, c.name, c.namespace)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("it is told %v, want %q", err, c.want)
			}
		})
	}
	f.renew(t)
	f.revoke(t, 7)
	eventually(t, "a revoked certificate does not count", func() bool { return connects(t, p.xds, f.clientTLS(right), "edge-1", "edge") != nil })
	must(t, connects(t, p.xds, f.clientTLS(f.identify(t, 9, edge)), "edge-1", "edge"))
	if code, metrics := p.get("/metrics"); code != 200 || !strings.Contains(metrics, "portreeve_xds_tls_reload_failures_total 0") || !strings.Contains(metrics, `portreeve_xds_certificate_expiry_seconds{file="`+f.certificate+`"} 3`) {
		t.Errorf("the metrics say nothing of the files:\n%s", metrics)
	}
}

// TestTheXDSSocketIsForItsUser holds that a plane serves on a Unix socket that others cannot connect to, takes the place of one that was
// killed, and takes its socket away at the end.
func TestTheXDSSocketIsForItsUser(t *testing.T) {
	t.Parallel()
	p := newPlane(t, newPolicyDir(t, map[string]string{"guard.yaml": guardPolicy}))
	socket := filepath.Join(shortDir(t), "xds.sock")
	p.xds = "unix://" + socket
	p.start(t)
	info, err := os.Lstat(socket)
	must(t, err)
	if info.Mode() != os.ModeSocket|0o600 {
		t.Errorf("the socket is %v", info.Mode())
	}
	must(t, connects(t, p.xds, insecure.NewCredentials(), "edge-1", "edge"))
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"serve", "--config", p.dir, "--xds-address", p.xds, "--admin-address", "127.0.0.1:0"}, &out, &errs); code != exitUsage || !strings.Contains(errs.String(), "another process listens there") {
		t.Errorf("a second one ends with %d: %s", code, errs.String())
	}
	p.kill()
	p.start(t, "--xds-socket-mode", "0660")
	must(t, connects(t, p.xds, insecure.NewCredentials(), "edge-1", "edge"))
	if info, err = os.Lstat(socket); err != nil || info.Mode() != os.ModeSocket|0o660 {
		t.Errorf("the second socket is %v, %v", info, err)
	}
	p.stop()
	if _, err := os.Lstat(socket); err == nil {
		t.Error("the socket is still there")
	}
}

// guardPolicy is a policy that is in order.
const guardPolicy = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: guard, namespace: edge}
spec: {action: DENY, rules: [{to: [{operation: {paths: [/guarded]}}]}]}
`

// TestARotationEndsNoStream replaces the certificate of the plane, its key and the authorities of gateways again and again, and holds that
// each new one counts and a stream that was open before gets an edit after.
func TestARotationEndsNoStream(t *testing.T) {
	t.Parallel()
	f := newTLSFiles(t)
	const edge = "spiffe://cluster.local/ns/edge/gateway/edge-1"
	p := startPlane(t, newPolicyDir(t, map[string]string{"guard.yaml": guardPolicy}), f.flags()...)
	conn, err := grpc.NewClient(p.xds, grpc.WithTransportCredentials(f.clientTLS(f.identify(t, 7, edge))))
	must(t, err)
	defer func() { _ = conn.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 4*bound)
	defer cancel()
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(ctx)
	must(t, err)
	must(t, stream.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: resourcev3.ListenerType, Node: tested("edge-1", "edge")}))
	first, err := stream.Recv()
	must(t, err)
	must(t, stream.Send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: resourcev3.ListenerType, ResponseNonce: first.GetNonce()}))
	own := readFile(t, f.file)
	for range 5 {
		more := newAuthority(t)
		f.renew(t)
		replace(t, f.file, own+readFile(t, more.file))
		eventually(t, "the new authority counts", func() bool {
			config := more.identify(t, 8, edge)
			return connects(t, p.xds, f.clientTLS(config), "edge-1", "edge") == nil
		})
	}
	write(t, filepath.Join(p.dir, "gateway.yaml"), "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: front, namespace: edge}\nspec: {servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ['*']}]}\n")
	edit, err := stream.Recv()
	if err != nil || len(edit.GetResources()) != 1 {
		t.Errorf("the open stream is told %v, %v", edit, err)
	}
}
