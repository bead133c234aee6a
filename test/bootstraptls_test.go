package test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/peer"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// peers is a control plane that serves nothing and knows who came.
type peers struct {
	discoveryv3.UnimplementedAggregatedDiscoveryServiceServer
	address string
	mu      sync.Mutex
	serials []string
	conns   []net.Conn
	net.Listener
}

// Accept keeps what comes, to close it.
func (p *peers) Accept() (net.Conn, error) {
	c, err := p.Listener.Accept()
	if err == nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.conns = append(p.conns, c)
	}
	return c, err
}

// startPeers listens on a loopback address, or at the path of a Unix socket, until the test ends.
func startPeers(t *testing.T, path string, config *tls.Config) *peers {
	t.Helper()
	network, at := "tcp", "127.0.0.1:0"
	if path != "" {
		network, at = "unix", path
	}
	listener, err := net.Listen(network, at)
	must(t, err)
	p := &peers{address: listener.Addr().String(), Listener: listener}
	var options []grpc.ServerOption
	if config != nil {
		options = append(options, grpc.Creds(credentials.NewTLS(config)))
	}
	server := grpc.NewServer(options...)
	discoveryv3.RegisterAggregatedDiscoveryServiceServer(server, p)
	served := make(chan error, 1)
	go func() { served <- server.Serve(p) }()
	t.Cleanup(func() {
		server.Stop()
		must(t, <-served)
	})
	return p
}

// DeltaAggregatedResources notes the peer and answers every first request with nothing.
func (p *peers) DeltaAggregatedResources(s discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) error {
	from, _ := peer.FromContext(s.Context())
	serial := "none"
	if info, ok := from.AuthInfo.(credentials.TLSInfo); ok {
		serial = info.State.PeerCertificates[0].SerialNumber.Text(16)
	}
	p.mu.Lock()
	p.serials = append(p.serials, serial)
	p.mu.Unlock()
	for {
		request, err := s.Recv()
		if err != nil {
			return err
		}
		if request.GetResponseNonce() != "" {
			continue
		}
		if err := s.Send(&discoveryv3.DeltaDiscoveryResponse{TypeUrl: request.GetTypeUrl(), Nonce: request.GetTypeUrl()}); err != nil {
			return err
		}
	}
}

func (p *peers) seen() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.serials...)
}

// end closes the connections that are open.
func (p *peers) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

// theVerb runs the program and returns what it prints.
func theVerb(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), args, &out, &errs); code != exitClean {
		t.Fatalf("portreeve %v: exit %d: %s", args, code, errs.String())
	}
	return out.String()
}

// fleet is an authority, with a gateway's pair.
type fleet struct{ ca, pair string }

func newFleet(t *testing.T) fleet {
	t.Helper()
	ca := filepath.Join(t.TempDir(), "ca")
	theVerb(t, "ca", "init", "--dir", ca)
	theVerb(t, "ca", "issue", "gateway", "gateway", "--dir", ca)
	return fleet{ca, filepath.Join(ca, "gateways", "istio-system", "gateway")}
}

// server is TLS for the control plane with a pair of the folder.
func (f fleet) server(t *testing.T, pair tls.Certificate) *tls.Config {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(readFile(t, filepath.Join(f.ca, "ca.crt")))) {
		t.Fatal("ca.crt has no certificate")
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13}
}

func (f fleet) load(t *testing.T, dir string) tls.Certificate {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"))
	must(t, err)
	return pair
}

