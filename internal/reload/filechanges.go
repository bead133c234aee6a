package reload

import (
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/source"
)

// FileChanges are the files in which two readings differ.
type FileChanges struct {
	Added, Changed, Removed Several
	// Unread may be gone or not: not everything could be read.
	Unread Several
}

// Several are how many files there are, and the first hundred by their path, with what they held last. That is
// for who finds out who wrote it, and can be secret: it is not to be told to anybody.
type Several struct {
	Total int
	First []source.File
}

func several(files digests) Several {
	out := Several{Total: len(files)}
	for _, f := range files[:min(len(files), maxRecorded)] {
		out.First = append(out.First, f.File)
	}
	return out
}

// compare returns in which files a later reading differs from this one: those that came, those with other
// content, and those that are missing.
func (d digests) compare(now digests) (added, changed, missing digests) {
	for _, f := range now {
		for len(d) > 0 && d[0].Path < f.Path {
			missing, d = append(missing, d[0]), d[1:]
		}
		if len(d) == 0 || d[0].Path != f.Path {
			added = append(added, f)
			continue
		}
		if d[0].sum != f.sum {
			changed = append(changed, f)
		}
		d = d[1:]
	}
	return added, changed, append(missing, d...)
}

// with returns these files and those that are missing among them.
func (d digests) with(missing digests) digests {
	if len(missing) == 0 {
		return d
	}
	out := slices.Concat(d, missing)
	slices.SortFunc(out, func(a, b fileDigest) int { return strings.Compare(a.Path, b.Path) })
	return out
}
