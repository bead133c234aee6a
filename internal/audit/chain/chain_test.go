package chain_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/chain"
)

// key is one that only tests have.
func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// event is the i-th of a test.
func event(i int) audit.Event {
	return audit.Event{
		Type: audit.GatewayConnected, Subject: fmt.Sprintf("router~10.0.0.1~gw-%d.default~cluster.local", i), Outcome: audit.Success,
		Message: "a gateway has connected", Namespaces: []string{"default"},
	}
}

// record writes events into a record, waits until they are kept, and closes it.
func record(t testing.TB, o chain.Options, events int) {
	t.Helper()
	c, r := begin(t, o)
	for i := range events {
		r.Record(event(i))
	}
	end(t, c, r)
}

func begin(t testing.TB, o chain.Options) (*chain.Chain, *audit.Recorder) {
	t.Helper()
	c, err := chain.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	r, err := audit.New(audit.Options{Chain: c, Required: true, Instance: "test", Version: "1.0"})
	if err != nil {
		t.Fatal(err)
	}
	return c, r
}

func end(t testing.TB, c *chain.Chain, r *audit.Recorder) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// require records an event and waits until it is kept.
func require(t testing.TB, r *audit.Recorder, e audit.Event) {
	t.Helper()
	if err := r.Require(context.Background(), e); err != nil {
		t.Fatal(err)
	}
}

// verified returns the report of a record that has no fault.
func verified(t testing.TB, file string, o chain.VerifyOptions) chain.Report {
	t.Helper()
	report, err := chain.Verify(file, o)
	if err != nil {
		t.Fatal(err)
	}
	if report.Fault != nil {
		t.Fatalf("fault: %s", report.Fault)
	}
	return report
}

func file(t testing.TB) string {
	t.Helper()
	return filepath.Join(t.TempDir(), "audit.log")
}

// all returns the lines of a record.
func all(t *testing.T, file string) []chain.Entry {
	t.Helper()
	var out []chain.Entry
	for e, err := range chain.Read(file) {
		if err != nil {
			t.Fatal(err)
		}
		e.Bytes = bytes.Clone(e.Bytes)
		out = append(out, e)
	}
	return out
}

func TestARecordGoesOnOverRotationsAndRestarts(t *testing.T) {
	o := chain.Options{File: file(t), MaxSize: 20_000, Key: key(1), SignLines: 50}
	for range 3 {
		record(t, o, 100)
	}
	report := verified(t, o.File, chain.VerifyOptions{PublicKeys: []ed25519.PublicKey{public(o.Key)}})
	if report.First != 1 || report.Lines < 300 || report.Last != report.Lines || report.Head != report.Last || report.Files < 10 || report.Signatures < 3 {
		t.Errorf("report %+v", report)
	}
	seen := 0
	for i, e := range all(t, o.File) {
		if e.Seq != uint64(i+1) {
			t.Fatalf("line %d is number %d", i, e.Seq)
		}
		if e.Type == audit.GatewayConnected {
			if want := event(seen % 100).Subject; e.Subject != want {
				t.Fatalf("line %d is of %s, want %s", i, e.Subject, want)
			}
			seen++
		}
	}
	if seen != 300 {
		t.Errorf("%d events, want 300", seen)
	}
}

func TestNobodyElseReadsTheRecord(t *testing.T) {
	o := chain.Options{File: file(t), MaxSize: 5_000}
	record(t, o, 100)
	entries, err := os.ReadDir(filepath.Dir(o.File))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600 (%v)", e.Name(), info.Mode(), err)
		}
	}
}

func TestOneProcessWritesARecord(t *testing.T) {
	o := chain.Options{File: file(t)}
	c, r := begin(t, o)
	if _, err := chain.Open(o); err == nil || !strings.Contains(err.Error(), "another process writes it") {
		t.Errorf("a second one: %v", err)
	}
	end(t, c, r)
	record(t, o, 1)
}

func TestAFileIsRotatedByItsAge(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	o := chain.Options{File: file(t), RotateEvery: time.Hour, Now: func() time.Time { return now }}
	c, r := begin(t, o)
	require(t, r, event(1))
	now = now.Add(59 * time.Minute)
	require(t, r, event(2))
	if report := verified(t, o.File, chain.VerifyOptions{}); report.Files != 1 {
		t.Errorf("before an hour is over there are %d files", report.Files)
	}
	now = now.Add(time.Minute)
	require(t, r, event(3))
	if report := verified(t, o.File, chain.VerifyOptions{}); report.Files != 2 {
		t.Errorf("after an hour there are %d files", report.Files)
	}
	end(t, c, r)
}

// TestALinkIsFollowed holds, also where it leads to a file that is not there yet: who comes by it has the same record.
func TestALinkIsFollowed(t *testing.T) {
	o := chain.Options{File: file(t), MaxSize: 5_000}
	link := filepath.Join(t.TempDir(), "link.log")
	if err := errors.Join(os.Symlink(o.File, link+"2"), os.Symlink("link.log2", link)); err != nil {
		t.Fatal(err)
	}
	by := o
	by.File = link
	record(t, by, 20)
	c, r := begin(t, o)
	if _, err := chain.Open(by); !errors.Is(err, chain.ErrHeld) {
		t.Errorf("by a link: %v, want ErrHeld", err)
	}
	end(t, c, r)
	record(t, by, 20)
	direct, linked := verified(t, o.File, chain.VerifyOptions{}), verified(t, link, chain.VerifyOptions{})
	if direct != linked || direct.First != 1 || direct.Files < 4 {
		t.Errorf("%+v by a link, %+v directly", linked, direct)
	}
}
