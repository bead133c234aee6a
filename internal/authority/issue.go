package authority

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Target says where a pair is put, and whose it is.
type Target struct {
	// Out is a directory; empty for the default, within the folder.
	Out   string
	Owner Owner
}

// Issued says what came of an issue.
type Issued struct {
	Record
	// Dir is where the pair is.
	Dir string
	// New says that a pair was made; else the one that was there is good.
	New bool
	// Mapped says that the mapping was changed.
	Mapped bool
	// MappedTo is the namespace and the labels that a gateway has by the mapping.
	MappedTo Gateway
}

// IssueGateway gives a gateway a certificate and maps it. Where it has a good one, and is mapped so, nothing is changed.
// Without labels (nil) a mapping that is there stays, whatever it says.
func (a *Authority) IssueGateway(g Gateway, t Target) (Issued, error) {
	id, err := g.id(a.domain)
	if err != nil {
		return Issued{}, err
	}
	// Read first: with a mapping that cannot be edited nothing is issued.
	if m, err := a.readMapping(); err != nil {
		return Issued{}, err
	} else if _, _, err := m.find(id.String()); err != nil {
		return Issued{}, err
	}
	out, err := a.ensure(Record{Kind: KindGateway, Namespace: g.Namespace, Name: g.Name, Place: g.place()}, gatewayTemplate(id), t)
	if err != nil {
		return out, err
	}
	out.MappedTo, out.Mapped, err = a.grant(g, id.String())
	return out, err
}

// Maps reports whether the mapping has a gateway already.
func (a *Authority) Maps(g Gateway) (bool, error) {
	id, err := g.id(a.domain)
	if err != nil {
		return false, err
	}
	m, err := a.readMapping()
	if err != nil {
		return false, err
	}
	at, _, err := m.find(id.String())
	return at >= 0, err
}

// IssueServer gives a control plane a certificate for names: DNS names and addresses. Where it has a good one for
// just these, nothing is changed.
func (a *Authority) IssueServer(names []string, t Target) (Issued, error) {
	names, err := serverNames(names)
	if err != nil {
		return Issued{}, err
	}
	if len(names) == 0 {
		return Issued{}, errors.New("the server has no name")
	}
	return a.ensure(Record{Kind: KindServer, Place: serverName}, serverTemplate(names), t)
}

// ensure makes sure that a place has a good certificate.
func (a *Authority) ensure(r Record, template *x509.Certificate, t Target) (Issued, error) {
	if t.Out != "" {
		out, err := a.outside(t.Out)
		if err != nil {
			return Issued{}, err
		}
		r.Place = out
	}
	dir := directory(a.options.Dir, r.Place)
	if err := freeFor(dir); err != nil {
		return Issued{}, err
	}
	old, has := a.inPlaceOf(r)
	if has && !old.sameHolder(r) {
		return Issued{}, fmt.Errorf("%s has the certificate of %s: name another directory", dir, old.Who())
	}
	if has && a.good(old, names(template), dir) && owned(dir, t.Owner) {
		return Issued{Record: old, Dir: dir}, nil
	}
	if err := a.files.makePlace(dir, t.Owner.directory()); err != nil {
		return Issued{}, fmt.Errorf("make %s: %w", dir, err)
	}
	return a.issue(r, template, dir, t.Owner)
}

// issue makes a certificate and puts it in place. The record comes first: nothing is out there that
// cannot be revoked.
func (a *Authority) issue(r Record, template *x509.Certificate, dir string, owner Owner) (Issued, error) {
	certificate, p, err := a.sign(template)
	if err != nil {
		return Issued{}, err
	}
	r.Names, r.Serial, r.Issued, r.Revoked = names(certificate), serialText(certificate.SerialNumber), a.options.Now(), nil
	r.NotBefore, r.NotAfter = certificate.NotBefore, certificate.NotAfter
	if err := a.note(r); err != nil {
		return Issued{}, err
	}
	if err := a.files.put(dir, p, owner, a.options.Now()); err != nil {
		return Issued{}, err
	}
	return Issued{Record: r, Dir: dir, New: true}, a.forget()
}

// outside returns the absolute path of a directory that is named, which is not in the folder: what else stands
// there would be mixed up with it.
func (a *Authority) outside(out string) (string, error) {
	out, err := filepath.Abs(out)
	if err != nil {
		return "", err
	}
	folder, err := filepath.Abs(a.options.Dir)
	if err != nil {
		return "", err
	}
	if below, err := filepath.Rel(folder, out); err == nil && below != ".." && !strings.HasPrefix(below, ".."+string(filepath.Separator)) {
		return "", fmt.Errorf("%s is in the authority's folder %s, which has places of its own: name another directory, or none", out, a.options.Dir)
	}
	return out, nil
}

// inPlaceOf returns the record of the certificate that is in the place of a record. One that was not issued
// here counts as none.
func (a *Authority) inPlaceOf(r Record) (Record, bool) {
	certificate, ok := inPlace(directory(a.options.Dir, r.Place))
	if !ok || certificate.CheckSignatureFrom(a.certificate) != nil {
		return Record{}, false
	}
	return a.record(serialText(certificate.SerialNumber))
}

// good reports whether a certificate can stay: it is for just these names, not revoked, and not due.
func (a *Authority) good(r Record, names []string, dir string) bool {
	return r.Revoked == nil && slices.Equal(r.Names, names) && a.options.Now().Before(r.Due()) && a.hasAuthority(dir)
}

// owned reports whether a pair is whose it should be.
func owned(dir string, want Owner) bool {
	info, err := os.Stat(filepath.Join(dir, "tls.key"))
	if err != nil {
		return false
	}
	is := ownerOf(info)
	return !want.named || (want.uid < 0 || want.uid == is.uid) && (want.gid < 0 || want.gid == is.gid) && want.group == is.group
}

// access is how what stands in the folder itself is read: by its group where the folder lets that in.
func (a *Authority) access() access {
	info, err := os.Stat(a.options.Dir)
	if err != nil || info.Mode().Perm()&0o050 != 0o050 {
		return Owner{}.file()
	}
	return Owner{named: true, uid: -1, gid: ownerOf(info).gid, group: true}.file()
}

// exists reports whether a file is there.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
