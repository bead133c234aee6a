package app

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/chain"
	"github.com/portreeve/portreeve/internal/disk"
	"github.com/portreeve/portreeve/translate/model"
)

// TestAWrongCombinationOfAuditFlagsNamesTheWayOut holds that each is an error that names what is missing.
func TestAWrongCombinationOfAuditFlagsNamesTheWayOut(t *testing.T) {
	for name, tc := range map[string]struct {
		Audit
		says string
	}{
		"nothing":               {Audit{}, ""},
		"a file":                {Audit{File: "f", KeyFile: "k", Required: true}, ""},
		"receivers alone":       {Audit{Sinks: "s"}, ""},
		"required without file": {Audit{Required: true, Sinks: "s", Spool: "d"}, "needs --audit-log FILE"},
		"a key without file":    {Audit{KeyFile: "k"}, "needs --audit-log FILE"},
		"a spool for nobody":    {Audit{File: "f", Spool: "d"}, "--audit-sinks"},
		"required, no spool":    {Audit{File: "f", Sinks: "s", Required: true}, "needs --audit-spool DIR"},
		"a negative":            {Audit{File: "f", Keep: -1}, "--audit-log-keep"},
		"bounds of no file":     {Audit{Sinks: "s", Flags: []string{"audit-sinks=s", "audit-log-keep=5"}}, "need --audit-log FILE"},
	} {
		if err := tc.check(); (err == nil) != (tc.says == "") || err != nil && !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// auditKey writes a key as PEM.
func auditKey(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestTheKeyOfTheRecordIsOneThatSigns holds that a key of another kind, and what is none, is an error that shows nothing of it.
func TestTheKeyOfTheRecordIsOneThatSigns(t *testing.T) {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if key, err := readAuditKey(auditKey(t, private)); err != nil || !key.Equal(private) {
		t.Errorf("a good key: %v", err)
	}
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	none := filepath.Join(t.TempDir(), "none")
	if err := os.WriteFile(none, []byte("hush"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, says := range map[string]string{auditKey(t, other): "openssl genpkey", none: "openssl genpkey", filepath.Join(t.TempDir(), "missing"): "no such file"} {
		if _, err := readAuditKey(file); err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "--audit-key") || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// runOnce starts a control plane that records, and ends it at once.
func runOnce(t *testing.T, x Audit) (log string, err error) {
	t.Helper()
	var out bytes.Buffer
	a, err := New(Options{
		Dirs: []string{t.TempDir()}, XDS: XDS{Address: "127.0.0.1:0", MaxConnectionAge: time.Hour, TrustDomains: []string{DefaultTrustDomain}}, Admin: Admin{Address: "127.0.0.1:0"},
		Settings: model.DefaultSettings(), Audit: x, Logger: slog.New(slog.NewTextHandler(&out, nil)),
	})
	if err != nil {
		return out.String(), err
	}
	now, cancel := context.WithCancel(t.Context())
	cancel()
	err = a.Run(now)
	return out.String(), err
}

// types are those of the events of a record, which is verified.
func types(t *testing.T, file string) (out []audit.Type) {
	t.Helper()
	report, err := chain.Verify(file, chain.VerifyOptions{})
	if err != nil || report.Fault != nil {
		t.Fatalf("the record is not whole: %v, %v", report.Fault, err)
	}
	for e, err := range chain.Read(file) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, e.Type)
	}
	return out
}

// TestARecordBeginsAndEndsWithTheProcess holds that the first event of a process is its start and the last its end, also where the start
// fails, and that what a process that was killed leaves is told of by the next.
func TestARecordBeginsAndEndsWithTheProcess(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	for range 2 {
		if _, err := runOnce(t, Audit{File: file}); err != nil {
			t.Fatal(err)
		}
	}
	got := types(t, file)
	if len(got) < 4 || got[0] != audit.PlaneStarted || got[len(got)-1] != audit.PlaneStopped {
		t.Errorf("the record has %v", got)
	}
	a := &App{disk: disk.New(disk.Options{})}
	if last := a.lastEvent(file); last != audit.PlaneStopped {
		t.Errorf("the last event is %q", last)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(bytes.TrimSuffix(whole, []byte("\n")), []byte("\n"))
	if err := os.WriteFile(file, bytes.Join(lines[:len(lines)-1], nil), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file + ".head"); err != nil { // it knows better
		t.Fatal(err)
	}
	if _, err := runOnce(t, Audit{File: file}); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(file); err != nil || strings.Count(string(text), `"unstopped":true`) != 1 {
		t.Errorf("it is not told that one has recorded no end: %v\n%s", err, text)
	}
}

// TestARecordThatCannotBeOpenedKeepsNobodyDown holds that the control plane starts all the same and says so, but for a record that another
// process writes.
func TestARecordThatCannotBeOpenedKeepsNobodyDown(t *testing.T) {
	log, err := runOnce(t, Audit{File: filepath.Join(t.TempDir(), "missing", "audit.log")})
	if err != nil || !strings.Contains(log, "nothing is recorded in the file of the record") {
		t.Errorf("%v, log:\n%s", err, log)
	}
	file := filepath.Join(t.TempDir(), "audit.log")
	held, err := chain.Open(chain.Options{File: file})
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if _, err := runOnce(t, Audit{File: file}); err == nil || !strings.Contains(err.Error(), "a file of its own") {
		t.Errorf("a record that another one writes: %v", err)
	}
}

// TestTheLastEventIsFoundInBoundedTime holds that it is looked for at the end of a long record only, and that events about the record
// itself are passed by.
func TestTheLastEventIsFoundInBoundedTime(t *testing.T) {
	line := func(of string) string {
		return fmt.Sprintf(`{"specversion":"1.0","id":"a-1","source":"/portreeve/x","type":"io.portreeve.%s","subject":"type\":\"io.portreeve.plane.stopped"}`+"\n", of)
	}
	file := filepath.Join(t.TempDir(), "audit.log")
	a := &App{disk: disk.New(disk.Options{})}
	for text, want := range map[string]audit.Type{
		line("plane.started") + line("plane.stopped") + line("audit.signed"):               audit.PlaneStopped,
		line("plane.stopped") + line("generation.read"):                                    audit.GenerationRead,
		line("plane.stopped") + strings.Repeat(line("audit.signed"), 2*tail/len(line(""))): "",
		line("plane.stopped") + `{"specversion":"1.0","id"`:                                audit.PlaneStopped,
		"": "",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := a.lastEvent(file); got != want {
			t.Errorf("of %d bytes it is %q, want %q", len(text), got, want)
		}
	}
	if got := a.lastEvent(t.TempDir()); got != "" {
		t.Errorf("of a directory it is %q", got)
	}
}

// TestTheLastLinesAreThoseThatAreWhole holds that of the end of a record those lines count that have the hash that they say to have.
func TestTheLastLinesAreThoseThatAreWhole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	if _, err := runOnce(t, Audit{File: file}); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	a, count := &App{disk: disk.New(disk.Options{})}, len(types(t, file))
	got := a.lastLines(file)
	if len(got) != count || got[0].Event.Type != audit.PlaneStarted || got[0].Seq != 1 || got[count-1].Seq != uint64(count) || !bytes.HasPrefix(whole, got[0].Bytes) {
		t.Fatalf("of %d lines there are %d: %+v", count, len(got), got)
	}
	if err := os.WriteFile(file, append(bytes.Replace(whole, []byte("plane.started"), []byte("plane.starter"), 1), whole[:100]...), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := a.lastLines(file); len(got) != count-1 || got[0].Seq != 2 {
		t.Errorf("with one that was changed and half a one there are %d", len(got))
	}
}
