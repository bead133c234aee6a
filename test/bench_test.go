package test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
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

// hung starts a plane whose mesh configuration has become a pipe that nobody writes to.
func hung(b *testing.B) *plane {
	b.Helper()
	mesh := filepath.Join(b.TempDir(), "mesh.yaml")
	write(b, mesh, "{}\n")
	p := startPlane(b, newPolicyDir(b, map[string]string{"policy.yaml": denial("guard", "ingressgateway", "/guarded")}), "--mesh-config", mesh)
	if err := syscall.Mkfifo(mesh+".new", 0o600); err != nil {
		b.Fatal(err)
	}
	if err := os.Rename(mesh+".new", mesh); err != nil {
		b.Fatal(err)
	}
	eventually(b, "the file cannot be read", func() bool { status, _ := p.get("/readyz"); return status == http.StatusServiceUnavailable })
	return p
}

// BenchmarkAnswersWhileAReadHangs measures the slowest endpoint while a file cannot be read.
func BenchmarkAnswersWhileAReadHangs(b *testing.B) {
	p := hung(b)
	for b.Loop() {
		for _, endpoint := range []string{"/readyz", "/metrics", "/debug/status", "/debug/config"} {
			p.get(endpoint)
		}
	}
}

// BenchmarkEndWhileAReadHangs measures from the word to end until the plane has ended, while a file
// cannot be read.
func BenchmarkEndWhileAReadHangs(b *testing.B) {
	for b.Loop() {
		b.StopTimer()
		p := hung(b)
		b.StartTimer()
		p.stop()
	}
}
