package chain_test

import (
	"fmt"
	"testing"

	"github.com/portreeve/portreeve/internal/audit/chain"
)

// BenchmarkRecord records events into a file that is signed, rotated and compressed, as fast as they are kept.
func BenchmarkRecord(b *testing.B) {
	c, r := begin(b, chain.Options{File: file(b), MaxSize: 10 << 20, Key: key(1)})
	e := event(1)
	b.ReportAllocs()
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
	if err := c.Close(); err != nil {
		b.Fatal(err)
	}
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
