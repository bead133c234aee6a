package reload

import (
	"cmp"
	"maps"
	"slices"

	"github.com/portreeve/portreeve/translate/model"
)

// CertificateChange is a Secret whose certificates are others than before. The fingerprints are those of the
// certificates: nothing in it is private.
type CertificateChange struct {
	// Namespace is that of the Secret, or empty for a directory of files; Name is its name.
	Namespace, Name string
	// Authority says that clients are verified with them.
	Authority bool
	File      string
	// Before and Now are the fingerprints, ordered, the first ten.
	Before, Now []string
}

// certificateSet are certificates by the Secret that holds them.
type certificateSet map[certificateKey]heldCertificates

type certificateKey struct {
	namespace, name string
	authority       bool
}

type heldCertificates struct {
	file         string
	fingerprints []string
}

func certificatesIn(certificates []model.Certificate) certificateSet {
	out := certificateSet{}
	for _, c := range certificates {
		key := certificateKey{c.Namespace, c.Name, c.Authority}
		held := out[key]
		held.file, held.fingerprints = c.Pos.File, append(held.fingerprints, c.Fingerprint)
		out[key] = held
	}
	for key, held := range out {
		slices.Sort(held.fingerprints)
		held.fingerprints = slices.Compact(held.fingerprints)
		out[key] = held
	}
	return out
}

// changes returns the Secrets that hold other certificates later, the first hundred by name.
func (s certificateSet) changes(now certificateSet) []CertificateChange {
	var out []CertificateChange
	for key, held := range now {
		if was, known := s[key]; known && !slices.Equal(was.fingerprints, held.fingerprints) {
			out = append(out, CertificateChange{key.namespace, key.name, key.authority, held.file, first(was.fingerprints), first(held.fingerprints)})
		}
	}
	slices.SortFunc(out, CertificateChange.compare)
	return out[:min(len(out), maxRecorded)]
}

// maxUnnamed bounds the Secrets that are remembered although no generation names them for now.
const maxUnnamed = 1024

// with returns what is known after a reading that found errors: what is missing in it may come back.
func (s certificateSet) with(now certificateSet) certificateSet {
	if len(s) == 0 || len(s) > len(now)+maxUnnamed {
		return now
	}
	out := maps.Clone(s)
	maps.Copy(out, now)
	return out
}

func (c CertificateChange) compare(o CertificateChange) int {
	return cmp.Or(cmp.Compare(c.Namespace, o.Namespace), cmp.Compare(c.Name, o.Name), cmp.Compare(c.File, o.File))
}

// first returns the first ten of what keeps a group from a generation, or of fingerprints.
func first(names []string) []string { return names[:min(len(names), maxReasons)] }
