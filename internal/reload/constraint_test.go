package reload_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
)

// routes is a VirtualService on a Gateway of its own, for the gateways with a label, that adds a header.
func routes(label, header string) string {
	return fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: %[1]s}
spec: {selector: {edge: %[1]s}, servers: [{port: {number: 8080, name: http, protocol: HTTP}, hosts: ['*']}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: %[1]s}
spec:
  hosts: ['*']
  gateways: [%[1]s]
  http:
  - directResponse: {status: 200}
    headers:
      response:
        add:
          ? %[2]s
          : a
`, label, header)
}

// TestWhatEnvoyWouldRefuseIsNotSent holds that a generation with a value that Envoy's API does not take is
// refused to the gateways that it is for, which keep their last good, also over a restart and when
// later edits come; that all others move on; and that once it is mended everything arrives.
func TestWhatEnvoyWouldRefuseIsNotSent(t *testing.T) {
	dir, kept := t.TempDir(), openState(t, t.TempDir())
	group := func(label string) node.Group {
		return node.Of(model.Gateway{Namespace: "istio-system", Labels: map[string]string{"edge": label}})
	}
	one, two := group("one"), group("two")
	write(t, dir, "one.yaml", routes("one", "x-a"))
	write(t, dir, "two.yaml", routes("two", "x-a"))
	r, p := newReloader(t, kept, dir)
	must(t, r.Reload(t.Context(), input.Change{}))
	r.Join(one)
	r.Join(two)
	good := p.of(one)[0]

	write(t, dir, "one.yaml", routes("one", "x-"+strings.Repeat("a", 17<<10)))
	write(t, dir, "two.yaml", routes("two", "x-b"))
	must(t, r.Reload(t.Context(), input.Change{}))
	if got := p.of(one); len(got) != 1 {
		t.Errorf("the gateways that it is for were sent %d generations, want the first alone", len(got))
	}
	if got := p.of(two); len(got) != 2 {
		t.Errorf("the others were sent %d generations, want both", len(got))
	}
	for _, g := range r.Status().Groups {
		told := slices.ContainsFunc(g.Refused, func(d diag.Diagnostic) bool { return d.Code == diag.CodeConstraint && d.Pos.Line == 13 })
		if told != (g.Labels["edge"] == "one") {
			t.Errorf("of %v it says %.300s", g.Labels, fmt.Sprint(g.Refused))
		}
	}
	r.Close()

	again, p := newReloader(t, kept, dir)
	must(t, again.Reload(t.Context(), input.Change{}))
	again.Join(one)
	again.Join(two)
	if got := p.of(one); len(got) != 1 || got[0][resourcev3.RouteType] != good[resourcev3.RouteType] {
		t.Errorf("after a restart it is sent %v, want its last good, %v", got, good)
	}
	write(t, dir, "one.yaml", routes("one", "x-c"))
	must(t, again.Reload(t.Context(), input.Change{}))
	if got := p.of(one); len(got) != 2 {
		t.Errorf("mended it was sent %d generations since the restart, want 2", len(got))
	}
	again.Close()
}
