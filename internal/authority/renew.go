package authority

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/hashicorp/go-multierror"
	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// Selection says which certificates are meant. The zero value is those that are due.
type Selection struct {
	// All are all that are in use.
	All bool
	// Servers are those of control planes.
	Servers bool
	// Name and Namespace are one gateway's; Name is empty for none.
	Namespace, Name string
	// Serial is one certificate's, hexadecimal; empty for none.
	Serial string
}

// Renew gives those that are selected new certificates, for the same and in the same places, whose files keep
// their owners. What fails keeps nobody else from theirs. The ones of before stay valid until they end.
func (a *Authority) Renew(s Selection) ([]Issued, error) {
	var out []Issued
	var failed *multierror.Error
	named := false
	for _, r := range a.current() {
		if !a.selected(s, r) {
			continue
		}
		named = true
		issued, err := a.renew(r)
		if err != nil {
			failed = multierror.Append(failed, fmt.Errorf("renew the certificate of %s: %w", r.Who(), err))
			continue
		}
		out = append(out, issued)
	}
	switch {
	case !named && s.Name != "":
		return nil, a.unknown(s)
	case !named && s.Servers:
		return nil, fmt.Errorf("no control plane has a certificate from %s; `portreeve ca issue server` makes one", a.options.Dir)
	case len(out) > 0:
		if err := a.writeCRL(); err != nil {
			failed = multierror.Append(failed, err)
		}
	}
	return out, failed.ErrorOrNil()
}

// selected reports whether a certificate is to be renewed.
func (a *Authority) selected(s Selection, r Record) bool {
	switch {
	case s.All:
		return true
	case s.Servers:
		return r.Kind == KindServer
	case s.Name != "":
		return r.Kind == KindGateway && r.Name == s.Name && r.Namespace == s.Namespace
	default:
		return !a.options.Now().Before(r.Due())
	}
}

// current returns what is in use: of each place the certificate that stands there, or the last one that was
// issued for it where that cannot be seen. Those that are revoked are not.
func (a *Authority) current() []Record {
	var out []Record
	for _, r := range a.records {
		if r.Revoked == nil && a.inUse(r) {
			out = append(out, r)
		}
	}
	return out
}

// inUse reports whether a certificate is the one of its place. What stands there decides, and not the record: a
// crash may have kept a new one from coming there.
func (a *Authority) inUse(r Record) bool {
	if there, ok := a.inPlaceOf(r); ok {
		return there.Serial == r.Serial
	}
	last := r
	for _, other := range a.records {
		if other.Place == r.Place {
			last = other
		}
	}
	return last.Serial == r.Serial
}

func (a *Authority) renew(r Record) (Issued, error) {
	dir := directory(a.options.Dir, r.Place)
	if err := freeFor(dir); err != nil {
		return Issued{}, err
	}
	owner := Owner{}
	if info, err := os.Stat(filepath.Join(dir, "tls.key")); err == nil {
		owner = ownerOf(info)
	} else if !exists(dir) {
		return Issued{}, fmt.Errorf("its directory %s is not there: issue it again, or revoke it", dir)
	}
	if r.Kind == KindServer {
		return a.issue(r, serverTemplate(r.Names), dir, owner)
	}
	if len(r.Names) != 1 {
		return Issued{}, errors.New("its record is not of a gateway")
	}
	id, err := spiffeid.FromString(r.Names[0])
	if err != nil {
		return Issued{}, err
	}
	return a.issue(r, gatewayTemplate(id), dir, owner)
}

func (a *Authority) unknown(s Selection) error {
	return fmt.Errorf("gateway %s in namespace %s has no valid certificate from %s; `portreeve ca list` says who has", s.Name, s.Namespace, a.options.Dir)
}
