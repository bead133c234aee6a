package test

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// aQuarter fails the test unless n of 800 is a quarter by chance. Of 800 draws the standard
// deviation is the square root of 800 × 0.25 × 0.75, 12.2; 133 to 267 is five and a half of them on
// either side, left once in 20 million runs. An eighth (100) and a half (400) are far outside.
func aQuarter(t *testing.T, what string, n int) {
	t.Helper()
	t.Logf("of 800 requests %d were %s", n, what)
	if n < 133 || n > 267 {
		t.Errorf("of 800 requests %d were %s, want a quarter", n, what)
	}
}

// together runs n questions, many at a time.
func together(n, workers int, question func()) {
	var left atomic.Int64
	left.Store(int64(n))
	var asking sync.WaitGroup
	for range workers {
		asking.Go(func() {
			for left.Add(-1) >= 0 {
				question()
			}
		})
	}
	asking.Wait()
}

// TestADelayIsForItsShareOfRequests holds that a delay is for its share of requests, lasts as long as
// it says, and that the others do not wait. Envoy says in an answer's header whether it put a delay
// in.
func TestADelayIsForItsShareOfRequests(t *testing.T) {
	const delay = 700 * time.Millisecond
	r := newRouter(t, names(t, "a.test"), routes("faults",
		`{fault: {delay: {fixedDelay: 700ms, percentage: {value: 25}}}, headers: {response: {set: {x-flags: "%RESPONSE_FLAGS%"}}}, `+to("a.test")+`}`), "")
	var delayed, prompt, early, failed atomic.Int64
	together(800, 100, func() {
		start := time.Now()
		answer, err := plainly(t, r.address)
		took := time.Since(start)
		switch {
		case err != nil || answer.Status != http.StatusOK || string(answer.Body) != "a.test":
			failed.Add(1)
		case answer.Header.Get("X-Flags") == "DI":
			delayed.Add(1)
			if took < delay-50*time.Millisecond { // two clocks
				early.Add(1)
			}
		case took < delay:
			prompt.Add(1)
		}
	})
	aQuarter(t, "delayed", int(delayed.Load()))
	if failed.Load() > 0 || early.Load() > 0 {
		t.Errorf("%d requests failed, %d that were delayed took less than %s", failed.Load(), early.Load(), delay)
	}
	// The others may be slow now and then, on a busy machine, but not all of them.
	if rest := 800 - delayed.Load(); prompt.Load() < rest/2 {
		t.Errorf("of %d requests that were not delayed only %d took less than %s", rest, prompt.Load(), delay)
	}
	if n := r.counter(t, `^http\..*\.fault\.delays_injected$`); n != uint64(delayed.Load()) {
		t.Errorf("Envoy has counted %d delays, the clients %d", n, delayed.Load())
	}
}

// plainly asks for / on a connection of its own, from any goroutine.
func plainly(t *testing.T, address string) (*envoytest.Answer, error) {
	c, err := envoytest.Dial(t.Context(), address)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }()
	return c.Get(t.Context(), "http://"+address+"/")
}

// TestAnAbortIsForItsShareOfCalls has a gRPC client count the calls that end with the status of a fault.
func TestAnAbortIsForItsShareOfCalls(t *testing.T) {
	r := newRouter(t, map[string]int{"GRPC a.test": grpcBackend(t)}, routes("faults",
		`{fault: {abort: {grpcStatus: DATA_LOSS, percentage: {value: 25}}}, `+to("a.test")+`}`), "")
	connection, err := grpc.NewClient(r.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	defer func() { _ = connection.Close() }()
	client := healthpb.NewHealthClient(connection)
	var answered, aborted atomic.Int64
	together(800, 8, func() {
		switch _, err := client.Check(t.Context(), &healthpb.HealthCheckRequest{}); status.Code(err) {
		case codes.OK:
			answered.Add(1)
		case codes.DataLoss:
			aborted.Add(1)
		default:
			t.Errorf("a call: %v", err)
		}
	})
	aQuarter(t, "aborted", int(aborted.Load()))
	if answered.Load()+aborted.Load() != 800 {
		t.Errorf("%d calls answered, %d aborted, want 800 together", answered.Load(), aborted.Load())
	}
}

// TestAMirrorGetsItsShareOfRequests counts the copies that two mirrors of one route get, each its own
// share and each with the body; the client has the answer of the destination alone.
func TestAMirrorGetsItsShareOfRequests(t *testing.T) {
	var copies [2]atomic.Int64
	var bare atomic.Int64
	mirror := func(i int) int {
		return handler(t, func(w http.ResponseWriter, r *http.Request) {
			if body, err := io.ReadAll(r.Body); err != nil || string(body) != "the body" {
				bare.Add(1)
			}
			copies[i].Add(1)
			w.WriteHeader(http.StatusTeapot)
		})
	}
	services := names(t, "a.test")
	services["HTTP m.test"], services["HTTP n.test"] = mirror(0), mirror(1)
	r := newRouter(t, services, routes("mirrors",
		`{mirrors: [{destination: {host: m.test}, percentage: {value: 25}}, {destination: {host: n.test}, percentage: {value: 100}}], `+to("a.test")+`}`), "")
	c := dial(t, r.address)
	for range 800 {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.address+"/", strings.NewReader("the body"))
		must(t, err)
		if answer, err := c.Do(request); err != nil || string(answer.Body) != "a.test" {
			t.Fatalf("the client got %v, %v", answer, err)
		}
	}
	eventually(t, "the second mirror has a copy of each", func() bool { return copies[1].Load() == 800 })
	eventually(t, "no copy is on its way", func() bool {
		sent := r.counter(t, `^cluster\.outbound\|80\|\|m\.test;\.upstream_rq_total$`)
		return sent > 0 && copies[0].Load() == int64(sent)
	})
	aQuarter(t, "mirrored", int(copies[0].Load()))
	if bare.Load() > 0 {
		t.Errorf("%d copies came without the body", bare.Load())
	}
}
