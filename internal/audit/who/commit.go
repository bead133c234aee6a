package who

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/go-git/go-git/v5/plumbing"
)

const (
	// maxParents bounds the parents of a commit that are followed.
	maxParents = 16
	// maxName bounds an author or a user, in bytes.
	maxName = 256
)

// commit is what counts of one.
type commit struct {
	hash, tree plumbing.Hash
	parents    []plumbing.Hash
	author     string
	time       time.Time
}

func (o *objects) commit(h plumbing.Hash) (commit, error) {
	content, err := o.get(h, plumbing.CommitObject)
	if err != nil {
		return commit{}, err
	}
	out := commit{hash: h}
	header, _, _ := bytes.Cut(content, []byte("\n\n"))
	for line := range strings.Lines(string(header)) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		switch {
		case name == "tree":
			out.tree, err = hash(value)
		case name == "parent" && len(out.parents) < maxParents:
			var parent plumbing.Hash
			parent, err = hash(value)
			out.parents = append(out.parents, parent)
		case name == "author" && out.author == "":
			out.author, out.time = author(value)
		}
		if err != nil {
			return commit{}, err
		}
	}
	return out, nil
}

// author reads "Name <mail> seconds zone".
func author(s string) (string, time.Time) {
	end := strings.LastIndexByte(s, '>')
	if end < 0 {
		return plain(s), time.Time{}
	}
	seconds, _, _ := strings.Cut(strings.TrimSpace(s[end+1:]), " ")
	n, err := strconv.ParseInt(seconds, 10, 64)
	// A year of more than four digits cannot be written in JSON.
	if at := time.Unix(n, 0).UTC(); err == nil && at.Year() >= 0 && at.Year() <= 9999 {
		return plain(s[:end+1]), at
	}
	return plain(s[:end+1]), time.Time{}
}

// plain bounds a name and takes out what would make it look like another, or do something to a terminal.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.In(r, unicode.Zl, unicode.Zp) {
			return -1
		}
		return r
	}, s)
	if len(s) <= maxName {
		return s
	}
	cut := maxName - len("…")
	for !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

// file returns the name of the content that a commit has of a file, and zero where it has no such file.
func (o *objects) file(c commit, path string) (plumbing.Hash, error) {
	at := c.tree
	dirs := strings.Split(path, "/")
	name := dirs[len(dirs)-1]
	for _, dir := range dirs[:len(dirs)-1] {
		mode, to, err := o.entry(at, dir)
		if err != nil || mode != "40000" {
			return plumbing.ZeroHash, err
		}
		at = to
	}
	mode, to, err := o.entry(at, name)
	if err != nil || !strings.HasPrefix(mode, "100") { // a link, a directory or a submodule
		return plumbing.ZeroHash, err
	}
	return to, nil
}

// entry returns the mode and the object of a name in a tree, and no mode where it is not there.
func (o *objects) entry(tree plumbing.Hash, name string) (mode string, h plumbing.Hash, err error) {
	rest, err := o.get(tree, plumbing.TreeObject)
	for err == nil && len(rest) > 0 {
		head, after, ok := bytes.Cut(rest, []byte{0})
		if !ok || len(after) < hashSize {
			return "", h, errBroken
		}
		mode, at, _ := bytes.Cut(head, []byte{' '})
		if string(at) == name {
			copy(h[:], after)
			return string(mode), h, nil
		}
		rest = after[hashSize:]
	}
	return "", h, err
}
