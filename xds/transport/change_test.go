package transport_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/xds/transport"
)

// TestEveryChangeOfTheFilesIsTold holds that what becomes of the files is told once for each change: which files it is about,
// what is in force then, and why what they hold cannot be taken.
func TestEveryChangeOfTheFilesIsTold(t *testing.T) {
	p := newTLSPlane(t)
	told := make(chan transport.Change, 100)
	p.options.Changed = func(c transport.Change) { told <- c }
	p.start(t)
	first := p.tls.Certificate()
	next := func(what string) transport.Change {
		t.Helper()
		select {
		case c := <-told:
			return c
		case <-time.After(bound):
			t.Fatalf("it is not told: %s", what)
			return transport.Change{}
		}
	}
	list := p.authority.revoke(t, 7)
	replace(t, p.files.Revoked, list)
	if got := next("a list of revoked certificates"); got.Err != nil || len(got.Certificates) != 1 || cmp.Diff([]string{p.files.Revoked}, got.Changed) != "" || len(got.Files) != 3 {
		t.Errorf("of a new list it is %+v", got)
	}
	replace(t, p.files.Revoked, nil)
	if got := next("an empty list"); got.Err == nil || len(got.Certificates) != 1 {
		t.Errorf("of an empty list it is %+v", got)
	}
	replace(t, p.files.Revoked, list)
	if got := next("the list is back"); got.Err != nil {
		t.Errorf("of a list that is back it is %+v", got)
	}
	own := p.authority.forServer(t, 101)
	replace(t, p.files.Certificate, own.certificate)
	wrong := next("a certificate without its key")
	if wrong.Err == nil || !wrong.Certificates[0].Equal(first) {
		t.Errorf("of half a pair it is %+v", wrong)
	}
	replace(t, p.files.Key, own.key)
	if got := next("the key"); got.Err != nil || got.Certificates[0].SerialNumber.Int64() != 101 || !p.tls.Certificate().Equal(got.Certificates[0]) {
		t.Errorf("of a new pair it is %+v", got)
	}
	select {
	case more := <-told:
		t.Errorf("it is told again: %+v", more)
	default:
	}
}
