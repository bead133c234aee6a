package server

import (
	"context"
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/log"

	"github.com/portreeve/portreeve/xds/rollout"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// caches hold what one stream is served and the watches that wait for more, by type.
//
// One cache for all types would have to be told that it serves ADS, for the order of an update. It then
// answers, in state-of-the-world, only a gateway that asks for every resource of a type, and an
// edit is lost on the others: one listener that is refused, whose routes and filters are never
// asked for, would keep every later policy from all other listeners.
type caches map[string]cachev3.SnapshotCache

// single is the key of the only entry of a cache, which is the stream's.
type single struct{}

func (single) ID(*corev3.Node) string { return "" }

func newCaches(logger log.Logger) caches {
	out := caches{}
	for _, t := range snapshot.Types() {
		out[t.URL] = cachev3.NewSnapshotCache(false, single{}, logger)
	}
	return out
}

// put answers the watch of a type, if one waits and the part differs from what was sent.
func (c caches) put(url string, p *rollout.Part) error {
	if err := c[url].SetSnapshot(context.Background(), single{}.ID(nil), p); err != nil {
		return fmt.Errorf("put %s: %w", url, err)
	}
	return nil
}

// part returns what a type is served from, or false where there is nothing yet.
func (c caches) part(url string) (cachev3.ResourceSnapshot, bool) {
	p, err := c[url].GetSnapshot(single{}.ID(nil))
	return p, err == nil
}

// waits reports whether a watch of a type is open: all that there is was sent, and answered.
func (c caches) waits(url string) bool {
	info := c[url].GetStatusInfo(single{}.ID(nil))
	return info != nil && info.GetNumWatches()+info.GetNumDeltaWatches() > 0
}
