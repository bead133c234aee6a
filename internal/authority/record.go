package authority

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The kinds of certificates.
const (
	KindGateway = "gateway"
	KindServer  = "server"
)

// Record is what the folder knows of a certificate that was issued. It holds no key.
type Record struct {
	Kind string `json:"kind"`
	// Namespace and Name are a gateway's.
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// Names are what stands in the certificate: a SPIFFE ID, or DNS names and addresses.
	Names []string `json:"names"`
	// Serial is hexadecimal, lower-case.
	Serial    string    `json:"serial"`
	Issued    time.Time `json:"issued"`
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	// Place is the directory of the pair, below the folder where it is not absolute.
	Place string `json:"place"`
	// Revoked is when it was revoked; nil where it is not.
	Revoked *time.Time `json:"revoked,omitempty"`
}

// Due returns when a certificate is to be renewed: with a third of its time left.
func (r Record) Due() time.Time { return r.NotAfter.Add(-r.NotAfter.Sub(r.NotBefore) / 3) }

// Who names whose certificate it is, for people.
func (r Record) Who() string {
	if r.Kind == KindGateway {
		return fmt.Sprintf("gateway %s in namespace %s", r.Name, r.Namespace)
	}
	return "server " + strings.Join(r.Names, ", ")
}

// sameHolder reports whether two certificates are one holder's, so that one may stand in the place of the other.
func (r Record) sameHolder(other Record) bool {
	return r.Kind == other.Kind && r.Namespace == other.Namespace && r.Name == other.Name
}

// readRecords reads all records, oldest first.
func readRecords(dir string) ([]Record, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var out []Record
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), newPrefix) || !strings.HasSuffix(e.Name(), ".json") {
			continue
		}
		path := filepath.Join(dir, e.Name())
		content, err := readFile(path)
		if err != nil {
			return nil, err
		}
		var r Record
		if err := json.Unmarshal(content, &r); err != nil || r.Serial+".json" != e.Name() {
			return nil, fmt.Errorf("%s is not the record of a certificate: bring it back from a copy, or remove it, and its certificate cannot be revoked by name any more", path)
		}
		out = append(out, r)
	}
	slices.SortStableFunc(out, func(a, b Record) int { return cmp.Or(a.Issued.Compare(b.Issued), cmp.Compare(a.Serial, b.Serial)) })
	return out, nil
}

// note writes a record.
func (a *Authority) note(r Record) error {
	content, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("write a record: %w", err)
	}
	if err := a.files.directory(a.path(recordsName), Owner{}.directory()); err != nil {
		return err
	}
	if err := a.files.replace(filepath.Join(a.path(recordsName), r.Serial+".json"), append(content, '\n'), Owner{}.file()); err != nil {
		return err
	}
	a.records = append(slices.DeleteFunc(a.records, func(old Record) bool { return old.Serial == r.Serial }), r)
	return nil
}

// record returns what is known of a certificate.
func (a *Authority) record(serial string) (Record, bool) {
	i := slices.IndexFunc(a.records, func(r Record) bool { return r.Serial == serial })
	if i < 0 {
		return Record{}, false
	}
	return a.records[i], true
}

// forget removes the records of certificates that have ended and have a later one in their place: nothing can
// be done with them.
func (a *Authority) forget() error {
	later := map[string]bool{}
	var kept []Record
	for _, r := range slices.Backward(a.records) {
		if later[r.Place] && r.NotAfter.Before(a.options.Now()) {
			if err := a.files.do("remove a record", func() error { return os.Remove(filepath.Join(a.path(recordsName), r.Serial+".json")) }); err != nil {
				return err
			}
			continue
		}
		later[r.Place] = true
		kept = append(kept, r)
	}
	slices.Reverse(kept)
	a.records = kept
	return nil
}

// directory returns where a place is.
func directory(dir, place string) string {
	if filepath.IsAbs(place) {
		return place
	}
	return filepath.Join(dir, place)
}
