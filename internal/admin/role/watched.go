package role

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// watched are files that count together: each with the others, or none.
type watched struct {
	names []string
	take  func(contents [][]byte) error
	// shows adds what is in force of them to what is told of a change.
	shows func(*Change)
	// seen is what was read last, and settled what was last taken, or found to be wrong by failed.
	seen, settled [sha256.Size]byte
	failed        error
}

// begin reads the files for the first time.
func (w *watched) begin(read func(string) ([]byte, error)) error {
	contents, err := w.read(read)
	w.seen = digest(contents, err)
	w.settled = w.seen
	return w.taken(contents, err)
}

// look is what a look at the files gave: the error of what they hold, and whether that is news.
type look struct {
	err  error
	news bool
}

// look reads the files again. What they hold counts when it is read twice alike, so that who writes one after the other, or
// in place, is not met in between.
func (w *watched) look(read func(string) ([]byte, error)) look {
	contents, err := w.read(read)
	now, before := digest(contents, err), w.seen
	w.seen = now
	if now == w.settled || now != before {
		return look{err: w.failed}
	}
	w.settled = now
	w.failed = w.taken(contents, err)
	return look{w.failed, true}
}

func (w *watched) taken(contents [][]byte, err error) error {
	if err != nil {
		return err // it has the name
	}
	if err := w.take(contents); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(w.names, ", "), err)
	}
	return nil
}

func (w *watched) read(read func(string) ([]byte, error)) ([][]byte, error) {
	out := make([][]byte, len(w.names))
	for i, name := range w.names {
		var err error
		if out[i], err = read(name); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// digest stands for what was read.
func digest(contents [][]byte, err error) (out [sha256.Size]byte) {
	h := sha256.New()
	fmt.Fprintf(h, "%v\n", err)
	for _, content := range contents {
		fmt.Fprintf(h, "%d\n", len(content))
		h.Write(content)
	}
	h.Sum(out[:0])
	return out
}
