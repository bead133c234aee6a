package server

import (
	"slices"
	"strconv"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/stream/v3"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/portreeve/portreeve/xds/snapshot"
)

// deltaStream is one stream in delta: it takes one request after the other and sends what its watches are answered
// with, on one goroutine. A second one reads, one request ahead.
type deltaStream struct {
	session *session
	wire    discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer
	read    chan receivedDelta
	// out holds at most one response of each type that is not sent yet, and room for what a request is answered with.
	out   chan deltaResponse
	types map[string]*subscribed
	nonce int64
}

// subscribed is what is asked for of a type, and cancel, which may be nil, ends its watch.
type subscribed struct {
	stream.Subscription
	cancel func()
}

// receivedDelta is a request of a gateway or the end of its stream.
type receivedDelta struct {
	request *discoveryv3.DeltaDiscoveryRequest
	err     error
}

func newDeltaStream(s *session, wire discoveryv3.AggregatedDiscoveryService_DeltaAggregatedResourcesServer) *deltaStream {
	return &deltaStream{
		session: s, wire: wire, read: make(chan receivedDelta), out: make(chan deltaResponse, 2*len(snapshot.Types())), types: map[string]*subscribed{},
	}
}

// serve serves until the stream ends, by itself or because it shall.
func (d *deltaStream) serve() error {
	defer d.close()
	go d.receive()
	for {
		select {
		case <-d.session.serving.Done():
			return nil
		case <-d.wire.Context().Done(): // the gateway is gone, which receive need not tell
			return nil
		case response := <-d.out:
			if err := d.send(response); err != nil {
				return err
			}
		case url := <-d.session.redelivery.due:
			if err := d.take(d.session.redeliverDelta(url)); err != nil {
				return err
			}
		case got := <-d.read:
			if got.err != nil {
				return nil //nolint:nilerr // the gateway has ended the stream, or is gone
			}
			if err := d.take(got.request); err != nil {
				return err
			}
		}
	}
}

// receive reads requests until the stream ends.
func (d *deltaStream) receive() {
	for {
		r, err := d.wire.Recv()
		select {
		case d.read <- receivedDelta{r, err}:
		case <-d.wire.Context().Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// close ends the watches, and then the session, which must not be served any more.
func (d *deltaStream) close() {
	for _, t := range d.types {
		t.end()
	}
	d.session.close()
}

// end ends the watch of a type.
func (t *subscribed) end() {
	if t.cancel != nil {
		t.cancel()
	}
}

// take takes a request. What is on its way goes first: the request may be about other things.
func (d *deltaStream) take(r *discoveryv3.DeltaDiscoveryRequest) error {
	for len(d.out) > 0 {
		if err := d.send(<-d.out); err != nil {
			return err
		}
	}
	if err := d.session.takesDelta(r); err != nil {
		return err
	}
	url := r.GetTypeUrl()
	if url == "" {
		return grpcstatus.Error(codes.InvalidArgument, "type URL is required for ADS")
	}
	t, known := d.types[url]
	if known {
		t.end()
		t.update(r)
	} else {
		// A type that is asked for by name and a request that names nothing subscribe to nothing.
		wildcard := !slices.Contains(byName(), url)
		t = &subscribed{Subscription: stream.NewDeltaSubscription(r.GetResourceNamesSubscribe(), r.GetResourceNamesUnsubscribe(), r.GetInitialResourceVersions(), wildcard)}
		d.types[url] = t
	}
	var err error
	t.cancel, err = d.session.watchDelta(r, &t.Subscription, d.out)
	return err
}

// update changes what is asked for. What the gateway has may be shared with others, and is written to where something is
// not asked for any more.
func (t *subscribed) update(r *discoveryv3.DeltaDiscoveryRequest) {
	if len(r.GetResourceNamesUnsubscribe()) > 0 {
		t.SetReturnedResources(copied(t.ReturnedResources()))
	}
	t.UpdateResourceSubscriptions(r.GetResourceNamesSubscribe(), r.GetResourceNamesUnsubscribe())
}

// send sends a response, if the gateway still may have it.
func (d *deltaStream) send(response deltaResponse) error {
	m := d.session.aliasDelta(response.message)
	d.nonce++
	nonce := strconv.FormatInt(d.nonce, 10)
	d.session.sendsDelta(m, nonce)
	d.types[m.url].SetReturnedResources(response.returned)
	return d.write(m, nonce)
}

// write writes a response. Nothing leaves once the gateway has lost its rights.
func (d *deltaStream) write(m *message, nonce string) error {
	if err := d.session.rights.ended(); err != nil {
		return err
	}
	body, err := m.encode()
	if err != nil {
		return err
	}
	return d.wire.SendMsg(&outgoing{body: body, nonce: nonce})
}
