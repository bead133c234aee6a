package server_test

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/portreeve/portreeve/xds/identity"
	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/server"
)

// another is what a connection came by whose credentials say nothing that is known, and silent one of whom the
// handshake waits.
const another, silent = identity.Transport("another"), identity.Transport("silent")

// errHandshake is why a handshake fails of whom nothing is proved.
var errHandshake = errors.New("no proof")

// proofs are credentials by which a connection has proved what the test says of it.
type proofs struct {
	mu sync.Mutex
	of map[string]chan identity.Proof
}

func newProofs() *proofs { return &proofs{of: map[string]chan identity.Proof{}} }

// at returns where the proof of a connection is put, by the address of the client.
func (p *proofs) at(address string) chan identity.Proof {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of[address] == nil {
		p.of[address] = make(chan identity.Proof, 1)
	}
	return p.of[address]
}

func (p *proofs) ServerHandshake(c net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if _, ok := c.(interface{ NetConn() net.Conn }); !ok {
		return nil, nil, errors.New("the connection cannot be unwrapped")
	}
	select {
	case proof := <-p.at(c.RemoteAddr().String()):
		if proof.Transport == "" {
			return nil, nil, errHandshake
		}
		if proof.Transport == silent {
			_, err := c.Read(make([]byte, 1))
			return nil, nil, err
		}
		if proof.Transport == another {
			return c, credentials.TLSInfo{CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}}, nil
		}
		return c, identity.Info{CommonAuthInfo: credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}, Proof: proof}, nil
	case <-time.After(10 * time.Second):
		return nil, nil, errors.New("the test said nothing of this connection")
	}
}

func (p *proofs) ClientHandshake(context.Context, string, net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return nil, nil, errHandshake
}
func (p *proofs) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "test"}
}
func (p *proofs) Clone() credentials.TransportCredentials { return p }
func (p *proofs) OverrideServerName(string) error         { return nil }
func (p *proofs) options(o *server.Options)               { o.Credentials = p }
func (p *proofs) judged(j server.Judge) func(*server.Options) {
	return func(o *server.Options) { o.Credentials, o.Judge = p, j }
}

// as returns a connection that proves this. What it has dialled is in the channel, and closed by the server or the end of the test.
func (r *rig) as(p *proofs, proof identity.Proof) (conn *grpc.ClientConn, dialled chan net.Conn) {
	r.t.Helper()
	dialled = make(chan net.Conn, 100)
	conn, err := grpc.NewClient(r.conn.Target(), grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
			if err != nil {
				return nil, err
			}
			p.at(c.LocalAddr().String()) <- proof
			dialled <- c
			return c, nil
		}))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = conn.Close() })
	return conn, dialled
}

// fakeJudge allows what the test says.
type fakeJudge struct {
	mu       sync.Mutex
	verdict  func(identity.Proof, node.Identity) (node.Identity, error)
	watchers map[int]func()
	next     int
	// changed says that the verdict is not the first one any more.
	changed bool
}

func newFakeJudge() *fakeJudge {
	return &fakeJudge{watchers: map[int]func(){}, verdict: func(_ identity.Proof, n node.Identity) (node.Identity, error) { return n, nil }}
}

func (j *fakeJudge) Allow(p identity.Proof, n node.Identity) (node.Identity, error) {
	j.mu.Lock()
	verdict := j.verdict
	j.mu.Unlock()
	return verdict(p, n)
}

func (j *fakeJudge) Watch(f func()) func() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.next++
	id := j.next
	j.watchers[id] = f
	return func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		delete(j.watchers, id)
	}
}

// change makes another verdict count, and tells of it.
func (j *fakeJudge) change(verdict func(identity.Proof, node.Identity) (node.Identity, error)) {
	j.mu.Lock()
	j.verdict, j.changed = verdict, true
	var all []func()
	for _, f := range j.watchers {
		all = append(all, f)
	}
	j.mu.Unlock()
	for _, f := range all {
		f()
	}
}

// has reports whether the verdict was changed.
func (j *fakeJudge) has() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.changed
}

func (j *fakeJudge) watching() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.watchers)
}

// refuses refuses everybody.
func refuses(kind, reason string) func(identity.Proof, node.Identity) (node.Identity, error) {
	return func(identity.Proof, node.Identity) (node.Identity, error) {
		return node.Identity{}, &identity.Refusal{Kind: kind, Reason: reason}
	}
}

// certified is the proof of a certificate that is valid for so long.
func certified(t *testing.T, id string, valid time.Duration) identity.Proof {
	t.Helper()
	u, err := url.Parse(id)
	if err != nil {
		t.Fatal(err)
	}
	return identity.Proof{Transport: identity.TLS, Certificates: []*x509.Certificate{{URIs: []*url.URL{u}, NotAfter: time.Now().Add(valid)}}}
}

// ends checks how a stream ends.
func ends(t *testing.T, c client, code codes.Code, says string) {
	t.Helper()
	if err := c.failure(); status.Code(err) != code || !strings.Contains(err.Error(), says) {
		t.Errorf("the stream ended with %v, want %v that says %q", err, code, says)
	}
}
