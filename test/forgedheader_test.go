package test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestNoClientRoutesForItself holds that the headers in which Envoy takes orders from services that it
// trusts are not taken from clients: those say nothing about retries, timeouts, paths or faults.
func TestNoClientRoutesForItself(t *testing.T) {
	var attempts atomic.Int32
	backend := handler(t, func(w http.ResponseWriter, r *http.Request) {
		attempts.Add(1)
		for name := range r.Header {
			w.Header().Set("Got-"+name, r.Header.Get(name))
		}
		if r.URL.Path == "/slow" {
			select {
			case <-time.After(300 * time.Millisecond):
			case <-r.Context().Done():
			}
		}
		if r.URL.Path == "/fails" {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	r := newRouter(t, map[string]int{"HTTP a.test": backend}, routes("forged", `{match: [{uri: {exact: /fails}}], retries: {attempts: 0}, `+to("a.test")+`}`, `{timeout: 10s, `+to("a.test")+`}`), "")
	for name, c := range map[string]struct {
		path   string
		header []string
		status int
	}{
		"retries":            {"/fails", []string{"X-Envoy-Retry-On", "5xx", "X-Envoy-Max-Retries", "5"}, 503},
		"retries of gRPC":    {"/fails", []string{"X-Envoy-Retry-Grpc-On", "unavailable", "X-Envoy-Max-Retries", "5"}, 503},
		"retriable statuses": {"/fails", []string{"X-Envoy-Retry-On", "retriable-status-codes", "X-Envoy-Retriable-Status-Codes", "503"}, 503},
		"a short timeout":    {"/slow", []string{"X-Envoy-Upstream-Rq-Timeout-Ms", "20"}, 200},
		"one per try":        {"/slow", []string{"X-Envoy-Upstream-Rq-Per-Try-Timeout-Ms", "20", "X-Envoy-Hedge-On-Per-Try-Timeout", "true"}, 200},
		"an odd answer":      {"/slow", []string{"X-Envoy-Upstream-Rq-Timeout-Ms", "20", "X-Envoy-Upstream-Rq-Timeout-Alt-Response", "1"}, 200},
		"a path":             {"/", []string{"X-Envoy-Original-Path", "/forged"}, 200},
		"a fault":            {"/", []string{"X-Envoy-Fault-Abort-Request", "418", "X-Envoy-Fault-Delay-Request", "5000"}, 200},
		"an inside":          {"/", []string{"X-Envoy-Internal", "true"}, 200},
		"a host":             {"/", []string{"X-Envoy-Original-Host", "forged.test"}, 200},
		"another proxy":      {"/", []string{"X-Envoy-Downstream-Service-Cluster", "forged", "X-Envoy-Downstream-Service-Node", "forged", "X-Envoy-Decorator-Operation", "forged"}, 200},
		"an address":         {"/", []string{"X-Envoy-External-Address", "192.0.2.1"}, 200},
	} {
		attempts.Store(0)
		answer := r.do(t, request{path: c.path, header: c.header})
		if answer.Status != c.status || attempts.Load() != 1 {
			t.Errorf("%s: %d after %d attempts, want %d after one", name, answer.Status, attempts.Load(), c.status)
		}
		for i := 0; i < len(c.header); i += 2 {
			// Envoy takes orders for faults from nobody here, so it leaves those as any other header.
			if got := answer.Header.Get("Got-" + c.header[i]); got == c.header[i+1] && !strings.Contains(c.header[i], "Fault") {
				t.Errorf("%s: the backend is told %s: %s", name, c.header[i], got)
			}
		}
	}
}
