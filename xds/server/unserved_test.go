package server_test

import (
	"fmt"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/server"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// made returns a thousand names of a length.
func made(length int) []string {
	out := make([]string, 1000)
	for i := range out {
		out[i] = fmt.Sprintf("%0*d", length, i)
	}
	return out
}

// naming opens a delta stream that sends a request, and returns how it ends, or nil where it is served.
func (r *rig) naming(n *corev3.Node, request *discoveryv3.DeltaDiscoveryRequest) (client, error) {
	r.t.Helper()
	c := r.dial(ack.Delta, n).(*deltaClient)
	c.send(request)
	c.ask(lds)
	_, err := c.stream.Recv()
	return c, err
}

// Streams of one address cannot fill memory with names of what is not served, asked for or said to
// be there, and gateways that ask for what is served are let in beside them. What a stream held is
// given back when it ends.
func TestNamesOfWhatIsNotServedAreBounded(t *testing.T) {
	names := made(9000)
	has := map[string]string{}
	for _, name := range names {
		has[name] = strings.Repeat("v", 200)
	}
	for name, request := range map[string]*discoveryv3.DeltaDiscoveryRequest{
		"asked for": {TypeUrl: ecds, ResourceNamesSubscribe: names}, "said to be there": {TypeUrl: ecds, InitialResourceVersions: has},
		"of another type": {TypeUrl: "some.Type", ResourceNamesSubscribe: names},
	} {
		t.Run(name, func(t *testing.T) {
			n, g := envoyNode(t, "edge")
			r := start(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)})
			var held []client
			for {
				c, err := r.naming(n, request)
				if status.Code(err) == codes.ResourceExhausted && strings.Contains(err.Error(), "not served") && len(err.Error()) < 500 {
					r.await(ack.Disconnected, "")
					break
				}
				if err != nil || len(held) == 3 {
					t.Fatalf("%d streams hold 9 MB each, and the next gets %v", len(held), err)
				}
				held = append(held, c)
			}
			settle(r.dial(ack.Delta, n))
			held[0].end()
			r.await(ack.Disconnected, "")
			if _, err := r.naming(n, request); err != nil {
				t.Errorf("nothing was given back: %v", err)
			}
			for _, g := range r.acks.Gateways() {
				for _, kind := range g.Types {
					if len(kind.Resources) > 1 {
						t.Errorf("%d resources of %s are recorded", len(kind.Resources), kind.Name)
					}
				}
			}
		})
	}
}

// What a gateway asks for stays what it may ask for when an edit takes it away, however much it is,
// and who comes back with it may too.
func TestNamesThatWereServedAreNotCounted(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		names := made(8000)
		quiet := func(o *server.Options) { o.Logger = nil } // it would write every name
		r := startWith(t, map[string]*snapshot.Snapshot{g.Key: to(names...).snapshot(t)}, quiet)
		for i := range 4 {
			c := r.dial(p, n)
			c.ask(cds, append([]string{"other"}, names...)...)
			c.accept(takes(t, c, "CDS"))
			if i == 2 {
				r.set(g.Key, to("other").snapshot(t))
			}
			c.ask(cds, "made up")
			c.ask(lds)
			for c.next().url != lds { // or the stream ends, and the test
			}
		}
	})
}
