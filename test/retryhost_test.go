package test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestARetryGoesToAnotherEndpoint asks a service of two endpoints, of which one is bad in some way.
// They take turns, so without a retry every other request fails.
func TestARetryGoesToAnotherEndpoint(t *testing.T) {
	envoytest.Require(t)
	type badness struct {
		answer http.HandlerFunc // nil where it refuses connections
		counts *atomic.Int64
	}
	bad := func(answer http.HandlerFunc) badness {
		counts := &atomic.Int64{}
		return badness{func(w http.ResponseWriter, r *http.Request) { counts.Add(1); answer(w, r) }, counts}
	}
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	hangs := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	resets := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	for name, c := range map[string]struct {
		bad     badness
		retries string
		// want are the answers, as many as there are requests.
		want map[string]int
	}{
		"refuses, as Istio retries where nothing is said": {badness{}, "", map[string]int{"good": 40}},
		"refuses, connect-failure":                        {badness{}, "retries: {attempts: 1, retryOn: connect-failure}, ", map[string]int{"good": 40}},
		"refuses, no retries":                             {badness{}, "retries: {attempts: 0}, ", map[string]int{"good": 20, "503": 20}},
		"503, as Istio retries where nothing is said":     {bad(status(503)), "", map[string]int{"good": 20, "503": 20}},
		"503, 5xx":                                    {bad(status(503)), "retries: {attempts: 1, retryOn: 5xx, backoff: 1ms}, ", map[string]int{"good": 40}},
		"503, gateway-error":                          {bad(status(503)), "retries: {attempts: 1, retryOn: gateway-error, backoff: 1ms}, ", map[string]int{"good": 40}},
		"503, no retries":                             {bad(status(503)), "retries: {attempts: 0}, ", map[string]int{"good": 20, "503": 20}},
		"500, gateway-error is not that":              {bad(status(500)), "retries: {attempts: 1, retryOn: gateway-error}, ", map[string]int{"good": 20, "500": 20}},
		"429, by its number beside a condition":       {bad(status(429)), `retries: {attempts: 1, retryOn: "connect-failure,429", backoff: 1ms}, `, map[string]int{"good": 40}},
		"429, by another number":                      {bad(status(429)), `retries: {attempts: 1, retryOn: "428", backoff: 1ms}, `, map[string]int{"good": 20, "429": 20}},
		"hangs, perTryTimeout":                        {bad(hangs), "retries: {attempts: 1, perTryTimeout: 500ms, retryOn: 5xx, backoff: 1ms}, ", map[string]int{"good": 8}},
		"hangs, perTryTimeout that is not retried on": {bad(hangs), "retries: {attempts: 1, perTryTimeout: 500ms, retryOn: refused-stream}, ", map[string]int{"good": 4, "504": 4}},
		"resets, reset":                               {bad(resets), "retries: {attempts: 1, retryOn: reset, backoff: 1ms}, ", map[string]int{"good": 40}},
		"resets, connect-failure is not that":         {bad(resets), "retries: {attempts: 1, retryOn: connect-failure}, ", map[string]int{"good": 20, "503": 20}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			port := "1" // where nobody listens
			if c.bad.answer != nil {
				s := httptest.NewServer(c.bad.answer)
				t.Cleanup(s.Close)
				port = portOf(s)
			}
			// Each worker has turns of its own.
			s := openShopWith(t, shopOptions{envoy: envoytest.Options{Concurrency: 1}}, "  - {"+c.retries+"route: [{destination: {host: web}}]}\n",
				web(named(t, "good", 200), port)+ruleFor("  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}\n"))
			n := 0
			for _, answers := range c.want {
				n += answers
			}
			if got := s.answering(t, n, "/"); fmt.Sprint(got) != fmt.Sprint(c.want) {
				t.Errorf("answers: %v, want %v", got, c.want)
			}
			// What a bad endpoint does must have been seen, or the retry was none.
			tried := s.gateway.MustCounter(t, "cluster.outbound|80||web.default.svc.cluster.local;.upstream_cx_connect_fail")
			if c.bad.counts != nil {
				tried = uint64(c.bad.counts.Load())
			}
			if tried < uint64(n/2) {
				t.Errorf("the bad endpoint was asked %d times for %d requests, want every other time at least", tried, n)
			}
		})
	}
}
