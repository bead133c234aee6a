package test

import (
	"os"
	"strings"
	"testing"
	"time"
)

// TestRotatingCertificatesLosesNothing replaces the authority four times, with all that it has issued, and renews certificates
// in between, 20 replacements in all, while a gateway serves requests: none fails, no listener is touched, and
// the streams with the new certificates are sent nothing again.
func TestRotatingCertificatesLosesNothing(t *testing.T) {
	t.Parallel()
	current := newAuthority(t)
	r := newRotating(t, current, "1s")
	before, began := r.delivered(t), time.Now()
	for range 2 {
		r.serve(t, current)
		r.renew(t, current)
	}
	for range 4 {
		next := newAuthority(t)
		r.trust(t, current, current, next)
		r.serve(t, next)
		r.renew(t, next)
		r.trust(t, next, next)
		r.takes(t, next, current, false)
		current = next
	}
	r.unnoticed(t, before)
	t.Logf("20 replacements in %v, %d requests, 0 failed; %d streams", time.Since(began).Round(time.Millisecond), r.traffic.requests, r.connected())
}

// TestConnectingAgainCostsNothing ends the stream of a gateway every 4 s, for a minute in a soak: no request fails, no listener
// is touched, and nothing is sent again.
func TestConnectingAgainCostsNothing(t *testing.T) {
	t.Parallel()
	ends := 3
	if os.Getenv("PORTREEVE_SOAK") == "1" {
		ends = 15
	}
	r := newRotating(t, newAuthority(t), "4s")
	before, began := r.delivered(t), time.Now()
	for end := range ends {
		eventually(t, "the stream ends by its age, and the gateway is back", func() bool { return r.connected() >= end+2 })
	}
	if took := time.Since(began); took < time.Duration(ends)*3*time.Second {
		t.Errorf("%d streams ended in %v", ends, took)
	}
	r.unnoticed(t, before)
	if log := r.gateway.Log(); strings.Contains(log, "stream to xds-grpc closed") {
		t.Errorf("Envoy warns of it: %s", lastLine(log, "stream to xds-grpc closed"))
	}
	t.Logf("%d ends in %v, %d requests, 0 failed", ends, time.Since(began).Round(time.Millisecond), r.traffic.requests)
}
