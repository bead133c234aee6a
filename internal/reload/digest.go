package reload

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/translate/source"
)

// digests remember what files hash to, so that an edit costs the files that it touches. They are ordered by path.
type digests []fileDigest

type fileDigest struct {
	source.File
	sum [sha256.Size]byte
}

// of returns the digests of files, which are ordered by path. Content that is the same slice is not hashed again:
// what was read is never written to.
func (d digests) of(files []source.File) digests {
	out := make(digests, len(files))
	for i, f := range files {
		for len(d) > 0 && strings.Compare(d[0].Path, f.Path) < 0 {
			d = d[1:]
		}
		if len(d) > 0 && d[0].Path == f.Path && same(d[0].Content, f.Content) {
			out[i] = d[0]
			continue
		}
		out[i] = fileDigest{f, sha256.Sum256(f.Content)}
	}
	return out
}

// same reports whether two contents are the same bytes in the same place.
func same(a, b []byte) bool { return len(a) == len(b) && len(a) > 0 && &a[0] == &b[0] }

// hashOf names the content of a generation: equal files, read with equal flags, give equal hashes everywhere. The
// files have these digests.
func hashOf(reading input.Reading, files digests, read flags) string {
	h := sha256.New()
	text := make([]byte, 0, 1<<10)
	for _, f := range files {
		text = append(binary.BigEndian.AppendUint64(text[:0], uint64(len(f.Path))), f.Path...)
		h.Write(append(text, f.sum[:]...))
	}
	for _, d := range reading.Unreadable {
		h.Write([]byte("!" + d.String()))
	}
	for _, l := range reading.Lost {
		h.Write([]byte("!" + l.Diagnostic.String()))
	}
	read.writeTo(h)
	return hex.EncodeToString(h.Sum(nil))[:16]
}
