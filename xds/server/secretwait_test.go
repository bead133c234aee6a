package server_test

import (
	"path"
	"testing"
	"time"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// secretOf returns the next response of a stream and the one secret in it.
func secretOf(t *testing.T, c client) (response, string) {
	t.Helper()
	var packed *anypb.Any
	out := response{url: sds}
	switch c := c.(type) {
	case *sotwClient:
		r, err := c.stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		packed, out.version, out.nonce = r.GetResources()[0], r.GetVersionInfo(), r.GetNonce()
	case *deltaClient:
		r, err := c.stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		packed, out.version, out.nonce = r.GetResources()[0].GetResource(), r.GetResources()[0].GetVersion(), r.GetNonce()
	}
	var secret tlsv3.Secret
	if err := packed.UnmarshalTo(&secret); err != nil {
		t.Fatal(err)
	}
	return out, secret.GetTlsCertificate().GetPrivateKey().GetFilename()
}

// TestAFileThatCannotBeUsedIsTriedAgain holds that a secret whose file a gateway could not use is sent
// every five seconds, under its version and with its path never as it was just before, until it is
// taken; an edit changes nothing of that.
func TestAFileThatCannotBeUsedIsTriedAgain(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		const file = "/etc/tls.key"
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: filed(t, file)})
		c := r.dial(p, n)
		c.ask(sds, "a")
		first, before := secretOf(t, c)
		c.refuse(first, "cannot read "+before)
		for range 5 {
			wait := r.waits(t)
			if wait != 5*time.Second {
				t.Fatalf("it is sent again after %s", wait)
			}
			r.clock.advance(wait)
			again, written := secretOf(t, c)
			if written == before || path.Clean(written) != file || again.version != first.version {
				t.Fatalf("written %s after %s, version %s, want %s", written, before, again.version, first.version)
			}
			before = written
			c.refuse(again, "cannot read "+written)
			if got := r.await(ack.ResponseRefused, sds).Refusal.Message; got != "cannot read "+file {
				t.Errorf("told: %s", got)
			}
		}
		r.clock.advance(r.waits(t))
		last, _ := secretOf(t, c)
		c.accept(last)
		for r.await(ack.ResponseAccepted, sds).URL != sds {
		}
		if got := r.typeOf(sds); got.State != ack.Accepted {
			t.Errorf("recorded: %+v", got)
		}
		r.clock.advance(time.Hour)
		if n := r.clock.running(); n != 0 {
			t.Errorf("%d timers run although the file is there", n)
		}
	})
}

// TestASecretThatIsAcceptedUnread holds that a secret whose file a gateway could not use is tried again
// also where the gateway takes it, unread, with others: Envoy reads the same secret only once.
func TestASecretThatIsAcceptedUnread(t *testing.T) {
	n, g := envoyNode(t, "edge")
	r := start(t, map[string]*snapshot.Snapshot{g.Key: filed(t, "/etc/tls.key", "b")})
	c := r.dial(ack.SotW, n)
	c.ask(sds, "a")
	first, written := secretOf(t, c)
	c.refuse(first, "no")
	wait := r.waits(t)
	c.ask(sds, "b")
	c.accept(expect(t, c, "a", "b"))
	for r.await(ack.ResponseAccepted, sds).URL != sds {
	}
	r.clock.advance(wait)
	if _, again := secretOf(t, c); again == written {
		t.Errorf("it is written %s again", again)
	}
}
