package test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestAnEditLosesNoConnection moves TCP ports, and TLS ones by server name, from service to service
// while connections are opened without a pause: each one is answered.
func TestAnEditLosesNoConnection(t *testing.T) {
	envoytest.Require(t)
	for form, protocol := range protocols() {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			secure := envoytest.FreePort(t)
			names := []string{"one", "two"}
			plain, wrapped := map[string]int{}, map[string]int{}
			for _, name := range names {
				plain[name], wrapped[name] = echo(t, name, nil), echo(t, name, certificate(t))
			}
			content := func(f *floor, i int) string {
				name := names[i%2]
				host := fmt.Sprintf("%s%d.local", name, i)
				return fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: connections}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: %d, name: tcp, protocol: TCP}, bind: 127.0.0.1, hosts: ["*"]}
  - {port: {number: %d, name: tls, protocol: TLS}, bind: 127.0.0.1, hosts: ["*.test"], tls: {mode: PASSTHROUGH}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: connections}
spec:
  hosts: ["*"]
  gateways: [connections]
  tcp: [{route: [{destination: {host: %s, port: {number: 80}}}]}]
  tls: [{match: [{sniHosts: [one.test]}], route: [{destination: {host: s%[3]s, port: {number: 80}}}]}]
`, f.port, secure, host) + forwarded(host, plain[name]) + forwarded("s"+host, wrapped[name])
			}
			f := openFloor(t, protocol, func(f *floor) string { return content(f, 0) }, nil)
			secureAddress := f.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", secure))
			var stop atomic.Bool
			var clients sync.WaitGroup
			var asked, lost atomic.Int64
			for range 2 {
				for _, answer := range []func() string{
					func() string { return connect(t, f.address) },
					func() string { return connectTLS(t, secureAddress, "one.test") },
				} {
					clients.Go(func() {
						for !stop.Load() {
							asked.Add(1)
							if !strings.Contains(answer(), "hello") {
								lost.Add(1)
							}
						}
					})
				}
			}
			for i := 1; i <= edits(); i++ {
				replace(t, f.services, content(f, i))
				eventually(t, "the edit counts", func() bool {
					return strings.HasPrefix(connect(t, f.address), names[i%2]) && strings.HasPrefix(connectTLS(t, secureAddress, "one.test"), names[i%2])
				})
			}
			stop.Store(true)
			clients.Wait()
			if lost.Load() > 0 {
				t.Errorf("%d of %d connections were not answered", lost.Load(), asked.Load())
			}
			t.Logf("%d connections", asked.Load())
		})
	}
}

// TestARequestThatIsDelayedIsNotLost swaps services whose requests are delayed: one that chose its
// service before the edit reaches it after the edit.
func TestARequestThatIsDelayedIsNotLost(t *testing.T) {
	envoytest.Require(t)
	for form, protocol := range protocols() {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			content := func(f *floor, i int) string {
				host, backend := fmt.Sprintf("s%d", i), []string{"a", "b"}[i%2]
				delayed := "  - fault: {delay: {percentage: {value: 100}, fixedDelay: 0.3s}}\n    match: [{uri: {prefix: /guarded}}]\n    route: [{destination: {host: " + host + "}}]\n"
				return shopRouting(f.port, delayed+leadingTo(host)) + f.service(host, backend)
			}
			f := openFloor(t, protocol, func(f *floor) string { return content(f, 0) }, nil)
			l := startLoad(t, f.address, 16, ok)
			tick := time.NewTicker(150 * time.Millisecond)
			defer tick.Stop()
			for i := 1; i <= edits(); i++ {
				replace(t, f.services, content(f, i))
				f.answers(t, "the edit counts", "/", []string{"a", "b"}[i%2])
				<-tick.C
			}
			l.ended(t)
		})
	}
}

// TestAnEditAmongManyServicesLosesNoRequest brings many services at once, 2,000 in `make soak`, and
// swaps one among them under load. How long each edit takes is told.
func TestAnEditAmongManyServicesLosesNoRequest(t *testing.T) {
	envoytest.Require(t)
	many := 10 * edits()
	for form, protocol := range protocols() {
		t.Run(form, func(t *testing.T) {
			var others strings.Builder
			content := func(f *floor, i int) string {
				host, backend := fmt.Sprintf("s%d", i), []string{"a", "b"}[i%2]
				return shopRouting(f.port, leadingTo(host)) + f.service(host, backend) + others.String()
			}
			f := openFloor(t, protocol, func(f *floor) string { return content(f, 0) }, nil)
			l := startLoad(t, f.address, 2, ok)
			for n := range many {
				others.WriteString(f.service(fmt.Sprintf("o%d", n), "c"))
			}
			for i := 1; i <= 5; i++ {
				began := time.Now()
				replace(t, f.services, content(f, i))
				f.answers(t, "the edit counts", "/", []string{"a", "b"}[i%2])
				t.Logf("edit %d among %d services: %v", i, many, time.Since(began).Round(time.Millisecond))
			}
			others.Reset()
			replace(t, f.services, content(f, 6))
			f.answers(t, "they are gone", "/", "a")
			l.ended(t)
		})
	}
}
