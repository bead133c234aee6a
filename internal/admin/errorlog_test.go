package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"testing"
)

// lines takes what is logged.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestTheLibraryLogsThroughTheLogger holds that what the HTTP library says of an answer that
// panicked is a line of the log's own form.
func TestTheLibraryLogsThroughTheLogger(t *testing.T) {
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var log lines
	done := make(chan error, 1)
	go func() {
		done <- Serve(ctx, l, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("an answer") }), slog.New(slog.NewJSONHandler(&log, nil)))
	}()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+l.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Close = true
	if response, err := http.DefaultClient.Do(request); err == nil {
		_ = response.Body.Close()
		t.Error("it answers")
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	var line struct{ Level, Msg string }
	if err := json.Unmarshal(log.text.Bytes(), &line); err != nil || line.Level != "WARN" || line.Msg == "" {
		t.Errorf("it logs %q", &log.text)
	}
}
