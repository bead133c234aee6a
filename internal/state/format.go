package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// The formats of the file. A program reads its own and those before. Format 1 is the one
// without a version: what was kept before formats had numbers. Format 2 has no journal beside it: who reads
// that only would read what is older.
const (
	unversioned = 1
	unjournaled = 2
	current     = 3
)

// envelope is the whole file of formats 2 and 3. The checksum is that of the bytes of the state, as
// they stand in the file.
//
// The names in this file are the format: they stay as they are when fields of the program get
// other names, and what else is in a file is refused, since a field that is not known may be
// the one that guards.
type envelope struct {
	Version  int             `json:"version"`
	Checksum string          `json:"checksum"`
	State    json.RawMessage `json:"state"`
}

// version is what every file of a numbered format has, whatever else there is.
type version struct {
	Version *int `json:"version"`
}

type storedState struct {
	Written time.Time `json:"written"`
	// Contents are what the files of all generations held, each once, by its SHA-256.
	Contents    map[string][]byte  `json:"contents"`
	Generations []storedGeneration `json:"generations"`
	Groups      []storedGroup      `json:"groups"`
}

type storedGeneration struct {
	Hash               string       `json:"hash"`
	Read               time.Time    `json:"read"`
	Files              []storedFile `json:"files"`
	ServedCertificates []string     `json:"servedCertificates,omitempty"`
	LostDirectories    []string     `json:"lostDirectories,omitempty"`
	MountedDirectories []string     `json:"mountedDirectories,omitempty"`
	Flags              *storedFlags `json:"flags,omitempty"`
}

type storedFlags struct {
	RootNamespace string   `json:"rootNamespace,omitempty"`
	MeshConfig    string   `json:"meshConfig,omitempty"`
	Gateways      string   `json:"gateways,omitempty"`
	SecretsDirs   []string `json:"secretsDirs,omitempty"`
	Ignored       []string `json:"ignored,omitempty"`
	RequireTests  bool     `json:"requireTests,omitempty"`
}

type storedFile struct {
	Path string `json:"path"`
	// Content is a key of the contents.
	Content string `json:"content"`
}

type storedGroup struct {
	Namespace string            `json:"namespace"`
	Labels    map[string]string `json:"labels"`
	Locality  string            `json:"locality,omitempty"`
	// Serving is the hash of a generation, or empty.
	Serving          string    `json:"serving"`
	Standing         Standing  `json:"standing"`
	ConnectedSeconds float64   `json:"connectedSeconds"`
	Seen             time.Time `json:"seen"`
}

// encode writes content as the body of a file of the current format. Generations whose files would take
// the distinct contents beyond bound bytes are left out, the newest last; it returns how many.
func encode(c Content, bound int64) (body []byte, leftOut int, err error) {
	out := storedState{Written: c.At, Contents: map[string][]byte{}, Generations: []storedGeneration{}, Groups: storedGroups(c.Groups)}
	for _, g := range c.Generations {
		stored, fresh, size := storedOf(g, out.Contents)
		if size > bound {
			leftOut++
			continue
		}
		bound -= size
		for key, content := range fresh {
			out.Contents[key] = content
		}
		out.Generations = append(out.Generations, stored)
	}
	body, err = json.Marshal(out)
	if err != nil {
		return nil, 0, fmt.Errorf("encode state: %w", err)
	}
	return body, leftOut, nil
}

// storedGroups returns how groups are stored.
func storedGroups(groups []Group) []storedGroup {
	out := make([]storedGroup, 0, len(groups))
	for _, g := range groups {
		out = append(out, storedGroup{g.Namespace, g.Labels, g.Locality, g.Serving, g.Standing, g.Connected.Seconds(), g.Seen})
	}
	return out
}

// groupsOf returns the groups that are stored.
func groupsOf(stored []storedGroup) []Group {
	var out []Group
	for _, g := range stored {
		out = append(out, Group{
			Namespace: g.Namespace, Labels: g.Labels, Locality: g.Locality, Serving: g.Serving,
			Standing: g.Standing, Connected: time.Duration(g.ConnectedSeconds * float64(time.Second)), Seen: g.Seen,
		})
	}
	return out
}

// enclosed puts the body of a file into its envelope.
func enclosed(body []byte) []byte {
	text := fmt.Appendf(nil, `{"version":%d,"checksum":%q,"state":`, current, checksum(body))
	return append(append(text, body...), "}\n"...)
}

