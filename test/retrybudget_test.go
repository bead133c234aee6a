package test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestRetriesStayWithinTheBudget holds that requests are sent again at the same time only as often as the
// budget allows: half as many as there are requests, or as there were in its interval.
func TestRetriesStayWithinTheBudget(t *testing.T) {
	envoytest.Require(t)
	for name, c := range map[string]struct {
		budget string
		// second is the answer to a second request that fails, while a first is sent again.
		second int
	}{
		"of the moment":   {"{percent: 50, minRetryConcurrency: 1}", 503},
		"of the interval": {"{percent: 50, minRetryConcurrency: 1, budgetInterval: 60s}", 200},
	} {
		t.Run(name, func(t *testing.T) {
			again, release := make(chan struct{}, 2), make(chan struct{})
			letGo := sync.OnceFunc(func() { close(release) })
			backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/fine":
				case r.Header.Get("X-Envoy-Attempt-Count") == "1":
					w.WriteHeader(http.StatusServiceUnavailable)
				default:
					again <- struct{}{}
					<-release
				}
			}))
			t.Cleanup(backend.Close)
			t.Cleanup(letGo)
			s := openShop(t, "  - {retries: {attempts: 1, retryOn: \"503\"}, route: [{destination: {host: web, port: {number: 80}}}]}\n", web(portOf(backend))+ruleFor("  trafficPolicy: {retryBudget: "+c.budget+"}\n"))
			s.answering(t, 10, "/fine")
			first := statusOf(s.address)
			within(t, again, "the first request is sent again")
			second := statusOf(s.address)
			if c.second == http.StatusOK {
				within(t, again, "the second request is sent again")
				letGo()
			}
			if got := <-second; got != c.second {
				t.Errorf("the second request that fails is answered %d, want %d", got, c.second)
			}
			letGo()
			if got := <-first; got != http.StatusOK {
				t.Errorf("the first request that fails is answered %d, want 200", got)
			}
		})
	}
}

// within waits for a signal.
func within(t testing.TB, signal <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-signal:
	case <-time.After(bound):
		t.Fatalf("waited too long: %s", what)
	}
}

// statusOf asks and tells the status of the answer, 0 where there is none.
func statusOf(address string) <-chan int {
	out := make(chan int, 1)
	go func() {
		client := &http.Client{Timeout: bound}
		response, err := client.Get("http://" + address + "/") //nolint:noctx // bounded by the client
		if err != nil {
			out <- 0
			return
		}
		_ = response.Body.Close()
		out <- response.StatusCode
	}()
	return out
}
