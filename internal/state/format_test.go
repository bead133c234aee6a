package state

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func day(n int) time.Time { return time.Date(2026, 11, n, 10, 0, 0, 0, time.UTC) }

// sample has everything that a state can hold.
func sample() Content {
	a, b := File{"p/a.yaml", []byte("kind: A\n")}, File{"p/b.yaml", []byte("kind: B\n")}
	return Content{
		At: day(21),
		Generations: []Generation{
			{Hash: "new", At: day(20), Files: []File{a, b, {"p/empty.yaml", []byte{}}}, Served: []string{"f1"}, Lost: []string{"q"}},
			{Hash: "old", At: day(19), Files: []File{a}},
		},
		Groups: []Group{
			{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}, Locality: "r/z", Serving: "old", Standing: Listening, Connected: 90 * time.Second, Seen: day(21)},
			{Namespace: "edge", Labels: map[string]string{}, Standing: Idle, Seen: day(20)},
			{Namespace: "made-up", Labels: map[string]string{"x": "y"}, Seen: day(18)},
		},
	}
}

func encoded(t *testing.T, c Content) []byte {
	t.Helper()
	body, leftOut, err := encode(c, 1<<20)
	must(t, err)
	if leftOut > 0 {
		t.Fatalf("%d generations are left out", leftOut)
	}
	return enclosed(body)
}