// storedOf returns how a generation is stored, with those of its contents that are not known
// yet, and their size.
func storedOf(g Generation, known map[string][]byte) (storedGeneration, map[string][]byte, int64) {
	out := storedHead(g)
	fresh, size := map[string][]byte{}, int64(0)
	for _, f := range g.Files {
		key := keyOf(f.Content)
		out.Files = append(out.Files, storedFile{f.Path, key})
		if _, again := fresh[key]; again || known[key] != nil {
			continue
		}
		if fresh[key] = f.Content; f.Content == nil {
			fresh[key] = []byte{} // nil would be null on disk
		}
		size += int64(len(f.Content))
	}
	return out, fresh, size
}

// storedHead returns how a generation is stored, without its files.
func storedHead(g Generation) storedGeneration {
	out := storedGeneration{Hash: g.Hash, Read: g.At, Files: []storedFile{}, ServedCertificates: g.Served, LostDirectories: g.Lost, MountedDirectories: g.Mounts}
	if f := g.Flags; f != nil {
		out.Flags = &storedFlags{f.RootNamespace, f.MeshFile, f.GatewaysFile, f.SecretsDirs, f.Ignored, f.RequireTests}
	}
	return out
}

// head returns the generation that is stored, without its files.
func (g storedGeneration) head() Generation {
	out := Generation{Hash: g.Hash, At: g.Read, Served: g.ServedCertificates, Lost: g.LostDirectories, Mounts: g.MountedDirectories}
	if f := g.Flags; f != nil {
		out.Flags = &Flags{f.RootNamespace, f.MeshConfig, f.Gateways, f.SecretsDirs, f.Ignored, f.RequireTests}
	}
	return out
}

// standings are the names of standings on disk.
func standings() map[Standing]string {
	return map[Standing]string{Unserved: "unserved", Idle: "idle", Listening: "listening"}
}

// MarshalText returns the name on disk.
func (s Standing) MarshalText() ([]byte, error) { return []byte(standings()[s]), nil }

// UnmarshalText takes a name on disk. One that is not known is an error.
func (s *Standing) UnmarshalText(text []byte) error {
	for standing, name := range standings() {
		if name == string(text) {
			*s = standing
			return nil
		}
	}
	return fmt.Errorf("there is no standing %q", text)
}

func keyOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// checksumOf returns the checksum that a file of the current format says it has; empty where it says none.
func checksumOf(text []byte) string {
	_, after, _ := bytes.Cut(text, []byte(`,"checksum":"`))
	sum, _, found := bytes.Cut(after[:min(len(after), 100)], []byte(`"`))
	if !found {
		return ""
	}
	return string(sum)
}

func checksum(body []byte) string { return "sha256:" + keyOf(body) }

// decode reads a file of the current format or of the one before. Whatever is not exactly that
// is an error, and nothing of it counts.
func decode(text []byte) (Content, error) {
	var head version
	if err := json.Unmarshal(text, &head); err != nil {
		return Content{}, err
	}
	switch {
	case head.Version == nil:
		return decodeUnversioned(text)
	case *head.Version == current || *head.Version == unjournaled:
		return decodeCurrent(text)
	case *head.Version > current:
		return Content{}, fmt.Errorf("it is of format %d, which a newer program wrote; this one reads %d to %d", *head.Version, unversioned, current)
	default:
		return Content{}, fmt.Errorf("there is no format %d", *head.Version)
	}
}

func decodeCurrent(text []byte) (Content, error) {
	var e envelope
	if err := strictly(text, &e); err != nil {
		return Content{}, err
	}
	if got := checksum(e.State); got != e.Checksum {
		return Content{}, fmt.Errorf("its checksum is %s and %s is what it says", got, e.Checksum)
	}
	var in storedState
	if err := strictly(e.State, &in); err != nil {
		return Content{}, err
	}
	out := Content{At: in.Written, Groups: groupsOf(in.Groups)}
	for _, g := range in.Generations {
		generation := g.head()
		for _, f := range g.Files {
			content, ok := in.Contents[f.Content]
			if !ok {
				return Content{}, fmt.Errorf("it lacks what %s held", f.Path)
			}
			generation.Files = append(generation.Files, File{f.Path, content})
		}
		out.Generations = append(out.Generations, generation)
	}
	return out, nil
}

// strictly reads one JSON value without fields that are not known, and nothing behind it.
func strictly(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something stands behind its end")
	}
	return nil
}
