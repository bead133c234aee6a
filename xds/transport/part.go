package transport

import (
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"strings"
)

// part are files that count together: each with the others, or none.
type part struct {
	names []string
	take  func(contents [][]byte) error
	// certificates are those that are in force.
	certificates []*x509.Certificate
	// seen is what was read last, and settled what was last taken, or found to be wrong by failed.
	seen, settled sum
	failed        error
	// held is what each file held when it was last taken, or found to be wrong.
	held []sum
}

// sum stands for what was read.
type sum [sha256.Size]byte

// look is what a look at the files gave: the error of what they hold, whether that is news, and then of which files.
type look struct {
	err     error
	news    bool
	changed []string
}

// begin reads the files for the first time.
func (p *part) begin(read func(string) ([]byte, error)) error {
	contents, err := p.read(read)
	p.seen = sumOf(contents, err)
	p.settled = p.seen
	p.changed(contents)
	return p.taken(contents, err)
}

// look reads the files again. What they hold counts when it is read twice in a row: whoever writes them
// one after the other, or in place, is not met in between. It compares what they hold and asks for no
// event, so that no way of replacing them is missed.
func (p *part) look(read func(string) ([]byte, error)) look {
	contents, err := p.read(read)
	now, before := sumOf(contents, err), p.seen
	p.seen = now
	if now == p.settled || now != before {
		return look{err: p.failed}
	}
	p.settled = now
	changed := p.changed(contents)
	p.failed = p.taken(contents, err)
	return look{p.failed, true, changed}
}

// changed returns the names of the files that hold something else than before. It is empty where not all can be read.
func (p *part) changed(contents [][]byte) (names []string) {
	if contents == nil {
		return nil
	}
	before := p.held
	p.held = make([]sum, len(contents))
	for i, content := range contents {
		p.held[i] = sha256.Sum256(content)
		if before != nil && p.held[i] != before[i] {
			names = append(names, p.names[i])
		}
	}
	return names
}

// taken takes what was read, and returns why that cannot be.
func (p *part) taken(contents [][]byte, err error) error {
	if err != nil {
		return err // it has the name
	}
	if err := p.take(contents); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(p.files(), ", "), err)
	}
	return nil
}

func (p *part) read(read func(string) ([]byte, error)) ([][]byte, error) {
	out := make([][]byte, len(p.names))
	for i, name := range p.names {
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

// files are the names of those that there are.
func (p *part) files() []string {
	var out []string
	for _, name := range p.names {
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
