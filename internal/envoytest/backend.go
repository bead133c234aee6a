package envoytest

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Received is what a Backend was asked, and answers as JSON.
type Received struct {
	Method string      `json:"method"`
	Host   string      `json:"host"`
	URL    string      `json:"url"`
	Header http.Header `json:"header"`
}

// Backend is an HTTP server behind Envoy that answers 200 with what it received.
type Backend struct {
	server   *http.Server
	listener net.Listener
	requests atomic.Int64
	serving  sync.WaitGroup
}

// StartBackend listens on a free port of 127.0.0.1 and serves until Stop.
func StartBackend() (*Backend, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start a backend: %w", err)
	}
	b := &Backend{listener: listener}
	b.server = &http.Server{Handler: http.HandlerFunc(b.answer), ReadHeaderTimeout: 10 * time.Second}
	b.serving.Go(func() {
		// Serve always returns an error, at the end ErrServerClosed.
		if err := b.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			_ = listener.Close()
		}
	})
	return b, nil
}

// RunBackend starts a backend for a test and stops it when the test ends.
func RunBackend(t testing.TB) *Backend {
	t.Helper()
	b, err := StartBackend()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Stop)
	return b
}

func (b *Backend) answer(w http.ResponseWriter, r *http.Request) {
	b.requests.Add(1)
	w.Header().Set("Content-Type", "application/json")
	// An error means that the caller has gone.
	_ = json.NewEncoder(w).Encode(Received{Method: r.Method, Host: r.Host, URL: r.URL.String(), Header: r.Header})
}

// Address returns host:port.
func (b *Backend) Address() string { return b.listener.Addr().String() }

// Port returns the port.
func (b *Backend) Port() int {
	if a, ok := b.listener.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// Requests returns how many requests came through.
func (b *Backend) Requests() int64 { return b.requests.Load() }

// Stop closes the listener and every connection.
func (b *Backend) Stop() {
	_ = b.server.Close() // closing twice is no harm
	b.serving.Wait()
}
