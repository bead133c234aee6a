package server

import (
	"context"
	"testing"
	"time"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
)

// goneWire is the stream of a gateway whose connection ends: reading it fails, and so its context ends, at one time.
type goneWire struct {
	discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer
	ctx context.Context
}

func (w goneWire) Context() context.Context { return w.ctx }

func (w goneWire) Recv() (*discoveryv3.DeltaDiscoveryRequest, error) {
	<-w.ctx.Done()
	return nil, w.ctx.Err()
}

// TestAStreamEndsWithItsGateway holds that none stays when a connection is gone, whichever way it is seen first: it would be
// among those that are served for an hour.
func TestAStreamEndsWithItsGateway(t *testing.T) {
	for range 200 {
		ctx, gone := context.WithCancel(t.Context())
		s := &session{serving: t.Context(), redelivery: &redelivery{}}
		ended := make(chan error, 1)
		go func() { ended <- newDeltaStream(s, goneWire{ctx: ctx}).serve() }()
		gone()
		select {
		case err := <-ended:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the stream is still served")
		}
	}
}
