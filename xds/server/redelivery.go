package server

import (
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"

	"github.com/portreeve/portreeve/xds/ack"
)

// redelivery is what a delta gateway was sent of one type in responses that it refused. A refusal is
// for the whole response, and the library counts what it sent as delivered. So when only the bad
// resource is repaired, its neighbours would not be sent again, whether or not the gateway
// took them: an edit that tightens a policy could be lost. They are sent again once the gateway has
// accepted a later response of the type; not before, since it would refuse the same again for ever.
type redelivery struct {
	names map[string]struct{}
	due   bool
}

// redelivery returns the redeliveries of a type.
func (s *session) redelivery(url string) *redelivery {
	d, ok := s.redeliveries[url]
	if !ok {
		d = &redelivery{names: map[string]struct{}{}}
		s.redeliveries[url] = d
	}
	return d
}

func (d *redelivery) refused(r ack.Delivery) {
	for name := range r.Resources {
		d.names[name] = struct{}{}
	}
	for _, name := range r.Removed {
		d.names[name] = struct{}{}
	}
}

func (d *redelivery) accepted(r ack.Delivery) {
	for name := range r.Resources {
		delete(d.names, name)
	}
	for _, name := range r.Removed {
		delete(d.names, name)
	}
	d.due = len(d.names) > 0
}

// resend makes the next watch of a subscription send what is in doubt, or remove it where it is
// gone: an empty version differs from every other. The map belongs to the stream, whose earlier
// watch is cancelled when this is called, so nobody else reads it.
func (d *redelivery) resend(sub cachev3.Subscription) {
	if !d.due {
		return
	}
	returned := sub.ReturnedResources()
	for name := range d.names {
		returned[name] = ""
	}
	clear(d.names)
	d.due = false
}
