package envoytest

import (
	"errors"
	"net/http"
	"testing"
)

// A server that closes is told apart from one that stays, whichever way it closes.
func TestClientSeesTheServerClose(t *testing.T) {
	backend := RunBackend(t)
	client, err := Dial(bounded(t), backend.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Get(bounded(t), "http://a/"); err != nil {
		t.Fatal(err)
	}
	if client.ServerClosed() {
		t.Fatal("closed, though the server keeps connections")
	}
	if _, err := client.Get(bounded(t), "http://a/"); err != nil {
		t.Fatalf("a look at the connection has hurt it: %v", err)
	}

	backend.Stop()
	if _, err := client.Get(bounded(t), "http://a/"); !errors.Is(err, ErrServerClosed) {
		t.Errorf("got %v, want ErrServerClosed", err)
	}
	if !client.ServerClosed() {
		t.Error("the server has gone, and ServerClosed does not say so")
	}
}

func TestClientSeesTheAnnouncement(t *testing.T) {
	backend := RunBackend(t)
	client, err := Dial(bounded(t), backend.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	got, err := client.Get(bounded(t), "http://a/", "Connection", "close")
	if err != nil || got.Status != http.StatusOK || !got.Closing {
		t.Errorf("got %+v, %v; want 200 and Closing", got, err)
	}
}

func TestFreePort(t *testing.T) {
	seen := map[int]bool{}
	for range 300 {
		port := FreePort(t)
		if port < 1024 || seen[port] {
			t.Fatalf("port %d, of which nobody else was to have it", port)
		}
		seen[port] = true
	}
}
