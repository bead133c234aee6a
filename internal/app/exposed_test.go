package app

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/model"
)

// listener is one of which only the address counts.
type listener struct {
	net.Listener
	address net.Addr
}

func (l listener) Addr() net.Addr { return l.address }

// TestTheLogWarnsOfPlainText holds that an address which other machines may reach is warned of
// in one line that says what to do, and the loopback address is not.
func TestTheLogWarnsOfPlainText(t *testing.T) {
	for address, want := range map[string]int{
		"127.0.0.1:18000": 0, "127.1.2.3:18000": 0, "[::1]:18000": 0, "[::ffff:127.0.0.1]:18000": 0,
		"0.0.0.0:18000": 1, "[::]:18000": 1, "10.1.2.3:18000": 1, "[fd00::1]:18000": 1, "203.0.113.7:18000": 1,
	} {
		t.Run(address, func(t *testing.T) {
			tcp, err := net.ResolveTCPAddr("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			var log bytes.Buffer
			a := &App{options: Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, xdsListen: listener{address: tcp}}
			a.warnOfPlainText()
			if got := strings.Count(log.String(), "\n"); got != want {
				t.Errorf("%d lines, want %d:\n%s", got, want, &log)
			}
			for _, part := range []string{"level=WARN", "plain text", "private keys", tcp.String(), "tunnel"} {
				if want > 0 && !strings.Contains(log.String(), part) {
					t.Errorf("it lacks %q: %s", part, &log)
				}
			}
		})
	}
	if !exposed(&net.UnixAddr{Name: "/run/xds"}) {
		t.Error("an address of another kind is taken for loopback")
	}
}

// TestRunWarnsOfPlainText holds that it is said at the start. The listener is on loopback
// and only says that it is not.
func TestRunWarnsOfPlainText(t *testing.T) {
	for _, exposed := range []bool{false, true} {
		var log bytes.Buffer
		a, err := New(Options{
			Dirs: []string{t.TempDir()}, XDSAddress: "127.0.0.1:0", AdminAddress: "127.0.0.1:0", Settings: model.DefaultSettings(), Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		if exposed {
			a.xdsListen = listener{a.xdsListen, &net.TCPAddr{IP: net.IPv4zero, Port: 18000}}
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := a.Run(ended); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), "plain text"); got != exposed {
			t.Errorf("exposed is %v, the log says\n%s", exposed, &log)
		}
	}
}
