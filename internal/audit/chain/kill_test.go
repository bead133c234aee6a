//go:build unix

package chain_test

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/chain"
)

// recordInto names the file into which this program, as a child of the tests, records until it is killed.
const recordInto = "PORTREEVE_TEST_RECORD_INTO"

func TestMain(m *testing.M) {
	if path := os.Getenv(recordInto); path != "" {
		fmt.Fprintln(os.Stderr, recordUntilKilled(path))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// killed are the options of a record that is rotated, compressed and pruned all the time.
func killed(path string) chain.Options {
	return chain.Options{File: path, MaxSize: 30_000, KeepFiles: 10, Key: key(1), SignLines: 40}
}

// recordUntilKilled records at full speed, and says now and then up to which line the record is kept.
func recordUntilKilled(path string) error {
	c, err := chain.Open(killed(path))
	if err != nil {
		return err
	}
	r, err := audit.New(audit.Options{Chain: c, Required: true})
	if err != nil {
		return err
	}
	for i := 0; ; i++ {
		for j := range i % 20 {
			r.Record(event(j))
		}
		e := event(i)
		e.Subject = strconv.Itoa(i)
		if err := r.Require(context.Background(), e); err != nil {
			return err
		}
		fmt.Println(i)
	}
}

// recordAndKill records in a child, and kills it when it has said so many times that something is kept. It returns the last
// that it has said.
func recordAndKill(t *testing.T, path string, after int) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0]) // CommandContext kills it with SIGKILL
	child.Env = append(os.Environ(), recordInto+"="+path)
	var said strings.Builder
	child.Stderr = &said
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	last := ""
	for n := 0; n <= after && lines.Scan(); n++ {
		last = lines.Text()
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() { // what it has said meanwhile
		last = lines.Text()
	}
	_ = child.Wait() // it says that it was killed
	if last == "" || said.Len() > 0 {
		t.Fatalf("the child has kept nothing: %s", &said)
	}
	return last
}

// TestAKillAtAnyPointLosesAtMostTheLineThatIsWritten kills a process that records at full speed, again and again, in one record.
func TestAKillAtAnyPointLosesAtMostTheLineThatIsWritten(t *testing.T) {
	path := file(t)
	options := chain.VerifyOptions{PublicKeys: []ed25519.PublicKey{public(key(1))}}
	random := rand.New(rand.NewPCG(5, 6))
	points := 50
	if testing.Short() {
		points = 5
	}
	var before uint64
	for point := range points {
		kept := recordAndKill(t, path, random.IntN(40))
		report, err := chain.Verify(path, options)
		if err != nil {
			t.Fatal(err)
		}
		if f := report.Fault; f != nil && (f.File != path || !strings.Contains(f.Reason, "cut short")) {
			t.Fatalf("kill %d: %s", point, f)
		}
		if report.Last <= before {
			t.Fatalf("kill %d: the record ends with line %d, and ended with line %d before", point, report.Last, before)
		}
		before = report.Last
		if !lastOf(t, path, kept) {
			t.Fatalf("kill %d: event %s was kept, and is not in the record", point, kept)
		}
	}
	record(t, killed(path), 1)
	verified(t, path, options)
}

// lastOf reports whether a record holds an event of its last process.
func lastOf(t *testing.T, path, subject string) bool {
	t.Helper()
	found := false
	for e, err := range chain.Read(path) {
		if err != nil {
			t.Fatal(err)
		}
		found = found || e.Subject == subject
		if e.Subject == "0" {
			found = subject == "0"
		}
	}
	return found
}