// TestTheFormatStays holds that the names on disk stay as they are: what this program writes is,
// byte for byte, the file that is kept here, and that file is read.
func TestTheFormatStays(t *testing.T) {
	path := filepath.Join("testdata", "format3.json")
	want, err := os.ReadFile(path)
	must(t, err)
	if got := encoded(t, sample()); !bytes.Equal(got, want) {
		t.Errorf("the format is another now; a file of it needs a number of its own:\n%s", got)
	}
	got, err := decode(want)
	must(t, err)
	if diff := cmp.Diff(sample(), got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

// TestFlagsAreKept holds that all of them come back, under names that stay.
func TestFlagsAreKept(t *testing.T) {
	want := sample()
	want.Generations[0].Flags = &Flags{RootNamespace: "corp", MeshFile: "mesh.yaml", GatewaysFile: "gateways.yaml", SecretsDirs: []string{"s"}, Ignored: []string{"EnvoyFilter"}, RequireTests: true}
	text := encoded(t, want)
	got, err := decode(text)
	must(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	if named := `"flags":{"rootNamespace":"corp","meshConfig":"mesh.yaml","gateways":"gateways.yaml","secretsDirs":["s"],"ignored":["EnvoyFilter"],"requireTests":true}`; !bytes.Contains(text, []byte(named)) {
		t.Errorf("kept:\n%s\nwant %s", text, named)
	}
}

// TestTheFormatWithoutAJournalIsRead holds that an upgrade loses no last good generation.
func TestTheFormatWithoutAJournalIsRead(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "format2.json"))
	must(t, err)
	got, err := decode(text)
	must(t, err)
	if diff := cmp.Diff(sample(), got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}

// TestTheFormatBeforeIsRead holds that an upgrade loses no last good generation.
func TestTheFormatBeforeIsRead(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("testdata", "format1.json"))
	must(t, err)
	got, err := decode(text)
	must(t, err)
	a, b := File{"p/a.yaml", []byte("kind: A\n")}, File{"p/b.yaml", []byte("kind: B\n")}
	want := Content{
		Generations: []Generation{{At: day(20), Files: []File{a, b}, Served: []string{"f1"}}, {At: day(19), Files: []File{a}}},
		Groups: []Group{
			{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}, Locality: "r/z", Unsaid: true, Standing: Listening},
			{Namespace: "edge", Labels: map[string]string{}, Unsaid: true, Standing: Listening},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
	if &got.Generations[0].Files[0].Content[0] != &got.Generations[1].Files[0].Content[0] {
		t.Error("what two generations share is in memory twice")
	}
	for name, text := range map[string]string{"nothing kept": `{"generations":null,"gateways":null}`, "an end of line": `{"generations":[],"gateways":[]}` + "\n"} {
		if _, err := decode([]byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// broken returns files that are no state, by what is wrong with them.
func broken(t *testing.T) map[string][]byte {
	t.Helper()
	whole := encoded(t, sample())
	old, err := os.ReadFile(filepath.Join("testdata", "format1.json"))
	must(t, err)
	replaced := func(text []byte, old, with string) []byte {
		t.Helper()
		if !bytes.Contains(text, []byte(old)) {
			t.Fatalf("no %s in %s", old, text)
		}
		return bytes.Replace(text, []byte(old), []byte(with), 1)
	}
	// signed has a checksum that is right, so that what is wrong is the state.
	signed := func(old, with string) []byte {
		body := whole[bytes.Index(whole, []byte(`"state":`))+len(`"state":`) : len(whole)-2]
		return enclosed(replaced(body, old, with))
	}
	return map[string][]byte{
		"empty": {}, "cut": whole[:len(whole)/2], "cut at the end": whole[:len(whole)-2], "garbage": []byte("\x7fELF\x02\x01"), "a list": []byte("[]"), "null": []byte("null"),
		"an empty object": []byte("{}"), "NULs behind it": append(slices.Clone(whole), make([]byte, 512)...), "NULs in place of it": make([]byte, 4096),
		"two of them": append(slices.Clone(whole), whole...), "another checksum": replaced(whole, `"checksum":"sha256:`, `"checksum":"sha256:0`), "a flipped byte": replaced(whole, "istio-system", "istio-sysTem"),
		"no checksum": replaced(whole, `"checksum"`, `"sum"`), "a field more": replaced(whole, `{"version"`, `{"more":1,"version"`),
		"a renamed field": signed(`"serving"`, `"served"`), "a renamed list": signed(`"groups"`, `"gateways"`), "a standing that is not known": signed(`"idle"`, `"resting"`),
		"a content that is missing": signed(`"contents":{`, `"contents":{},"contents2":{`), "another content": signed(keyOf([]byte("kind: B\n")), keyOf([]byte("kind: C\n"))),
		"a newer format": replaced(whole, `"version":3`, `"version":4`), "a format that never was": replaced(whole, `"version":3`, `"version":0`), "a version in words": replaced(whole, `"version":3`, `"version":"two"`),
		"the old format, cut": old[:len(old)-20], "the old format, a renamed list": replaced(old, `"gateways"`, `"groups"`), "the old format, a renamed field": replaced(old, `"Content"`, `"Text"`),
		"the old format, a renamed field of a group": replaced(old, `"Namespace"`, `"Space"`), "the old format, NULs behind it": append(slices.Clone(old), 0, 0),
	}
}

func TestWhatIsNotWholeIsNotRead(t *testing.T) {
	for name, text := range broken(t) {
		if got, err := decode(text); err == nil || len(got.Generations)+len(got.Groups) > 0 {
			t.Errorf("%s: read as %+v, %v", name, got, err)
		}
	}
	if _, err := decode([]byte(`{"version":7}`)); err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("a newer format: %v, want it said", err)
	}
}

// TestEqualFilesAreStoredOnce holds that a large file which does not change costs its size
// once, however many generations have it.
func TestEqualFilesAreStoredOnce(t *testing.T) {
	large := File{"large.yaml", bytes.Repeat([]byte("x"), 1<<16)}
	var c Content
	for i := range 20 {
		c.Generations = append(c.Generations, Generation{Hash: fmt.Sprint(i), Files: []File{large, {"small.yaml", fmt.Append(nil, i)}}})
	}
	if n := len(encoded(t, c)); n > 1<<17 {
		t.Errorf("20 generations that share a file of 64 KiB take %d bytes", n)
	}
}

// TestTheNewestHaveRoom holds what is left out where not all generations have room, which never
// makes a file that is too large to be read again.
func TestTheNewestHaveRoom(t *testing.T) {
	var c Content
	for i := range 5 {
		c.Generations = append(c.Generations, Generation{Hash: fmt.Sprint(i), Files: []File{{"a.yaml", bytes.Repeat(fmt.Append(nil, i), 1000)}}})
	}
	body, leftOut, err := encode(c, 3500)
	must(t, err)
	text := enclosed(body)
	if leftOut != 2 || len(text) > 2*3500+overhead {
		t.Errorf("%d left out of 5, %d bytes; want 2", leftOut, len(text))
	}
	got, err := decode(text)
	must(t, err)
	if len(got.Generations) != 3 || got.Generations[2].Hash != "2" {
		t.Errorf("%d are there, the last is %s; want the newest three", len(got.Generations), got.Generations[len(got.Generations)-1].Hash)
	}
}

// FuzzDecode reads what no program wrote, with a checksum that is right.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"generations":[{"files":[{"path":"a","content":"k"}]}],"contents":{"k":"YQ=="},"groups":[{"standing":"idle"}]}`))
	f.Add([]byte(`{"generations":[{"Files":[{"Path":"a","Content":"YQ=="}]}],"gateways":[{"Labels":{"a":"b"}}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, text := range [][]byte{body, enclosed(body)} {
			got, err := decode(text)
			if err != nil {
				continue
			}
			again, leftOut, err := encode(got, 1<<30)
			if err != nil || leftOut > 0 {
				t.Fatalf("what was read cannot be written: %v", err)
			}
			if _, err := decode(enclosed(again)); err != nil {
				t.Errorf("what was written cannot be read: %v", err)
			}
		}
	})
}
