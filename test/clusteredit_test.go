package test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// protocols are the two forms of ADS, as the bootstrap names them.
func protocols() map[string]string {
	return map[string]string{"delta": "DELTA_GRPC", "state of the world": "GRPC"}
}

// over makes the shop's gateway another one that speaks a form of ADS.
func (s *shop) over(t *testing.T, protocol string) *shop {
	t.Helper()
	s.gateway.Stop()
	s.gateway = envoytest.Run(t, envoytest.Options{Bootstrap: bytes.Replace(s.bootstrap(t), []byte("DELTA_GRPC"), []byte(protocol), 1)})
	s.gateway.MustListener(t, "127.0.0.1_"+s.address[strings.LastIndexByte(s.address, ':')+1:])
	return s
}

// TestAClusterEditTakesEffect holds that what a DestinationRule says of a service takes the
// place of what was said before, although the service's endpoints stay the same.
func TestAClusterEditTakesEffect(t *testing.T) {
	envoytest.Require(t)
	for name, protocol := range protocols() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := tlsBackend(t, newAuthority(t), nil, "web.example")
			s := openShop(t, toWeb, web(port)).over(t, protocol)
			for _, c := range []struct {
				mode   string
				status int
			}{{"SIMPLE, insecureSkipVerify: true", 200}, {"DISABLE", 400}, {"SIMPLE, insecureSkipVerify: true, sni: other.example", 200}} {
				began := time.Now()
				replace(t, s.services, web(port)+ruleFor("  trafficPolicy: {tls: {mode: "+c.mode+"}}\n"))
				eventually(t, "mode "+c.mode, func() bool { return ask(t, s.address, "/").Status == c.status })
				t.Logf("%s after %v", c.mode, time.Since(began).Round(time.Millisecond))
			}
		})
	}
}

// TestAClusterEditLosesNoRequest edits a service again and again under load, its endpoints at
// times together with what is said of it: no request fails, and the last edit counts.
func TestAClusterEditLosesNoRequest(t *testing.T) {
	envoytest.Require(t)
	for name, protocol := range protocols() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			one, two := named(t, "one", 200), named(t, "two", 200)
			s := openShop(t, toWeb, web(one)+ruleFor("  trafficPolicy: {outlierDetection: {}}\n")).over(t, protocol)
			ctx, stop := context.WithCancel(t.Context())
			var clients sync.WaitGroup
			var asked, failed atomic.Int64
			for range 4 {
				c := dial(t, s.address)
				clients.Go(func() {
					for ctx.Err() == nil {
						if answer, err := c.Get(t.Context(), "http://"+s.address+"/"); err != nil || answer.Status != 200 {
							failed.Add(1)
							return
						}
						asked.Add(1)
					}
				})
			}
			const edits = 20
			for i := range edits {
				// The first leads away from one: each edit shows in the answers before the next is made.
				port := []string{two, one}[i%2]
				replace(t, s.services, web(port)+ruleFor(fmt.Sprintf("  trafficPolicy: {connectionPool: {tcp: {maxConnections: %d}}}\n", 100+i)))
				eventually(t, "the edit counts", func() bool {
					return ask(t, s.address, "/").Header.Get("Backend") == map[string]string{one: "one", two: "two"}[port]
				})
				before := asked.Load()
				eventually(t, "the load goes on", func() bool { return asked.Load() > before+100 || failed.Load() > 0 })
			}
			stop()
			clients.Wait()
			if failed.Load() > 0 {
				t.Errorf("%d clients saw a failure in %d requests", failed.Load(), asked.Load())
			}
			s.gateway.MustReach(t, "cluster_manager.cluster_modified", edits)
			t.Logf("%d edits, %d requests, 0 failed", edits, asked.Load())
		})
	}
}
