package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// BenchmarkRenameToEnforcement measures from the rename of a policy file to the first
// answer of the new policy, on one open connection through a real Envoy.
func BenchmarkRenameToEnforcement(b *testing.B) {
	envoytest.Require(b)
	port, backend := envoytest.FreePort(b), envoytest.RunBackend(b)
	policies := []string{denial("flip", "ingressgateway", "/other"), denial("flip", "ingressgateway", "/guarded")}
	dir := newPolicyDir(b, map[string]string{"routing.yaml": routing(port, backend.Port()), "policy.yaml": policies[0]})
	p := startPlane(b, dir)
	gateway := p.startGateway(b, envoytest.Options{})
	address := gateway.MustListener(b, fmt.Sprintf("127.0.0.1_%d", port))
	probe := dial(b, address)
	var took []time.Duration
	next := 0
	for b.Loop() {
		next = 1 - next
		began := time.Now()
		replace(b, filepath.Join(dir, "policy.yaml"), policies[next])
		took = append(took, untilStatus(b, probe, address, []int{200, 403}[next], began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms/median")
	b.ReportMetric(float64(took[len(took)-1].Microseconds())/1000, "ms/max")
}
