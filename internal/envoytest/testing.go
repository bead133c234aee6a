package envoytest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"testing"
	"time"
)

// testBound is how long the helpers below wait for Envoy.
const testBound = 20 * time.Second

// Require returns the path of Envoy. Where there is none the test is skipped; it fails where CI is
// "true" or PORTREEVE_REQUIRE_ENVOY is "1", because there a skip would pass for a success.
func Require(t testing.TB) string {
	t.Helper()
	path, err := Binary()
	switch {
	case err == nil:
		return path
	case errors.Is(err, ErrNoEnvoy) && !mustHave(os.Getenv):
		t.Skipf("SKIPPED, NOT PASSED: %v", err)
	default:
		t.Fatal(err)
	}
	return ""
}

// Release returns the version of the Envoy that Run starts, such as 1.40.0, under the terms of Require: for
// what differs among the supported ones.
func Release(t testing.TB) string {
	t.Helper()
	out, err := release(t.Context(), Require(t))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func mustHave(env func(string) string) bool {
	return env("CI") == "true" || env("PORTREEVE_REQUIRE_ENVOY") == "1"
}

// Run starts Envoy for a test, under the terms of Require, and stops it when the test ends. When
// the test has failed by then, the end of Envoy's log is printed.
func Run(t testing.TB, o Options) *Envoy {
	t.Helper()
	if o.Binary == "" {
		o.Binary = Require(t)
	}
	e, err := Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		e.Stop()
		if t.Failed() {
			t.Logf("the end of Envoy's log:\n%s", tail(e.Log(), 60))
		}
	})
	return e
}

// MustListener waits for an active listener that takes connections and returns its address.
func (e *Envoy) MustListener(t testing.TB, name string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testBound)
	defer cancel()
	address, err := e.WaitListener(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	// Envoy lists a listener a moment before its workers take connections.
	err = e.poll(ctx, "connection to "+address, func(ctx context.Context) (bool, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return false, err
		}
		return true, conn.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// MustCounter returns one counter or gauge by its whole name.
func (e *Envoy) MustCounter(t testing.TB, name string) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testBound)
	defer cancel()
	value, err := e.Counter(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// MustReach waits until a counter or gauge is at least a value, and returns it.
func (e *Envoy) MustReach(t testing.TB, name string, least uint64) uint64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testBound)
	defer cancel()
	value, err := e.WaitStat(ctx, name, func(v uint64) bool { return v >= least })
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// NoDeprecations fails the test when Envoy's log speaks of something deprecated. Envoy warns once for
// a field, when it is loaded: call it last, with a log level no higher than warning.
func NoDeprecations(t testing.TB, e *Envoy) {
	t.Helper()
	log := e.Log()
	if log == "" {
		t.Error("Envoy's log is empty, which says nothing of deprecated fields")
	}
	for _, line := range deprecations(log) {
		t.Errorf("Envoy's log: %s", line)
	}
}

// The ports that FreePort chooses from lie below those that systems give to outgoing
// connections, of which a test has many: one of these would take the port in between.
const firstPort, ports = 15000, 15000

// FreePort returns a port of 127.0.0.1 that is free, and that FreePort returns to nobody else
// before the test ends: until then the UDP port of the same number is held, which no other
// test, in this process or another, can have too. Prefer port 0 wherever the address can be
// asked for afterwards.
func FreePort(t testing.TB) int {
	t.Helper()
	for range 100 {
		port := firstPort + rand.IntN(ports)
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		held, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", address)
		if err != nil {
			continue // somebody else's
		}
		t.Cleanup(func() { _ = held.Close() })
		l, err := net.Listen("tcp", address)
		if err != nil {
			continue // taken
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return port
	}
	t.Fatal("no free port was found")
	return 0
}