// misused makes a certificate for localhost that the authority has signed for clients only.
func (f fleet) misused(t *testing.T) tls.Certificate {
	t.Helper()
	return f.signer(t).make(t, &x509.Certificate{
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
}

// gateway runs Envoy against a control plane, until it has come as far as is said.
func (f fleet) gateway(t *testing.T, address string, until envoytest.State, flags ...string) *envoytest.Envoy {
	t.Helper()
	args := append([]string{"bootstrap", "--tls-dir", f.pair, "--xds-address", address, "--envoy-admin-address", "127.0.0.1:0"}, flags...)
	e := envoytest.Run(t, envoytest.Options{Bootstrap: []byte(theVerb(t, args...)), Until: until})
	t.Cleanup(func() { envoytest.NoDeprecations(t, e) })
	return e
}

// TestARenewedCertificateIsUsedWithoutARestart holds that what `ca renew` puts in place is what a gateway
// shows when it connects again.
func TestARenewedCertificateIsUsedWithoutARestart(t *testing.T) {
	envoytest.Require(t)
	f := newFleet(t)
	plane := startPeers(t, "", f.server(t, f.load(t, filepath.Join(f.ca, "server"))))
	gateway := f.gateway(t, plane.address, envoytest.Live)
	for range 3 {
		before := len(plane.seen())
		theVerb(t, "ca", "renew", "gateway", "--dir", f.ca)
		want := f.load(t, f.pair).Leaf.SerialNumber.Text(16)
		// The one of before is good too: a connection may be made with it until Envoy has read the new one.
		plane.end()
		eventually(t, "the renewed certificate is shown", func() bool {
			seen := plane.seen()
			if len(seen) == before {
				return false
			}
			before = len(seen)
			if seen[before-1] != want {
				plane.end()
			}
			return seen[before-1] == want
		})
	}
	if strings.Contains(gateway.Log(), "KEY_VALUES_MISMATCH") {
		t.Error("half a pair was read")
	}
	t.Logf("came: %v", plane.seen())
}

// TestNobodyElsePassesForTheControlPlane holds that a gateway talks to nobody whose certificate is not one of a
// control plane with its name, though the same authority has signed it.
func TestNobodyElsePassesForTheControlPlane(t *testing.T) {
	envoytest.Require(t)
	f := newFleet(t)
	stranger := newAuthority(t)
	server := filepath.Join(f.ca, "server")
	for name, c := range map[string]struct {
		pair  tls.Certificate
		most  uint16
		flags []string
		stat  string
	}{
		"the certificate of a gateway":             {pair: f.load(t, f.pair), stat: "fail_verify_error"},
		"a client's, with the name":                {pair: f.misused(t), stat: "fail_verify_error"},
		"another authority's":                      {pair: stranger.issue(t, "127.0.0.1", "localhost"), stat: "fail_verify_error"},
		"another name":                             {pair: f.load(t, server), flags: []string{"--xds-server-name", "plane.example.com"}, stat: "fail_verify_san"},
		"another address":                          {pair: f.load(t, server), flags: []string{"--xds-server-name", "10.0.0.1"}, stat: "fail_verify_san"},
		"an older TLS than any that was agreed on": {pair: f.load(t, server), most: tls.VersionTLS12, stat: "connection_error"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel() // each waits for seconds until Envoy says why
			config := f.server(t, c.pair)
			if c.most != 0 {
				config.MinVersion, config.MaxVersion = c.most, c.most
			}
			plane := startPeers(t, "", config)
			gateway := f.gateway(t, plane.address, envoytest.AdminOpen, c.flags...)
			ctx, cancel := context.WithTimeout(t.Context(), bound)
			defer cancel()
			if _, err := gateway.WaitStat(ctx, "cluster.xds-grpc.ssl."+c.stat, func(n uint64) bool { return n > 0 }); err != nil {
				t.Fatal(err)
			}
			eventually(t, "Envoy says why", func() bool { return strings.Contains(gateway.Log(), "stream to xds-grpc closed") })
			t.Log(lastLine(gateway.Log(), "stream to xds-grpc closed"))
			if seen := plane.seen(); len(seen) > 0 {
				t.Errorf("a gateway came: %v", seen)
			}
		})
	}
}

// lastLine returns the last line of a log that has a text.
func lastLine(log, text string) string {
	out := ""
	for line := range strings.Lines(log) {
		if strings.Contains(line, text) {
			out = strings.TrimSpace(line)
		}
	}
	return out
}

// TestTheControlPlaneIsKnownByItsName holds that the names that count are those of its certificate.
func TestTheControlPlaneIsKnownByItsName(t *testing.T) {
	envoytest.Require(t)
	f := newFleet(t)
	config := f.server(t, f.load(t, filepath.Join(f.ca, "server")))
	socket := filepath.Join(t.TempDir(), "xds.sock")
	beside := startPeers(t, socket, config)
	plane := startPeers(t, "", config)
	for name, c := range map[string]struct {
		address string
		flags   []string
		came    *peers
	}{
		"an address":             {plane.address, nil, plane},
		"a name of two families": {strings.Replace(plane.address, "127.0.0.1", "localhost", 1), nil, plane},
		"a name that is told":    {plane.address, []string{"--xds-server-name", "LOCALHOST."}, plane},
		"an address told anew":   {plane.address, []string{"--xds-server-name", "0:0:0:0:0:0:0:1"}, plane},
		"a Unix socket's, or so": {"unix://" + socket, nil, beside},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(c.came.seen())
			f.gateway(t, c.address, envoytest.Live, c.flags...)
			if seen := c.came.seen(); len(seen) <= before || seen[before] != f.load(t, f.pair).Leaf.SerialNumber.Text(16) {
				t.Errorf("came: %v", seen)
			}
		})
	}
}

// TestAUnixSocketNeedsNoCertificate holds for the control plane of the same machine.
func TestAUnixSocketNeedsNoCertificate(t *testing.T) {
	envoytest.Require(t)
	socket := filepath.Join(t.TempDir(), "xds.sock")
	plane := startPeers(t, socket, nil)
	bootstrap := theVerb(t, "bootstrap", "--xds-address", "unix://"+socket, "--envoy-admin-address", "127.0.0.1:0")
	e := envoytest.Run(t, envoytest.Options{Bootstrap: []byte(bootstrap)})
	envoytest.NoDeprecations(t, e)
	if seen := plane.seen(); len(seen) == 0 {
		t.Error("nobody came")
	}
}
