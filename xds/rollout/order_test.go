package rollout_test

import (
	"testing"

	"github.com/portreeve/portreeve/xds/rollout"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// TestEveryTypeIsInTheOrder holds that the order of types is that of the snapshot.
func TestEveryTypeIsInTheOrder(t *testing.T) {
	order := rollout.Order()
	if len(order) != len(snapshot.Types()) {
		t.Fatalf("%d types, want %d", len(order), len(snapshot.Types()))
	}
	for i, typ := range snapshot.Types() {
		if order[i] != typ.URL {
			t.Errorf("type %d is %s, want %s", i, order[i], typ.URL)
		}
	}
}
