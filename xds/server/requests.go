package server

import (
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
)

// ownNonce is that of a request which the plane makes itself. No response has it, so the library
// passes such a request by where an answer is due, in state-of-the-world.
const ownNonce = "redelivery"

// requests are, in state-of-the-world, those of a gateway and, between them, one for each type that is to be sent again. The
// library answers both on the goroutine of the stream, which so needs no lock. At most one request
// of the gateway is read ahead.
type requests struct {
	receive func() (*discoveryv3.DiscoveryRequest, error)
	// due are types, and own makes the request of one.
	due <-chan string
	own func(url string) *discoveryv3.DiscoveryRequest

	reading bool
	read    chan received
}

// received is a request of a gateway or the end of its stream.
type received struct {
	request *discoveryv3.DiscoveryRequest
	err     error
}

func newRequests(receive func() (*discoveryv3.DiscoveryRequest, error), due <-chan string, own func(string) *discoveryv3.DiscoveryRequest) *requests {
	return &requests{receive: receive, due: due, own: own, read: make(chan received, 1)}
}

// next waits for a request. The library calls it on one goroutine.
func (q *requests) next() (*discoveryv3.DiscoveryRequest, error) {
	if !q.reading {
		q.reading = true
		go func() {
			r, err := q.receive()
			q.read <- received{r, err}
		}()
	}
	select {
	case got := <-q.read:
		q.reading = false
		return got.request, got.err
	case url := <-q.due:
		return q.own(url), nil
	}
}

// sotwStream is a stream with the plane's own requests, on which nothing is sent any more once the gateway
// has lost its rights.
type sotwStream struct {
	discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesServer
	rights   *rights
	requests *requests
}

// Recv returns the next request.
func (s sotwStream) Recv() (*discoveryv3.DiscoveryRequest, error) { return s.requests.next() }

// Send sends a response.
func (s sotwStream) Send(r *discoveryv3.DiscoveryResponse) error {
	if err := s.rights.ended(); err != nil {
		return err
	}
	return s.AggregatedDiscoveryService_StreamAggregatedResourcesServer.Send(r)
}

// redeliver returns the request, in state-of-the-world, by which the plane has a type sent again.
func (s *session) redeliver(url string) *discoveryv3.DiscoveryRequest {
	return &discoveryv3.DiscoveryRequest{TypeUrl: url, ResponseNonce: ownNonce, ErrorDetail: s.own}
}

// redeliverDelta is redeliver for delta.
func (s *session) redeliverDelta(url string) *discoveryv3.DeltaDiscoveryRequest {
	return &discoveryv3.DeltaDiscoveryRequest{TypeUrl: url, ResponseNonce: ownNonce, ErrorDetail: s.own}
}

// due completes a request of the plane's own: it asks for what the gateway asked for last, and for
// all of it anew where that is still refused. Secrets are sent one by one instead.
func (s *session) due(r *discoveryv3.DiscoveryRequest) {
	url := r.GetTypeUrl()
	r.Node, r.ResourceNames = s.node, s.names[url]
	refused := s.redelivery.take(url)
	if url == resourcev3.SecretType {
		s.retry.due(s.delivery.served(url))
	}
	if url == resourcev3.SecretType || !refused {
		r.VersionInfo = s.sent[url].info
	}
}

// dueDelta is due for delta. Where an answer is due the request must open no watch, or the type would
// count as answered.
func (s *session) dueDelta(r *discoveryv3.DeltaDiscoveryRequest) {
	url := r.GetTypeUrl()
	r.Node = s.node
	s.idle = s.delivery.caches.waits(url)
	s.redelivery.take(url)
	if url == resourcev3.SecretType {
		s.retry.due(s.delivery.served(url))
	}
}
