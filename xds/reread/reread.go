// Package reread is files that are read again while they are used, such as those of TLS. What they hold counts when it is read twice alike, and
// together; what they held before stays in force until then. It compares contents and asks for no event, so that no way of replacing them is missed.
package reread

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// Files count together: each with the others, or none. They are used by one goroutine at a time.
type Files struct {
	// Names are those of the files. An empty one is a file that there is not; its content is nil.
	Names []string
	// Take brings what they hold into force, or says why that cannot be and changes nothing.
	Take func(contents [][]byte) error
	// seen is what was read last, and settled what was last taken, or found to be wrong by failed.
	seen, settled sum
	failed        error
	// held is what each file held when it was last taken, or found to be wrong.
	held []sum
}

// sum stands for what was read.
type sum [sha256.Size]byte

// Look is what a look at the files gave.
type Look struct {
	// Err is why what they hold cannot be taken, and News that this, or what they hold, is another than before.
	Err  error
	News bool
	// Changed are the names of those that hold something else then. There need be none where they cannot be read, or can again.
	Changed []string
}

// Begin reads the files for the first time. The error names them, and says what is wrong.
func (f *Files) Begin(read func(string) ([]byte, error)) error {
	contents, err := f.read(read)
	f.seen = sumOf(contents, err)
	f.settled = f.seen
	f.changed(contents)
	return f.taken(contents, err)
}

// Look reads the files again. What they hold counts when it is read twice in a row: whoever writes them
// one after the other, or in place, is not met in between.
func (f *Files) Look(read func(string) ([]byte, error)) Look {
	contents, err := f.read(read)
	now, before := sumOf(contents, err), f.seen
	f.seen = now
	if now == f.settled || now != before {
		return Look{Err: f.failed}
	}
	f.settled = now
	changed := f.changed(contents)
	f.failed = f.taken(contents, err)
	return Look{f.failed, true, changed}
}

// changed returns the names of the files that hold something else than before. It is empty where not all can be read.
func (f *Files) changed(contents [][]byte) (names []string) {
	if contents == nil {
		return nil
	}
	before := f.held
	f.held = make([]sum, len(contents))
	for i, content := range contents {
		f.held[i] = sha256.Sum256(content)
		if before != nil && f.held[i] != before[i] {
			names = append(names, f.Names[i])
		}
	}
	return names
}

// taken takes what was read, and returns why that cannot be.
func (f *Files) taken(contents [][]byte, err error) error {
	if err != nil {
		return err // it has the name
	}
	if err := f.Take(contents); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(f.Present(), ", "), err)
	}
	return nil
}

func (f *Files) read(read func(string) ([]byte, error)) ([][]byte, error) {
	out := make([][]byte, len(f.Names))
	for i, name := range f.Names {
		if name == "" {
			continue
		}
		var err error
		if out[i], err = read(name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Present are the names of the files that there are.
func (f *Files) Present() []string {
	var out []string
	for _, name := range f.Names {
		if name != "" {
			out = append(out, name)
		}
	}
	return out
}

func sumOf(contents [][]byte, err error) (out sum) {
	h := sha256.New()
	fmt.Fprintf(h, "%v\n", err)
	for _, content := range contents {
		fmt.Fprintf(h, "%d\n", len(content))
		h.Write(content)
	}
	h.Sum(out[:0])
	return out
}
