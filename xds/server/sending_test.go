package server

import (
	"log/slog"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/stream/v3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/rollout"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// TestAResponseOnItsWayIsTracedThroughWhatItIsMadeOf holds that an edit which comes between the making of
// a response and its sending is not what the response is traced through.
func TestAResponseOnItsWayIsTracedThroughWhatItIsMadeOf(t *testing.T) {
	const url = resourcev3.ListenerType
	d := newDelivery(rollout.NewMemo(), newMessages(), newRedelivery(systemClock{}, ack.SotW), slog.New(slog.DiscardHandler))
	defer d.close()
	offer := func(content string, line int) {
		s, err := snapshot.New(envoy.Resources{
			Listeners: []*listenerv3.Listener{{Name: "l", StatPrefix: content}}, Trace: envoy.Trace{"l": diag.PlacesOf(map[string]diag.Position{"": {Line: line}})},
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.offer(rollout.Of(s, nil)); err != nil {
			t.Fatal(err)
		}
	}
	out, sub := make(chan cachev3.Response, 1), stream.NewSotwSubscription(nil, true)
	cancel, err := d.watch(url, nil, func() (func(), error) { return d.caches.watchAll(&cachev3.Request{TypeUrl: url}, &sub, out), nil })
	if err != nil {
		t.Fatal(err)
	}
	defer cancel()
	offer("1", 1)
	offer("2", 2)
	if len(out) != 1 {
		t.Fatal("no response is on its way")
	}
	if at, _ := d.sent(url).Trace()["l"].At(""); at.Line != 1 {
		t.Errorf("it is traced to line %d, want 1", at.Line)
	}
}
