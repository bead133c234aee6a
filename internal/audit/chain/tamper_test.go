package chain_test

import (
	"bytes"
	"compress/gzip"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/chain"
)

// record of a test, on disk: what each file holds, by its path. Compressed ones are held as they read.
type kept map[string][]byte

func keep(t testing.TB, dir string) kept {
	t.Helper()
	out := kept{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".lock") {
			continue
		}
		text, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[e.Name()] = text
	}
	return out
}

// put writes files into an empty directory, and returns the record's.
func (k kept) put(t testing.TB, dir string) string {
	t.Helper()
	old, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range old {
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range k {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "audit.log")
}

// lines are the names of the files that hold lines, in order.
func (k kept) lines() []string {
	names := slices.Sorted(maps.Keys(k))
	names = slices.DeleteFunc(names, func(n string) bool { return strings.HasSuffix(n, ".head") })
	slices.SortFunc(names, func(a, b string) int { return int(first(a)) - int(first(b)) })
	return names
}

// first is the first line of a file, by its name; of the one that is written the last there may be.
func first(name string) uint32 {
	var from, to uint32
	i := strings.LastIndex(name, "-")
	if i < 0 {
		return 1 << 30
	}
	if n, _ := fmt.Sscanf(name[i:], "-%d_%d", &from, &to); n != 2 {
		return 1 << 30
	}
	return from
}

func unzip(t *testing.T, text []byte) []byte {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(zip)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func zip(t *testing.T, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// changed is a record with the lines of one file made others.
func (k kept) changed(t *testing.T, name string, change func([][]byte) [][]byte) kept {
	t.Helper()
	text := k[name]
	if strings.HasSuffix(name, ".gz") {
		text = unzip(t, text)
	}
	text = bytes.Join(change(bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))), nil)
	if strings.HasSuffix(name, ".gz") {
		text = zip(t, text)
	}
	out := maps.Clone(k)
	out[name] = text
	return out
}

// found fails where nothing is found in a record that is not as it was written.
func found(t *testing.T, what string, file string, o chain.VerifyOptions) *chain.Fault {
	t.Helper()
	report, err := chain.Verify(file, o)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	if report.Fault == nil {
		t.Fatalf("%s: nothing is found, in %d files and %d lines", what, report.Files, report.Lines)
	}
	return report.Fault
}

// signedRecord writes a record of several files, compressed ones among them, and returns what it holds.
func signedRecord(t *testing.T) (kept, chain.VerifyOptions) {
	t.Helper()
	o := chain.Options{File: file(t), MaxSize: 15_000, Key: key(1), SignLines: 20}
	for range 4 {
		record(t, o, 40)
	}
	compress(t, o)
	options := chain.VerifyOptions{PublicKeys: []ed25519.PublicKey{public(o.Key)}}
	verified(t, o.File, options)
	return keep(t, filepath.Dir(o.File)), options
}

// compress waits until all rotated files of a record are compressed.
func compress(t *testing.T, o chain.Options) {
	t.Helper()
	c, err := chain.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	until(t, "all is compressed", func() bool {
		plain, err := filepath.Glob(filepath.Join(filepath.Dir(o.File), "audit-*.log"))
		return err == nil && len(plain) == 0
	})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

// until waits until something is so.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick, deadline := time.NewTicker(5*time.Millisecond), time.After(20*time.Second)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

func TestAnyChangedByteIsFound(t *testing.T) {
	whole, options := signedRecord(t)
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	want := read(t, whole.put(t, dir))
	for _, name := range append(whole.lines(), "audit.log.head") {
		for range 40 {
			text := bytes.Clone(whole[name])
			at := random.IntN(len(text))
			text[at] ^= byte(1 + random.IntN(255))
			changed := maps.Clone(whole)
			changed[name] = text
			path := changed.put(t, dir)
			report, err := chain.Verify(path, options)
			if err != nil {
				t.Fatal(err)
			}
			// The last byte of what is compressed has bits that say nothing: then what is read is the same.
			if report.Fault == nil && !(strings.HasSuffix(name, ".gz") && slices.Equal(read(t, path), want)) && !sameHead(t, text, whole[name]) {
				t.Fatalf("byte %d of %s, %q, can be changed to %q", at, name, whole[name][at], text[at])
			}
			if report.Fault != nil && filepath.Base(report.Fault.File) != name {
				t.Errorf("byte %d of %s is changed, and found at %s", at, name, report.Fault)
			}
		}
	}
}

// sameHead reports whether two heads say the same: JSON has names that may be written large or small.
func sameHead(t *testing.T, a, b []byte) bool {
	t.Helper()
	var one, other chain.Head
	return json.Unmarshal(a, &one) == nil && json.Unmarshal(b, &other) == nil && one == other
}

// read returns the lines of a record.
func read(t *testing.T, file string) []string {
	t.Helper()
	var out []string
	for e, err := range chain.Read(file) {
		if err != nil {
			return append(out, err.Error())
		}
		out = append(out, string(e.Bytes))
	}
	return out
}

func TestAnyRemovedAddedOrMovedLineIsFound(t *testing.T) {
	whole, options := signedRecord(t)
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(3, 4))
	for _, name := range whole.lines() {
		for kind, change := range map[string]func([][]byte, int) [][]byte{
			"removed":    func(l [][]byte, i int) [][]byte { return slices.Delete(l, i, i+1) },
			"twice":      func(l [][]byte, i int) [][]byte { return slices.Insert(l, i, l[i]) },
			"moved":      func(l [][]byte, i int) [][]byte { l[i], l[(i+1)%len(l)] = l[(i+1)%len(l)], l[i]; return l },
			"an old one": func(l [][]byte, i int) [][]byte { l[i] = l[(i+3)%len(l)]; return l },
			"empty":      func(l [][]byte, i int) [][]byte { return slices.Insert(l, i, []byte("\n")) },
			"garbage":    func(l [][]byte, i int) [][]byte { return slices.Insert(l, i, []byte(`{"specversion":"1.0"}`+"\n")) },
			"too long": func(l [][]byte, i int) [][]byte {
				return slices.Insert(l, i, append(bytes.Repeat([]byte("x"), 2<<20), '\n'))
			},
		} {
			for range 4 {
				var at int
				changed := whole.changed(t, name, func(l [][]byte) [][]byte {
					at = random.IntN(len(l))
					l[len(l)-1] = append(l[len(l)-1], '\n')
					return change(l, at)
				})
				f := found(t, fmt.Sprintf("%s, line %d of %s", kind, at+1, name), changed.put(t, dir), options)
				if f.Reason == "" || f.File == "" {
					t.Errorf("%s: %s", kind, f)
				}
			}
		}
	}
}

// TestALineThatWasWrittenAnewIsFound: its own hash is right, so the line after it tells, or the head.
func TestALineThatWasWrittenAnewIsFound(t *testing.T) {
	whole, _ := signedRecord(t)
	dir := t.TempDir()
	for _, name := range whole.lines() {
		for at := range 3 {
			changed := whole.changed(t, name, func(l [][]byte) [][]byte {
				at = min(at, len(l)-1)
				if at == 2 {
					at = len(l) - 1
				}
				line := bytes.Replace(bytes.TrimSpace(l[at]), []byte(`"source":"/portreeve/test"`), []byte(`"source":"/portreeve/evil"`), 1)
				_, is, ok := audit.Hashed(line)
				if !ok {
					t.Fatal("it is no line")
				}
				l[at] = append(append(line[:len(line)-66:len(line)-66], is...), "\"}\n"...)
				return l
			})
			path := changed.put(t, dir)
			if got := read(t, path); !strings.Contains(strings.Join(got, ""), "evil") {
				t.Fatalf("the line is not read: %v", got[len(got)-1])
			}
			f := found(t, fmt.Sprintf("line %d of %s", at+1, name), path, chain.VerifyOptions{})
			if !strings.Contains(f.Reason, "follow") && !strings.Contains(f.Reason, "head") && !strings.Contains(f.Reason, "signs") {
				t.Errorf("fault %s", f)
			}
		}
	}
}

// TestWhatIsAddedBehindACompressedFileIsFound holds also where there is nothing in it.
func TestWhatIsAddedBehindACompressedFileIsFound(t *testing.T) {
	whole, options := signedRecord(t)
	for _, name := range whole.lines() {
		if !strings.HasSuffix(name, ".gz") {
			continue
		}
		for what, more := range map[string][]byte{"an empty file": zip(t, nil), "a byte": {0}} {
			changed := maps.Clone(whole)
			changed[name] = slices.Concat(whole[name], more)
			found(t, what, changed.put(t, t.TempDir()), options)
		}
	}
}

func TestAnyDroppedOrRenamedFileIsFound(t *testing.T) {
	whole, options := signedRecord(t)
	dir := t.TempDir()
	for _, name := range append(whole.lines(), "audit.log.head") {
		dropped := maps.Clone(whole)
		delete(dropped, name)
		found(t, name+" dropped", dropped.put(t, dir), options)

		for _, to := range []string{"other.log", strings.Replace(name, "_", "_1", 1), strings.Replace(name, "-20", "-30", 1) + ".bak"} {
			renamed := maps.Clone(dropped)
			if to != name {
				renamed[to] = whole[name]
				found(t, name+" renamed to "+to, renamed.put(t, dir), options)
			}
		}
	}
}

func TestAnEndThatIsCutOffIsFound(t *testing.T) {
	whole, options := signedRecord(t)
	dir := t.TempDir()
	for cut := 1; cut < len(whole["audit.log"]); cut += 997 {
		shorter := maps.Clone(whole)
		shorter["audit.log"] = whole["audit.log"][:len(whole["audit.log"])-cut]
		found(t, fmt.Sprintf("%d bytes", cut), shorter.put(t, dir), options)
	}
}

func TestARecordThatWasMadeAnewIsFound(t *testing.T) {
	whole, options := signedRecord(t)
	forged := chain.Options{File: file(t), MaxSize: 15_000, Key: key(2)}
	record(t, forged, 200)
	other := keep(t, filepath.Dir(forged.File))
	dir := t.TempDir()
	if f := found(t, "another key", other.put(t, dir), options); !strings.Contains(f.Reason, "another key") {
		t.Errorf("fault %s", f)
	}
	other["audit.log.head"] = whole["audit.log.head"]
	found(t, "with the old head", other.put(t, dir), options)

	unsigned := chain.Options{File: file(t)}
	record(t, unsigned, 10)
	if f := found(t, "no signature", unsigned.File, options); !strings.Contains(f.Reason, "not signed") {
		t.Errorf("fault %s", f)
	}
}

func TestAHeadThatIsKeptElsewhereCounts(t *testing.T) {
	o := chain.Options{File: file(t)}
	record(t, o, 10)
	record(t, o, 10)
	elsewhere := filepath.Join(t.TempDir(), "head")
	if err := os.Rename(o.File+".head", elsewhere); err != nil {
		t.Fatal(err)
	}
	report := verified(t, o.File, chain.VerifyOptions{Head: elsewhere})
	if report.Head != 20 {
		t.Errorf("report %+v", report)
	}
	found(t, "no head", o.File, chain.VerifyOptions{})
}

func TestWhatWasDroppedBeforeAStartIsFoundAfterIt(t *testing.T) {
	for name, drop := range map[string]func(kept){
		"the file that is written": func(k kept) { delete(k, "audit.log") },
		"its last lines": func(k kept) {
			k["audit.log"] = k["audit.log"][:bytes.LastIndexByte(k["audit.log"][:len(k["audit.log"])-1], '\n')+1]
		},
		"a byte of its last line": func(k kept) {
			text := bytes.Clone(k["audit.log"])
			text[len(text)-200] ^= 1
			k["audit.log"] = text
		},
		"the head":                     func(k kept) { delete(k, "audit.log.head") },
		"the head, for another one":    func(k kept) { k["audit.log.head"] = []byte(`{"seq":1}`) },
		"the head, for one of garbage": func(k kept) { k["audit.log.head"] = []byte("garbage") },
		"everything but the head": func(k kept) {
			maps.DeleteFunc(k, func(n string, _ []byte) bool { return n != "audit.log.head" })
		},
		"the first file": func(k kept) { delete(k, k.lines()[0]) },
		"the last that was rotated": func(k kept) {
			lines := k.lines()
			delete(k, lines[len(lines)-2])
		},
		"all lines": func(k kept) { k["audit.log"] = nil },
		"garbage for them": func(k kept) {
			k["audit.log"] = []byte("garbage\ngarbage\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			whole, options := signedRecord(t)
			changed := maps.Clone(whole)
			drop(changed)
			path := changed.put(t, t.TempDir())
			record(t, chain.Options{File: path, MaxSize: 15_000, Key: key(1)}, 100)
			found(t, name, path, options)
		})
	}
}

func TestAnotherKeyGoesOnWithARecord(t *testing.T) {
	o := chain.Options{File: file(t), Key: key(1)}
	record(t, o, 10)
	o.Key = key(2)
	record(t, o, 10)
	both := chain.VerifyOptions{PublicKeys: []ed25519.PublicKey{public(key(1)), public(key(2))}}
	if report := verified(t, o.File, both); report.Signatures < 2 {
		t.Errorf("report %+v", report)
	}
	found(t, "one key of two", o.File, chain.VerifyOptions{PublicKeys: both.PublicKeys[1:]})
}

func TestARecordThatWasNotSignedIsNotBelievedLater(t *testing.T) {
	o := chain.Options{File: file(t)}
	record(t, o, 10)
	o.Key = key(1)
	record(t, o, 10)
	verified(t, o.File, chain.VerifyOptions{})
	if f := found(t, "a key that came later", o.File, chain.VerifyOptions{PublicKeys: []ed25519.PublicKey{public(o.Key)}}); !strings.Contains(f.Reason, "could not be trusted") {
		t.Errorf("fault %s", f)
	}
}

func TestAnOldBeginningMayGoWhereTheRecordSaysSo(t *testing.T) {
	o := chain.Options{File: file(t), MaxSize: 10_000, KeepFiles: 3, Key: key(1)}
	c, r := begin(t, o)
	for i := range 300 {
		require(t, r, event(i))
	}
	until(t, "old files are gone", func() bool {
		require(t, r, event(0))
		rest, err := filepath.Glob(filepath.Join(filepath.Dir(o.File), "audit-*"))
		return err == nil && len(rest) <= 4
	})
	end(t, c, r)
	options := chain.VerifyOptions{PublicKeys: []ed25519.PublicKey{public(o.Key)}}
	report := verified(t, o.File, options)
	if report.Pruned == 0 || report.First != report.Pruned+1 {
		t.Errorf("report %+v", report)
	}
	whole := keep(t, filepath.Dir(o.File))
	delete(whole, whole.lines()[0])
	if f := found(t, "one more", whole.put(t, t.TempDir()), options); !strings.Contains(f.Reason, "begins with line") {
		t.Errorf("fault %s", f)
	}
}

func TestOldFilesGoByTheirAge(t *testing.T) {
	var ahead time.Duration
	now := func() time.Time { return time.Now().Add(ahead) }
	o := chain.Options{File: file(t), MaxSize: 10_000, KeepFor: 30 * 24 * time.Hour, RotateEvery: 1000 * time.Hour, Now: now}
	record(t, o, 100)
	compress(t, o)
	rotated := func() int {
		rest, err := filepath.Glob(filepath.Join(filepath.Dir(o.File), "audit-*.gz"))
		if err != nil {
			t.Fatal(err)
		}
		return len(rest)
	}
	ahead = 29 * 24 * time.Hour
	record(t, o, 1)
	if rotated() == 0 {
		t.Fatal("after 29 days there are no old files")
	}
	ahead = 31 * 24 * time.Hour
	c, r := begin(t, o)
	until(t, "old files are gone", func() bool {
		require(t, r, audit.Event{Type: audit.KeysFetched})
		return rotated() == 0
	})
	end(t, c, r)
	verified(t, o.File, chain.VerifyOptions{})
}
