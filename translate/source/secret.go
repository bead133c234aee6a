package source

import (
	"io/fs"
	"path"
	"slices"
	"strings"
)

// SecretFile reports whether a file of a directory for secrets counts. The names are those
// of the entries of a Kubernetes Secret.
func SecretFile(name string) bool {
	return slices.Contains([]string{"tls.crt", "tls.key", "ca.crt", "ca.crl", "cert", "key", "cacert", "crl"}, path.Base(name))
}

// ReadSecrets returns the files NAME/tls.crt and the like of a directory for secrets,
// ordered by path. Symlinks are followed: that is how Kubernetes mounts a Secret. Hidden
// directories are not looked into.
//
// What cannot be read is an error, as it is in Read: without it a certificate would go
// missing.
func ReadSecrets(fsys fs.FS) ([]File, error) { return ReadSecretsWith(fsys, Options{}) }

// ReadSecretsWith is ReadSecrets with options.
func ReadSecretsWith(fsys fs.FS, options Options) ([]File, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return nil, &fs.PathError{Op: "read directory", Path: ".", Err: err}
	}
	r := newReader(fsys, options)
	for _, e := range entries {
		if info, err := fs.Stat(fsys, e.Name()); !hidden(e.Name()) && err == nil && info.IsDir() {
			r.secret(e.Name())
		}
	}
	slices.SortFunc(r.files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return r.files, r.err.ErrorOrNil()
}

func (r *reader) secret(name string) {
	entries, err := fs.ReadDir(r.fsys, name)
	if err != nil {
		r.fail("read directory", name, err)
		return
	}
	for _, e := range entries {
		if SecretFile(e.Name()) {
			r.file(path.Join(name, e.Name()))
		}
	}
}
