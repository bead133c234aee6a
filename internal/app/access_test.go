package app

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/disk"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/identity"
	"github.com/portreeve/portreeve/xds/node"
	"github.com/portreeve/portreeve/xds/transport"
)

// started runs a control plane that is told to end at once, and returns what it logged.
func started(t *testing.T, x XDS) (log string, err error) {
	t.Helper()
	var out bytes.Buffer
	x.MaxConnectionAge, x.TrustDomains = time.Hour, []string{DefaultTrustDomain}
	a, err := New(Options{
		Dirs: []string{t.TempDir()}, XDS: x, Admin: Admin{Address: "127.0.0.1:0"}, Settings: model.DefaultSettings(), Logger: slog.New(slog.NewTextHandler(&out, nil)),
	})
	if err != nil {
		return out.String(), err
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err = a.Run(ended)
	return out.String(), err
}

// TestPlainTextHasToBeAskedFor holds that an address which other machines may reach is an error without TLS, and that
// whoever asks for it is warned in one line; on loopback there is nothing to warn of.
func TestPlainTextHasToBeAskedFor(t *testing.T) {
	for address, loopback := range map[string]bool{
		"127.0.0.1:0": true, "127.1.2.3:0": true, "[::ffff:127.0.0.1]:0": true, "localhost:0": true, "unix://" + filepath.Join(t.TempDir(), "s"): true,
		"0.0.0.0:0": false, ":0": false, "[::]:0": false,
	} {
		if _, err := started(t, XDS{Address: address}); (err == nil) != loopback {
			t.Errorf("%s: %v", address, err)
		} else if err != nil && !strings.Contains(err.Error(), "--xds-tls-cert") {
			t.Errorf("%s: the error has no hint: %v", address, err)
		}
	}
	var log bytes.Buffer
	for _, plain := range []bool{false, true} {
		log.Reset()
		a := &App{options: Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, access: access{transport: identity.Loopback, listener: listener{address: &net.TCPAddr{IP: net.IPv4zero, Port: 1}}}}
		if plain {
			a.access.transport = identity.Plain
		}
		a.warnOfAccess()
		if got := strings.Count(log.String(), "level=WARN"); got != strings.Count(log.String(), "plain text and asks for no proof") || (got == 1) != plain {
			t.Errorf("plain is %v, the log says\n%s", plain, &log)
		}
	}
}

// listener is one of which only the address counts.
type listener struct {
	net.Listener
	address net.Addr
}

func (l listener) Addr() net.Addr { return l.address }

// TestWhoCanServeNobodyIsWarned holds that a demand which no connection can meet is told of.
func TestWhoCanServeNobodyIsWarned(t *testing.T) {
	for address, want := range map[string]bool{"127.0.0.1:0": true, "0.0.0.0:0": true, "unix://" + filepath.Join(t.TempDir(), "s"): false} {
		log, err := started(t, XDS{Address: address, Require: true, Plaintext: true})
		if err != nil || strings.Contains(log, "no gateway can be served") != want {
			t.Errorf("%s: %v, the log says\n%s", address, err, log)
		}
	}
}

// TestAStartThatFailsLeavesTheAddress holds that what a start has opened is closed where something else fails.
func TestAStartThatFailsLeavesTheAddress(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	o := Options{
		Dirs: []string{filepath.Join(t.TempDir(), "none")}, XDS: XDS{Address: "unix://" + path, TrustDomains: []string{DefaultTrustDomain}, MaxConnectionAge: time.Hour},
		Admin: Admin{Address: "127.0.0.1:0"}, Settings: model.DefaultSettings(), Logger: slog.New(slog.DiscardHandler),
	}
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "none") {
		t.Fatalf("a missing directory gives %v", err)
	}
	if _, err := os.Lstat(path); err == nil {
		t.Error("the socket is still there")
	}
}

// TestAFileInMotionIsNotRead holds that a file which somebody has open for writing is an error, and one that is too large.
func TestAFileInMotionIsNotRead(t *testing.T) {
	name := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(name, []byte("whole"), 0o600); err != nil {
		t.Fatal(err)
	}
	read := reading(disk.New(disk.Options{}))
	if content, err := read(name); err != nil || string(content) != "whole" {
		t.Fatalf("it holds %q, %v", content, err)
	}
	if err := os.WriteFile(name, make([]byte, transport.MaxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := read(name); err == nil || !strings.Contains(err.Error(), "too large") {
		t.Errorf("one that is too large gives %v", err)
	}
	writer, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	if c, err := disk.New(disk.Options{}).Read(name, 10); err != nil || c.Writer == disk.WriterUnknown {
		t.Skip("this system does not tell of writers")
	}
	if _, err := read(name); err == nil || !strings.Contains(err.Error(), "is writing to it") {
		t.Errorf("one that is being written gives %v", err)
	}
}

// TestAFileOfGatewaysAsksForProof holds that with one a connection that proves nothing is refused from the start, whatever
// is known of the file.
func TestAFileOfGatewaysAsksForProof(t *testing.T) {
	for file, want := range map[string]bool{"": true, filepath.Join(t.TempDir(), "gateways.yaml"): false} {
		settings := model.DefaultSettings()
		settings.GatewaysFile = file
		a := &App{options: Options{XDS: XDS{Address: "127.0.0.1:0", MaxConnectionAge: time.Hour}, Settings: settings, Logger: slog.New(slog.DiscardHandler)}}
		if err := a.openAccess(); err != nil {
			t.Fatal(err)
		}
		defer a.access.listener.Close()
		if _, err := a.access.judge.Allow(identity.Proof{Transport: identity.Loopback}, node.Identity{}); (err == nil) != want {
			t.Errorf("--gateways %q: %v", file, err)
		}
	}
}
