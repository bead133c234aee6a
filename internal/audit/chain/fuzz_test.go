package chain_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/portreeve/portreeve/internal/audit/chain"
)

// head is the line that a head names, where it can be read.
func head(t *testing.T, path string) uint64 {
	t.Helper()
	text, err := os.ReadFile(path + ".head")
	var h chain.Head
	if err != nil || json.Unmarshal(text, &h) != nil || h.Seq > 1<<50 || len(text) > 4096 {
		return 0
	}
	return h.Seq
}

// FuzzVerify puts anything in place of a file of a record: it is found, whatever it is, and the record can go on.
func FuzzVerify(f *testing.F) {
	o := chain.Options{File: filepath.Join(f.TempDir(), "audit.log"), Key: key(1)}
	record(f, o, 5)
	record(f, o, 5)
	whole := keep(f, filepath.Dir(o.File))
	for name, text := range whole {
		f.Add(text, name == "audit.log")
		f.Add(text[:len(text)/2], name == "audit.log")
	}
	options := chain.VerifyOptions{PublicKeys: []ed25519.PublicKey{public(o.Key)}}
	f.Fuzz(func(t *testing.T, text []byte, isRecord bool) {
		name := "audit.log.head"
		if isRecord {
			name = "audit.log"
		}
		changed := maps.Clone(whole)
		changed[name] = text
		path := changed.put(t, t.TempDir())
		report, err := chain.VerifyAtOnce(path, options)
		if isRecord && err == nil && report.Fault == nil && !bytes.Equal(text, whole[name]) {
			t.Errorf("what is not the record is taken for it: %+v", report)
		}
		for range chain.Read(path) {
		}
		end, err := chain.End(path)
		if err != nil || end < head(t, path) {
			t.Errorf("it goes on behind line %d (%v)", end, err)
		}
	})
}
