package state

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// journalName is the name of the file that holds what changed since the state was written as a whole: a line that
// names the state by its checksum, and a line for each write after it. A line cut short is a write that did not
// come to its end, and does not count.
const journalName = "generations.log"

const (
	// minWhole is how large a state is that has a journal: a smaller one is as quickly written as a whole.
	minWhole = 256 << 10
	// maxJournalLines bounds a journal, as its size is by that of the state: beyond it the state is written as a
	// whole again.
	maxJournalLines = 1000
)

// journalHead is the first line.
type journalHead struct {
	// Base is the checksum of the state that the lines are about.
	Base string `json:"base"`
}

// journalLine is any other line. Its checksum is that of the checksum of the line before, or of the state, and of
// the change as it stands in the line: no line can be lost, or come in another's place.
type journalLine struct {
	Checksum string          `json:"checksum"`
	Change   json.RawMessage `json:"change"`
}

// storedChange is a state told by the one before.
type storedChange struct {
	storedState
	Generations []changedGeneration `json:"generations"`
}

// changedGeneration is a generation that was kept before, by its hash alone, or one told by a kept one.
type changedGeneration struct {
	Keeps string `json:"keeps,omitempty"`
	// Of is the hash of the one by which it is told: Files are those that are other or new, Removed those that are gone.
	Of      string            `json:"of,omitempty"`
	Made    *storedGeneration `json:"made,omitempty"`
	Removed []string          `json:"removed,omitempty"`
}

// journal is what was written, as far as is known: the next write may tell of what changed since.
type journal struct {
	// last is what is on disk; nil where that is not known.
	last *Content
	// sum is the checksum of the last line, or of the state.
	sum string
	// lines and size are those of the journal, whole is the size of the state.
	lines, size, whole int
	// contents are the bytes of all contents on disk.
	contents int64
}

// line returns the line by which content is told, and false where the state is to be written as a whole.
func (j *journal) line(content Content, bound int64) ([]byte, string, int64, bool) {
	if j.last == nil || j.lines >= maxJournalLines || j.size > j.whole {
		return nil, "", 0, false
	}
	change, grown, ok := changeOf(*j.last, content)
	if !ok || j.contents+grown > bound {
		return nil, "", 0, false
	}
	body, err := json.Marshal(change)
	if err != nil {
		return nil, "", 0, false
	}
	sum := checksum(append([]byte(j.sum), body...))
	text, err := json.Marshal(journalLine{sum, body})
	return append(text, '\n'), sum, grown, err == nil
}

// written takes in that a line is on disk.
func (j *journal) written(content Content, text []byte, sum string, grown int64) {
	j.last, j.sum = &content, sum
	j.lines, j.size, j.contents = j.lines+1, j.size+len(text), j.contents+grown
}

// began takes in that the state is on disk as a whole, in a text, and an empty journal of it.
func (j *journal) began(content Content, body, text []byte) {
	*j = journal{last: &content, sum: checksum(body), whole: len(text)}
	for _, g := range content.Generations { // counts what generations share as often, which only bounds more
		for _, f := range g.Files {
			j.contents += int64(len(f.Content))
		}
	}
}

// changeOf tells a state by the one before, and how many bytes of contents that adds. It reports false where it is
// no shorter so, or not to be told.
func changeOf(before, now Content) (storedChange, int64, bool) {
	known := map[string]Generation{}
	for _, g := range before.Generations {
		known[g.Hash] = g
	}
	out := storedChange{storedState: storedState{Written: now.At, Contents: map[string][]byte{}, Groups: storedGroups(now.Groups)}}
	var grown int64
	for _, g := range now.Generations {
		was, kept := known[g.Hash]
		if kept && sameGeneration(was, g) {
			out.Generations = append(out.Generations, changedGeneration{Keeps: g.Hash})
			continue
		}
		if g.Hash == "" || kept || len(before.Generations) == 0 {
			return out, 0, false
		}
		made, added := generationBy(before.Generations[0], g, out.Contents)
		if made.Of == "" || 2*(len(made.Made.Files)+len(made.Removed)) > len(g.Files) {
			return out, 0, false
		}
		grown += added
		out.Generations = append(out.Generations, made)
	}
	return out, grown, true
}

