package server

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/stream/v3"
	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/xds/rollout"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// partOf returns listeners of these names, in these contents.
func partOf(t *testing.T, contents map[string]int) *rollout.Part {
	t.Helper()
	var r envoy.Resources
	for name, content := range contents {
		r.Listeners = append(r.Listeners, &listenerv3.Listener{Name: name, StatPrefix: fmt.Sprint(content)})
	}
	s, err := snapshot.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return rollout.Of(s, nil).Part(resourcev3.ListenerType)
}

// TestAGatewayHasWhatItAsksForAfterEveryEdit holds, over random edits and subscriptions, that what a gateway
// has after each response is what it asks for of what there is, and that it is sent nothing that it has.
func TestAGatewayHasWhatItAsksForAfterEveryEdit(t *testing.T) {
	const url = resourcev3.ListenerType
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		wildcard := random.IntN(2) == 0
		c, out := newCaches(newMessages()), make(chan deltaResponse, 2)
		sub := stream.NewDeltaSubscription(nil, nil, nil, wildcard)
		gateway, contents := map[string]string{}, map[string]int{}
		takes := func() {
			for len(out) > 0 {
				r := <-out
				for name, version := range r.versions {
					if gateway[name] == version {
						t.Fatalf("%s was sent again", name)
					}
					gateway[name] = version
				}
				for _, name := range r.removed {
					if _, had := gateway[name]; !had {
						t.Fatalf("%s is removed and was not there", name)
					}
					delete(gateway, name)
				}
				sub.SetReturnedResources(r.returned)
			}
		}
		cancel := c.watch(url, "", &sub, out)
		for range 12 {
			name := fmt.Sprint(random.IntN(4))
			var p *rollout.Part
			switch random.IntN(4) {
			case 0:
				delete(contents, name)
			case 1:
				contents[name] = random.IntN(3)
			case 2:
				contents = map[string]int{name: 1, "x": random.IntN(2)}
			default:
				if cancel != nil {
					cancel()
				}
				if !wildcard {
					sub.UpdateResourceSubscriptions([]string{name, "x"}, nil)
				}
				cancel = c.watch(url, "1", &sub, out)
				takes()
				continue
			}
			p = partOf(t, contents)
			c.put(url, p)
			if takes(); !c.waits(url) {
				cancel = c.watch(url, "1", &sub, out)
				takes()
			}
			want := maps.Clone(p.GetVersionMap(url))
			maps.DeleteFunc(want, func(name, _ string) bool { _, asked := sub.SubscribedResources()[name]; return !wildcard && !asked })
			if diff := cmp.Diff(want, gateway); diff != "" {
				t.Fatal(diff)
			}
		}
	}
}

// TestTheStreamsOfAGroupAreSentOneMessage holds that what goes to many is made and encoded once, at the
// beginning and with an edit, whether they ask for everything or by name.
func TestTheStreamsOfAGroupAreSentOneMessage(t *testing.T) {
	const url = resourcev3.ListenerType
	made := newMessages()
	parts := []*rollout.Part{partOf(t, map[string]int{"a": 1, "b": 1}), partOf(t, map[string]int{"a": 2, "b": 1})}
	var first []*message
	for i := range 3 {
		c, out := newCaches(made), make(chan deltaResponse, 2)
		sub := stream.NewDeltaSubscription([]string{"a", "b"}[:2*(i%2)], nil, nil, i%2 == 0)
		c.watch(url, "", &sub, out)
		var got []*message
		for _, p := range parts {
			c.put(url, p)
			r := <-out
			sub.SetReturnedResources(r.returned)
			got = append(got, r.message)
			c.watch(url, "1", &sub, out)
		}
		if first == nil {
			first = got
		}
		if len(got) != 2 || got[0] != first[0] || got[1] != first[1] {
			t.Errorf("stream %d is sent messages of its own: %v, not %v", i, got, first)
		}
	}
	if names := first[1].versions; len(names) != 1 || names["a"] == "" {
		t.Errorf("an edit of one sends %v", names)
	}
}
