package test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// load is clients that each ask on one connection without a pause.
type load struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	// forbidden is when, in nanoseconds, /guarded began to be forbidden; 0 while it is not.
	forbidden atomic.Int64
	mu        sync.Mutex
	lost      []error
	late      int // let through later than a second after it was forbidden
	requests  int
	mark      int // requests when more was called first
}

// startLoad asks for /guarded.
func startLoad(t *testing.T, address string, clients int, status func(int) bool) *load {
	t.Helper()
	return startLoadOf(t, address, "/guarded", clients, status)
}

func startLoadOf(t *testing.T, address, path string, clients int, status func(int) bool) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{cancel: cancel}
	for range clients {
		c := dial(t, address)
		l.done.Go(func() { l.client(ctx, c, "http://"+address+path, status) })
	}
	t.Cleanup(l.stop)
	return l
}

func (l *load) client(ctx context.Context, c *envoytest.Client, url string, status func(int) bool) {
	for ctx.Err() == nil {
		since, began := l.forbidden.Load(), time.Now()
		answer, err := c.Get(context.Background(), url)
		l.mu.Lock()
		l.requests++
		switch {
		case err != nil:
			l.lost = append(l.lost, err)
			l.mu.Unlock()
			return
		case answer.Closing:
			l.lost = append(l.lost, fmt.Errorf("the answer announces that the connection is closed"))
		case !status(answer.Status):
			l.lost = append(l.lost, fmt.Errorf("status %d", answer.Status))
		case answer.Status == 200 && since != 0 && since == l.forbidden.Load() && began.UnixNano()-since > int64(time.Second):
			l.late++
		}
		l.mu.Unlock()
	}
}

// stop ends the load; calling it again is harmless.
func (l *load) stop() {
	l.cancel()
	l.done.Wait()
}

func okOrForbidden(status int) bool { return status == 200 || status == 403 }

func TestAPolicyEditIsQuickAndLosesNoRequest(t *testing.T) {
	envoytest.Require(t)
	port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	policies := []string{denial("flip", "ingressgateway", "/other"), denial("flip", "ingressgateway", "/guarded")}
	dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, backend.Port()), "policy.yaml": policies[0]})
	p := startPlane(t, dir)
	gateway := p.startGateway(t, envoytest.Options{})
	address := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	updates := gateway.MustCounter(t, "listener_manager.lds.update_success")
	l := startLoad(t, address, 20, okOrForbidden)
	probe := dial(t, address)

	var took []time.Duration
	for i := range 50 {
		next := (i + 1) % 2
		began := time.Now()
		l.forbidden.Store(0)
		replace(t, filepath.Join(dir, "policy.yaml"), policies[next])
		if next == 1 {
			l.forbidden.Store(began.UnixNano())
		}
		took = append(took, untilStatus(t, probe, address, []int{200, 403}[next], began))
	}
	l.stop()

	if len(l.lost) > 0 {
		t.Errorf("%d connections or requests lost, first: %v", len(l.lost), l.lost[0])
	}
	if l.late > 0 {
		t.Errorf("%d requests let through by the old policy later than 1 s after the write", l.late)
	}
	for _, counter := range []string{"listener_manager.listener_modified", "listener_manager.listener_in_place_updated", "listener_manager.listener_removed"} {
		if n := gateway.MustCounter(t, counter); n != 0 {
			t.Errorf("%s is %d, want 0", counter, n)
		}
	}
	if n := gateway.MustCounter(t, "listener_manager.lds.update_success"); n != updates {
		t.Errorf("LDS updates went from %d to %d", updates, n)
	}
	slices.Sort(took)
	t.Logf("%d requests; rename to enforcement: min %v, median %v, max %v", l.requests, took[0], took[len(took)/2], took[len(took)-1])
}

// untilStatus asks until the answer has the status, and returns how long that took since began.
func untilStatus(t testing.TB, c *envoytest.Client, address string, status int, began time.Time) time.Duration {
	t.Helper()
	for time.Since(began) < bound {
		answer, err := c.Get(t.Context(), "http://"+address+"/guarded")
		if err != nil {
			t.Fatal(err)
		}
		if answer.Status == status {
			return time.Since(began)
		}
	}
	t.Fatalf("/guarded did not become %d", status)
	return 0
}