// generationBy tells a generation by another, and puts what is new of its contents into contents.
func generationBy(base, g Generation, contents map[string][]byte) (changedGeneration, int64) {
	made := storedHead(g)
	out, grown := changedGeneration{Of: base.Hash, Made: &made}, int64(0)
	rest := base.Files
	for _, f := range g.Files {
		for len(rest) > 0 && rest[0].Path < f.Path {
			out.Removed, rest = append(out.Removed, rest[0].Path), rest[1:]
		}
		if len(rest) > 0 && rest[0].Path == f.Path {
			was := rest[0].Content
			if rest = rest[1:]; sameBytes(was, f.Content) {
				continue
			}
		}
		key := keyOf(f.Content)
		made.Files = append(made.Files, storedFile{f.Path, key})
		contents[key] = append([]byte{}, f.Content...)
		grown += int64(len(f.Content))
	}
	for _, f := range rest {
		out.Removed = append(out.Removed, f.Path)
	}
	return out, grown
}

// sameBytes reports whether contents are equal; those in the same place are not looked at.
func sameBytes(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0] || bytes.Equal(a, b))
}

func sameGeneration(a, b Generation) bool {
	return a.At.Equal(b.At) && slices.Equal(a.Served, b.Served) && slices.Equal(a.Lost, b.Lost) && slices.Equal(a.Mounts, b.Mounts) && sameFlags(a.Flags, b.Flags) &&
		slices.EqualFunc(a.Files, b.Files, func(a, b File) bool { return a.Path == b.Path && sameBytes(a.Content, b.Content) })
}

func sameFlags(a, b *Flags) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.RootNamespace == b.RootNamespace && a.MeshFile == b.MeshFile && a.GatewaysFile == b.GatewaysFile && a.RequireTests == b.RequireTests &&
		slices.Equal(a.SecretsDirs, b.SecretsDirs) && slices.Equal(a.Ignored, b.Ignored)
}

// replay applies the lines of a journal to the state that it is about. One of another state is of a write that was
// followed by a whole one, and does not count; nor does a last line that is not whole. Anything else that is wrong
// is an error, and nothing of it counts.
func replay(content Content, base string, text []byte) (Content, error) {
	lines := bytes.SplitAfter(text, []byte("\n"))
	var head journalHead
	if err := strictly(lines[0], &head); err != nil || head.Base != base {
		return content, nil //nolint:nilerr // it was begun for another state, or not to its end
	}
	sum := base
	for i, text := range lines[1:] {
		if !bytes.HasSuffix(text, []byte("\n")) {
			break // the last, cut short, or nothing
		}
		next, err := applied(content, sum, text)
		if err != nil {
			return Content{}, fmt.Errorf("line %d of the journal: %w", i+2, err)
		}
		content, sum = next.content, next.sum
	}
	return content, nil
}

// replayed is a content and the checksum of what told it.
type replayed struct {
	content Content
	sum     string
}

func applied(before Content, sum string, text []byte) (replayed, error) {
	var line journalLine
	if err := strictly(text, &line); err != nil {
		return replayed{}, err
	}
	if got := checksum(append([]byte(sum), line.Change...)); got != line.Checksum {
		return replayed{}, fmt.Errorf("its checksum is %s and %s is what it says", got, line.Checksum)
	}
	var change storedChange
	if err := strictly(line.Change, &change); err != nil {
		return replayed{}, err
	}
	known := map[string]Generation{}
	for _, g := range before.Generations {
		known[g.Hash] = g
	}
	out := Content{At: change.Written, Groups: groupsOf(change.Groups)}
	for _, c := range change.Generations {
		g, err := c.generation(known, change.Contents)
		if err != nil {
			return replayed{}, err
		}
		out.Generations = append(out.Generations, g)
	}
	return replayed{out, line.Checksum}, nil
}

// generation returns the generation that is told.
func (c changedGeneration) generation(known map[string]Generation, contents map[string][]byte) (Generation, error) {
	base, ok := known[c.Keeps+c.Of]
	switch {
	case !ok || (c.Keeps == "") == (c.Of == "") || (c.Of == "") != (c.Made == nil):
		return Generation{}, errors.New("it tells of a generation that is not there")
	case c.Made == nil:
		return base, nil
	}
	files := make(map[string][]byte, len(base.Files))
	for _, f := range base.Files {
		files[f.Path] = f.Content
	}
	for _, path := range c.Removed {
		delete(files, path)
	}
	for _, f := range c.Made.Files {
		content, ok := contents[f.Content]
		if !ok {
			return Generation{}, fmt.Errorf("it lacks what %s held", f.Path)
		}
		files[f.Path] = content
	}
	out := c.Made.head()
	for _, path := range slices.Sorted(maps.Keys(files)) {
		out.Files = append(out.Files, File{path, files[path]})
	}
	return out, nil
}
