package constraint

import (
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
)

// TestAJudgementThatLiesIsFound holds that the tests of what is known can fail: what is remembered as right is not judged.
func TestAJudgementThatLiesIsFound(t *testing.T) {
	wrong := &clusterv3.Cluster{}
	known := &Known{}
	if len(known.Judge(wrong)) == 0 {
		t.Fatal("a cluster without a name is right")
	}
	known.addMessage(wrong, nil)
	if len(known.Next().Judge(wrong)) > 0 {
		t.Error("what is remembered is judged again")
	}
}
