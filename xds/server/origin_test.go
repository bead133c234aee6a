package server_test

import (
	"slices"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// TestARefusalIsTracedThroughWhatWasSent holds that a refusal names the line of what the gateway
// refused: at the first connection, after an edit, where an edit has only moved the line, and where the
// next edit is there already when the gateway answers.
func TestARefusalIsTracedThroughWhatWasSent(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		written := func(content string, line int) *snapshot.Snapshot {
			s, err := snapshot.New(envoy.Resources{
				Listeners: []*listenerv3.Listener{{Name: "l", StatPrefix: content}},
				Trace:     envoy.Trace{"l": diag.PlacesOf(map[string]diag.Position{"": {File: "gateway.yaml", Line: line}})},
			})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		n, g := envoyNode(t, "edge")
		r := start(t, map[string]*snapshot.Snapshot{g.Key: written("1", 3)})
		c := r.dial(p, n)
		refuses := func(resp response, line int) {
			t.Helper()
			c.refuse(resp, "no")
			want := []diag.Position{{File: "gateway.yaml", Line: line}}
			if got := r.await(ack.ResponseRefused, lds).Refusal.Origins; !slices.Equal(got, want) {
				t.Errorf("it names %v, want line %d", got, line)
			}
			r.waits(t)
		}
		c.ask(lds)
		refuses(c.next(), 3)
		r.set(g.Key, written("2", 9))
		refuses(c.next(), 9)
		r.set(g.Key, written("2", 12))
		refuses(c.next(), 12)
		r.set(g.Key, written("3", 20))
		third := c.next()
		r.set(g.Key, written("4", 30))
		refuses(third, 20)
		refuses(c.next(), 30)
	})
}
