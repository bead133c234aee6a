package chain_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/chain"
)

func TestHalfALineIsCutOffAndTold(t *testing.T) {
	o := chain.Options{File: file(t)}
	record(t, o, 10)
	const half = `{"specversion":"1.0","id":"x`
	add(t, o.File, half)
	if f := found(t, "half a line", o.File, chain.VerifyOptions{}); !strings.Contains(f.Reason, "cut short") || f.Line != 11 {
		t.Errorf("fault %s", f)
	}
	record(t, o, 10)
	verified(t, o.File, chain.VerifyOptions{})
	told := 0
	for _, e := range all(t, o.File) {
		if e.Type != audit.ChainRecovered {
			continue
		}
		told++
		var d chain.Recovered
		if err := json.Unmarshal(e.Details, &d); err != nil || d != (chain.Recovered{Cut: int64(len(half))}) || e.Seq != 11 {
			t.Errorf("line %d: details %+v (%v)", e.Seq, d, err)
		}
	}
	if told != 1 {
		t.Errorf("it is told %d times", told)
	}
}

// TestARecordThatIsNotSoundStaysSo: whoever cuts it, takes its head away and ends the next control plane early gains nothing.
func TestARecordThatIsNotSoundStaysSo(t *testing.T) {
	o := chain.Options{File: file(t), Key: key(1)}
	record(t, o, 10)
	if err := os.Remove(o.File + ".head"); err != nil {
		t.Fatal(err)
	}
	c, err := chain.Open(o) // and it says nothing
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	record(t, o, 10)
	found(t, "no head at a start", o.File, chain.VerifyOptions{})
}

func add(t *testing.T, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestACrashInTheMidstOfCompressingLosesNothing: the original is there until what it was compressed to is whole.
func TestACrashInTheMidstOfCompressingLosesNothing(t *testing.T) {
	for name, leave := range map[string]func(k kept, plain string, text []byte){
		"not begun":           func(k kept, plain string, text []byte) { k[plain] = text },
		"half of it":          func(k kept, plain string, text []byte) { k[plain], k[plain+".gz.tmp"] = text, k[plain+".gz"][:100] },
		"a broken one":        func(k kept, plain string, text []byte) { k[plain], k[plain+".gz"] = text, k[plain+".gz"][:100] },
		"an empty one":        func(k kept, plain string, text []byte) { k[plain], k[plain+".gz"] = text, nil },
		"both whole":          func(k kept, plain string, text []byte) { k[plain] = text },
		"half beside a whole": func(k kept, plain string, _ []byte) { k[plain+".gz.tmp"] = k[plain+".gz"][:100] },
	} {
		t.Run(name, func(t *testing.T) {
			whole, options := signedRecord(t)
			plain := strings.TrimSuffix(whole.lines()[1], ".gz")
			leave(whole, plain, unzip(t, whole[plain+".gz"]))
			if name == "not begun" {
				delete(whole, plain+".gz")
			}
			path := whole.put(t, t.TempDir())
			verified(t, path, options)
			o := chain.Options{File: path, MaxSize: 15_000, Key: key(1)}
			record(t, o, 10)
			compress(t, o)
			verified(t, path, options)
			rest, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*.tmp"))
			if err != nil || len(rest) > 0 {
				t.Errorf("left over: %v (%v)", rest, err)
			}
		})
	}
}

func TestACrashBetweenRotatingAndBeginningAnewLosesNothing(t *testing.T) {
	whole, options := signedRecord(t)
	lines := bytes.Count(whole["audit.log"], []byte("\n"))
	entries := all(t, whole.put(t, t.TempDir()))
	last := entries[len(entries)-1].Seq
	moved := kept{}
	for name, text := range whole {
		if name == "audit.log" {
			name = strings.Join([]string{"audit-2026-01-01T00-00-00.000-", number(last - uint64(lines) + 1), "_", number(last), ".log"}, "")
		}
		moved[name] = text
	}
	path := moved.put(t, t.TempDir())
	verified(t, path, options)
	record(t, chain.Options{File: path, Key: key(1)}, 10)
	if report := verified(t, path, options); report.Last < last+10 {
		t.Errorf("report %+v", report)
	}
}

func number(n uint64) string { text, _ := json.Marshal(n); return string(text) }

func TestAPipeOrADirectoryIsNoRecord(t *testing.T) {
	dir := t.TempDir()
	for name, path := range map[string]string{"a directory": dir, "no directory": filepath.Join(dir, "none", "audit.log"), "no name": filepath.Join(dir, ".log")} {
		if _, err := chain.Open(chain.Options{File: path}); err == nil {
			t.Errorf("%s is opened", name)
		}
		if report, err := chain.Verify(path, chain.VerifyOptions{}); err == nil && report.Fault == nil {
			t.Errorf("%s is verified", name)
		}
	}
}

func TestNoRecordIsNoCleanRecord(t *testing.T) {
	report, err := chain.Verify(file(t), chain.VerifyOptions{})
	if err == nil && report.Fault == nil {
		t.Errorf("report %+v", report)
	}
}

// TestARecordIsSignedFromItsFirstLines holds, so that one whose first process is killed soon is not taken for one that somebody
// made without the key.
func TestARecordIsSignedFromItsFirstLines(t *testing.T) {
	o := chain.Options{File: file(t), Key: key(1)}
	c, r := begin(t, o)
	require(t, r, event(0))
	killed := keep(t, filepath.Dir(o.File)).put(t, t.TempDir()) // as a kill leaves it
	verified(t, killed, chain.VerifyOptions{PublicKeys: []ed25519.PublicKey{public(o.Key)}})
	end(t, c, r)
}

// TestAFileThatIsRotatedWhileItIsReadIsReadAnew holds also where what it was rotated to is compressed already: its lines would be read
// twice, and a record that is sound be called broken.
func TestAFileThatIsRotatedWhileItIsReadIsReadAnew(t *testing.T) {
	o := chain.Options{File: file(t), MaxSize: 5_000}
	record(t, o, 2)
	current, err := os.Open(o.File)
	if err != nil {
		t.Fatal(err)
	}
	defer current.Close()
	if err := chain.Beside(o.File, current); err != nil {
		t.Errorf("before: %v", err)
	}
	record(t, o, 50)
	record(t, o, 1) // it compresses what the one before has not
	if err := chain.Beside(o.File, current); !errors.Is(err, chain.ErrChanged) {
		t.Errorf("after it was rotated: %v, want ErrChanged", err)
	}
}
