//go:build unix

package chain_test

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/portreeve/portreeve/internal/audit/chain"
)

// BenchmarkRecord records events into a file that is signed, rotated and compressed, as fast as they are kept.
func BenchmarkRecord(b *testing.B) {
	c, r := begin(b, chain.Options{File: file(b), MaxSize: 10 << 20, Key: key(1)})
	e := event(1)
	b.ReportAllocs()
	before := cpu(b)
	for i := 0; b.Loop(); i++ {
		if i%4096 != 4095 {
			r.Record(e)
			continue
		}
		e.Subject = fmt.Sprint(i)
		require(b, r, e)
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N), "cpu-ns/op")
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
}

// cpu is the time that this process has had of a processor. Others on the machine do not change it.
func cpu(b *testing.B) int64 {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkVerify reads a record of 20,000 lines.
func BenchmarkVerify(b *testing.B) {
	o := chain.Options{File: file(b), Key: key(1)}
	const lines = 20_000
	record(b, o, lines)
	b.ReportAllocs()
	for b.Loop() {
		verified(b, o.File, chain.VerifyOptions{})
	}
	b.ReportMetric(float64(b.N)*lines/b.Elapsed().Seconds(), "lines/s")
}
