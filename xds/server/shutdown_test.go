package server_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/identity"
	"github.com/portreeve/portreeve/xds/server"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// Open streams end in good order: the gateway sees the end of the stream, not a broken connection.
func TestStop(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)})
		c := r.dial(p, n)
		settle(c)
		before := time.Now()
		if err := r.stop(); err != nil {
			t.Errorf("serve: %v", err)
		}
		if d := time.Since(before); d > time.Second {
			t.Errorf("stopping took %v with a stream that can end at once", d)
		}
		if err := c.failure(); !errors.Is(err, io.EOF) {
			t.Errorf("the stream ended with %v, want its clean end", err)
		}
		if c := r.call(); c != "join edge" {
			t.Errorf("call = %q", c)
		}
		if c := r.call(); c != "leave edge" {
			t.Errorf("call = %q: a group is there although the server has stopped", c)
		}
	})
}

// A gateway that does not read cannot hold up the end.
func TestStopWithAGatewayThatDoesNotRead(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		big, err := snapshot.New(envoy.Resources{Listeners: []*listenerv3.Listener{{Name: "big", StatPrefix: strings.Repeat("x", 3<<20)}}})
		if err != nil {
			t.Fatal(err)
		}
		r := start(t, map[string]*snapshot.Snapshot{g.Key: big})
		c := r.dial(p, n)
		c.ask(lds)
		r.await(ack.ResponseSent, lds)
		before := time.Now()
		if err := r.stop(); err != nil {
			t.Errorf("serve: %v", err)
		}
		if d := time.Since(before); d > 4*time.Second {
			t.Errorf("stopping took %v", d)
		}
	})
}

// TestStopWithStrangers holds that who connects and says nothing holds up neither the end nor the good order of the streams.
func TestStopWithStrangers(t *testing.T) {
	n, g := envoyNode(t, "edge")
	creds := newProofs()
	for name, more := range map[string]func(*server.Options){"plain": func(*server.Options) {}, "in a handshake": creds.options} {
		t.Run(name, func(t *testing.T) {
			r := startWith(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)}, more)
			conn, _ := r.as(creds, identity.Proof{Transport: identity.Loopback})
			c := dial(r.ctx, t, conn, ack.Delta, n)
			for range 3 {
				stranger, err := net.Dial("tcp", strings.TrimPrefix(r.conn.Target(), "passthrough:///"))
				if err != nil {
					t.Fatal(err)
				}
				defer stranger.Close()
				creds.at(stranger.LocalAddr().String()) <- identity.Proof{Transport: silent}
			}
			settle(c) // they were accepted before
			before := time.Now()
			if err := r.stop(); err != nil {
				t.Errorf("serve: %v", err)
			}
			if d := time.Since(before); d > 2*time.Second {
				t.Errorf("stopping took %v", d)
			}
			if err := c.failure(); !errors.Is(err, io.EOF) {
				t.Errorf("the stream ended with %v, want its clean end", err)
			}
		})
	}
}

func TestServeReportsABrokenListener(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := server.New(server.Options{}).Serve(ctx, l, nil); err == nil {
		t.Error("serving on a closed listener is no error")
	}
}

func TestServeWithAContextThatHasEnded(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := server.New(server.Options{}).Serve(ctx, l, nil); err != nil {
		t.Error(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("the listener is left open: %v", err)
	}
}

// A snapshot that is larger than gRPC's default for a message arrives.
func TestBigSnapshot(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		big, err := snapshot.New(envoy.Resources{Listeners: []*listenerv3.Listener{{Name: "big", StatPrefix: strings.Repeat("x", 20<<20)}}})
		if err != nil {
			t.Fatal(err)
		}
		r := start(t, map[string]*snapshot.Snapshot{g.Key: big})
		c := r.dial(p, n)
		c.ask(lds)
		if resp := c.next(); len(resp.names) != 1 {
			t.Errorf("got %+v", resp)
		}
	})
}
