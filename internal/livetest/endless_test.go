package livetest

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/policytest"
)

// TestAnAnswerWithoutEndIsLeft holds that no more of an answer is taken than its bound, and that nobody waits for its
// end: neither that of its headers nor that of its body.
func TestAnAnswerWithoutEndIsLeft(t *testing.T) {
	for begin, piece := range map[string]string{
		"HTTP/1.1 200 OK\r\n": "X-A: " + strings.Repeat("x", 1<<16) + "\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n": "10000\r\n" + strings.Repeat("x", 1<<16) + "\r\n",
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = listener.Close() })
		go func() {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close()
			for _, err = conn.Write([]byte(begin)); err == nil; {
				_, err = conn.Write([]byte(piece))
			}
		}()
		g := Gateway{Addresses: map[string]string{"http": listener.Addr().String()}, Patience: time.Minute}
		before := time.Now()
		got, _ := g.send(t.Context(), &policytest.Request{Ask: explain.Request{Method: "GET", Authority: "a.example", Path: "/"}})
		if took := time.Since(before); took > 30*time.Second || len(got.body) > maxBody {
			t.Errorf("%q: it took %s and has a body of %d bytes", begin, took, len(got.body))
		}
	}
}
