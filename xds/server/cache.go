package server

import (
	"context"

	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/log"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// caches hold the snapshots of the groups, and the watches of one type each, by type.
//
// One cache for all would have to be told that it serves ADS, for the order of an update. It then
// answers, in state-of-the-world, only a gateway that asks for every resource of a type, and an
// edit is lost on the others: one listener that is refused, whose routes and filters are never
// asked for, would keep every later policy from all other listeners.
type caches map[string]cachev3.SnapshotCache

func newCaches(logger log.Logger) caches {
	out := caches{}
	for _, t := range snapshot.Types() {
		out[t.URL] = cachev3.NewSnapshotCache(false, node.Hash{}, logger)
	}
	return out
}

// set answers the watches that wait for what the snapshot changes, type by type. Policy comes
// last, as the secrets do not wait for it.
func (c caches) set(ctx context.Context, group string, snap *cachev3.Snapshot) error {
	for _, t := range snapshot.Types() {
		if t.URL == resourcev3.ExtensionConfigType {
			continue
		}
		if err := c[t.URL].SetSnapshot(ctx, group, snap); err != nil {
			return err
		}
	}
	return c[resourcev3.ExtensionConfigType].SetSnapshot(ctx, group, snap)
}

func (c caches) clear(group string) {
	for _, cache := range c {
		cache.ClearSnapshot(group)
	}
}

// snapshot returns what a type of a group is served from.
func (c caches) snapshot(url, group string) (cachev3.ResourceSnapshot, error) {
	return c[url].GetSnapshot(group)
}
