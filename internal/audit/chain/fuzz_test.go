package chain_test

import (
	"bytes"
	"crypto/ed25519"
	"maps"
	"path/filepath"
	"testing"

	"github.com/portreeve/portreeve/internal/audit/chain"
)

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
		report, err := chain.Verify(path, options)
		if isRecord && err == nil && report.Fault == nil && !bytes.Equal(text, whole[name]) {
			t.Errorf("what is not the record is taken for it: %+v", report)
		}
		for range chain.Read(path) {
		}
		record(t, chain.Options{File: path, Key: o.Key}, 1)
	})
}
