package server

import (
	"fmt"
	"testing"
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/stream/v3"

	"github.com/portreeve/portreeve/xds/ack"
)

// timerless is a clock on which a minute passes whenever it is read, and that never calls back.
type timerless struct{ now time.Time }

func (c *timerless) Now() time.Time {
	c.now = c.now.Add(time.Minute)
	return c.now
}

func (*timerless) AfterFunc(time.Duration, func()) func() bool { return func() bool { return true } }

// TestATypeIsDueOnceHoweverOftenItIsAnswered holds that a gateway which accepts and refuses by turns,
// while its stream is not read, fills nothing: whoever makes a type due would wait for ever then, and
// with it, by the locks that an edit holds, every other gateway.
func TestATypeIsDueOnceHoweverOftenItIsAnswered(t *testing.T) {
	for _, p := range []ack.Protocol{ack.SotW, ack.Delta} {
		r := newRedelivery(&timerless{}, p)
		d := ack.Delivery{URL: resourcev3.RouteType, Resources: map[string]string{"a": "1"}}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for range 2 * cap(r.due) {
				r.refuses(d)
				r.fire()
				r.accepts(d)
			}
		}()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: making a type due waits for the stream", p)
		}
		if n := len(r.due); n != 1 {
			t.Errorf("%s: the type is due %d times, want once", p, n)
		}
	}
}

// TestARefusalOfWhatIsAskedForNoLongerIsForgotten holds that a gateway that asks for ever other names,
// gives them back, and refuses them only then, is not remembered for each of them.
func TestARefusalOfWhatIsAskedForNoLongerIsForgotten(t *testing.T) {
	r := newRedelivery(&timerless{}, ack.Delta)
	sub := stream.NewDeltaSubscription([]string{"kept"}, nil, nil, false)
	for i := range 100 {
		name := fmt.Sprint("endpoints-", i)
		r.forgets(resourcev3.EndpointType, []string{name})
		r.refuses(ack.Delivery{URL: resourcev3.EndpointType, Resources: map[string]string{name: "1", "kept": "1"}, Removed: []string{name + "-gone"}})
		r.resend(resourcev3.EndpointType, &sub)
	}
	if n := len(r.of(resourcev3.EndpointType).versions) + len(r.of(resourcev3.EndpointType).doubtful); n != 2 {
		t.Errorf("%d names are remembered, want the one that is asked for, as refused and in doubt", n)
	}
}
