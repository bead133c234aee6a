package reload

import "strings"

// FileChanges are the files in which two readings differ.
type FileChanges struct {
	Added, Changed, Removed Paths
	// Unread may be gone or not: not everything could be read.
	Unread Paths
}

// Paths are how many files there are, and the first hundred by their path.
type Paths struct {
	Total int
	Named []string
}

func (p *Paths) add(path string) {
	if p.Total++; len(p.Named) < maxRecorded {
		p.Named = append(p.Named, path)
	}
}

// changes returns how the files of a reading differ from these, and what is known of them all then. Of a
// partial reading it is not known whether what is missing has gone; it stays known until that is.
func (d digests) changes(now digests, partial bool) (out FileChanges, next digests) {
	next = now
	if partial {
		next = make(digests, 0, len(now))
	}
	gone := func(f fileDigest) {
		if !partial {
			out.Removed.add(f.Path)
			return
		}
		out.Unread.add(f.Path)
		next = append(next, f)
	}
	for _, f := range now {
		for len(d) > 0 && strings.Compare(d[0].Path, f.Path) < 0 {
			gone(d[0])
			d = d[1:]
		}
		switch {
		case len(d) == 0 || d[0].Path != f.Path:
			out.Added.add(f.Path)
		case d[0].sum != f.sum:
			out.Changed.add(f.Path)
		}
		if len(d) > 0 && d[0].Path == f.Path {
			d = d[1:]
		}
		if partial {
			next = append(next, f)
		}
	}
	for _, f := range d {
		gone(f)
	}
	return out, next
}
