package node_test

import (
	"fmt"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/portreeve/portreeve/xds/node"
)

// labelled is a node with n labels.
func labelled(t *testing.T, n int) *corev3.Node {
	t.Helper()
	labels := map[string]any{}
	for i := range n {
		labels[fmt.Sprintf("%s/%s%d", strings.Repeat("p", 100), strings.Repeat("n", 50), i)] = strings.Repeat("v", 63)
	}
	return envoy(t, id, map[string]any{"LABELS": labels})
}

// TestBoundsOfANode holds that a node which is larger than any that is meant is refused with a
// reason that is short, and that the largest that is meant is not.
func TestBoundsOfANode(t *testing.T) {
	large := func(n int) string { return strings.Repeat("a", n) }
	label := func(key, value string) *corev3.Node {
		return envoy(t, id, map[string]any{"LABELS": map[string]any{key: value}})
	}
	at := func(l *corev3.Locality) *corev3.Node { return &corev3.Node{Id: id, Locality: l} }
	for name, c := range map[string]struct {
		node *corev3.Node
		want string
	}{
		"an id of 1 KiB":     {envoy(t, "router~10.0.0.1~edge.ns~"+large(1024-24), nil), ""},
		"a longer id":        {envoy(t, "router~10.0.0.1~edge.ns~"+large(1025-24), nil), "the node id has 1025 bytes"},
		"a line break":       {envoy(t, "router~10.0.0.1~ed\nge.ns~d", nil), "control characters"},
		"64 KiB":             {envoy(t, id, map[string]any{"OTHER": large(63 << 10)}), ""},
		"more than 64 KiB":   {envoy(t, id, map[string]any{"OTHER": large(64 << 10)}), "beside its extensions"},
		"128 labels":         {labelled(t, 128), ""},
		"129 labels":         {labelled(t, 129), "has 129 labels"},
		"the longest label":  {label(large(253)+"/"+large(63), large(63)), ""},
		"a long value":       {label("a", large(64)), "has 64 bytes"},
		"a long name":        {label(large(64), ""), "the key"},
		"a long prefix":      {label(large(254)+"/a", ""), "the key"},
		"a label of 4 MB":    {label("a", large(4<<20)), "beside its extensions"},
		"a break in a label": {label("a", "b\rc"), "control characters"},
		"the longest place":  {at(&corev3.Locality{Region: large(63), Zone: large(63), SubZone: large(63)}), ""},
		"a long region":      {at(&corev3.Locality{Region: large(64)}), "more than 63"},
		"a long zone":        {at(&corev3.Locality{Region: "a", Zone: large(64)}), "more than 63"},
		"a long sub zone":    {at(&corev3.Locality{Region: "a", Zone: "b", SubZone: large(64)}), "more than 63"},
		"a break in a place": {at(&corev3.Locality{Region: "a\nb"}), "control characters"},
		"what Envoy can do":  {&corev3.Node{Id: id, Extensions: []*corev3.Extension{{Name: large(128 << 10)}}}, ""},
		"more than it can":   {&corev3.Node{Id: id, Extensions: []*corev3.Extension{{Name: large(256 << 10)}}}, "the extensions of the node"},
		"parts":              {envoy(t, large(1000), nil), "1 part(s)"},
		"no address":         {envoy(t, "router~"+large(900)+"~a.b~c", nil), "is not an IP address"},
		"no namespace":       {envoy(t, "router~::1~a."+large(900)+"~c", nil), "is not a namespace"},
		"a long metadata":    {envoy(t, id, map[string]any{"NAMESPACE": large(9000)}), "is not a namespace"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := node.Parse(c.node)
			switch {
			case c.want == "":
				if err != nil {
					t.Error(err)
				}
			case err == nil || !strings.Contains(err.Error(), c.want):
				t.Errorf("the reason is %v, want %q", err, c.want)
			case len(err.Error()) > 1000:
				t.Errorf("the reason has %d bytes", len(err.Error()))
			}
		})
	}
}
