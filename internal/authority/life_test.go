package authority_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/authority"
)

const day = 24 * time.Hour

// tree reads all of a folder, links as what they lead to.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if target, err := os.Readlink(path); err == nil {
			out[path] = target
			return nil
		}
		content, err := os.ReadFile(path)
		out[path] = string(content)
		return err
	}))
	return out
}

func TestASecondRunChangesNothing(t *testing.T) {
	s := newScene(t)
	s.issue(t, "edge-1")
	before := tree(t, s.dir)
	s.now = s.now.Add(19 * day)
	if made := s.init(t); made.New || made.Server.New {
		t.Errorf("made again: %+v", made)
	}
	if i := s.issue(t, "edge-1"); i.New || i.Mapped {
		t.Errorf("issued again: %+v", i)
	}
	if out := s.renew(t, authority.Selection{}); len(out) > 0 {
		t.Errorf("renewed: %+v", out)
	}
	for path, content := range tree(t, s.dir) {
		if before[path] != content {
			t.Errorf("%s has changed", path)
		}
	}
}

func TestWhatIsDueIsRenewedInItsPlace(t *testing.T) {
	s := newScene(t)
	old := s.issue(t, "edge-1")
	s.now = s.now.Add(15 * day)
	s.issue(t, "edge-2")
	s.now = s.now.Add(6 * day)
	out := s.renew(t, authority.Selection{})
	var who []string
	for _, i := range out {
		who = append(who, i.Who())
	}
	slices.Sort(who)
	if want := []string{"gateway edge-1 in namespace edge", "server 127.0.0.1, ::1, localhost"}; !slices.Equal(who, want) {
		t.Errorf("renewed %q, want %q", who, want)
	}
	c := s.parse(t, "gateways/edge/edge-1/tls.crt")
	if c.SerialNumber.Text(16) == old.Serial || c.NotAfter.Sub(s.now) != 30*day {
		t.Errorf("in place: %s until %v", c.SerialNumber.Text(16), c.NotAfter)
	}
	if got := s.revoked(t); len(got) > 0 {
		t.Errorf("revoked: %v", got)
	}
	entries, err := filepath.Glob(filepath.Join(s.dir, "gateways/edge/edge-1/..2*"))
	must(t, err)
	if len(entries) != 1 {
		t.Errorf("old versions stay: %v", entries)
	}
}

func TestARevokedGatewayIsOutUntilItIsIssuedAgain(t *testing.T) {
	s := newScene(t)
	one := s.issue(t, "edge-1")
	s.now = s.now.Add(time.Hour)
	two := s.renew(t, authority.Selection{Name: "edge-1", Namespace: "edge"})[0]
	s.issue(t, "edge-2")
	out := s.revoke(t, authority.Selection{Name: "edge-1", Namespace: "edge"})
	want := []string{one.Serial, two.Serial}
	slices.Sort(want)
	if got := s.revoked(t); !slices.Equal(got, want) || len(out.Records) != 2 {
		t.Errorf("revoked %v, want %v", got, want)
	}
	if got := s.principals(t); !slices.Equal(got, []string{"spiffe://cluster.local/ns/edge/gateway/edge-2"}) {
		t.Errorf("mapped: %v", got)
	}
	for _, i := range s.renew(t, authority.Selection{All: true}) {
		if i.Name == "edge-1" {
			t.Errorf("renewed though it is revoked: %+v", i)
		}
	}
	if i := s.issue(t, "edge-1"); !i.New || !i.Mapped {
		t.Errorf("issued again: %+v", i)
	}
	if got := s.revoked(t); !slices.Equal(got, want) {
		t.Errorf("revoked after that: %v, want %v", got, want)
	}
}

func TestOneCertificateIsRevokedByItsSerial(t *testing.T) {
	s := newScene(t)
	one := s.issue(t, "edge-1")
	s.now = s.now.Add(time.Hour)
	s.renew(t, authority.Selection{All: true})
	colons := strings.ToUpper(one.Serial[:2] + ":" + one.Serial[2:])
	if out := s.revoke(t, authority.Selection{Serial: colons}); len(out.Records) != 1 || len(out.Unmapped) > 0 {
		t.Errorf("revoked: %+v", out)
	}
	if got := s.revoked(t); !slices.Equal(got, []string{one.Serial}) {
		t.Errorf("revoked %v, want %s", got, one.Serial)
	}
	if got := s.principals(t); len(got) != 1 {
		t.Errorf("mapped: %v", got)
	}
}

// TestWhatOthersWroteIntoTheMappingStays holds for objects and comments, and for a grant that was edited.
func TestWhatOthersWroteIntoTheMappingStays(t *testing.T) {
	s := newScene(t)
	s.issue(t, "edge-1")
	path := filepath.Join(s.dir, "gateways.yaml")
	mine := "---\n# mine\nkind: GatewayIdentity\nmetadata: {name: mine}\nspec: {dnsNames: [a.example.com], namespace: edge}"
	must(t, os.WriteFile(path, []byte(strings.Replace(s.read(t, "gateways.yaml"), "EXACTLY", "AT_MOST", 1)+mine), 0o600))
	if i := s.issue(t, "edge-1"); i.Mapped {
		t.Error("an edited grant was overwritten")
	}
	s.issue(t, "edge-2")
	s.revoke(t, authority.Selection{Name: "edge-2", Namespace: "edge"})
	if got := s.read(t, "gateways.yaml"); !strings.Contains(got, mine) || !strings.Contains(got, "AT_MOST") {
		t.Errorf("what others wrote has gone:\n%s", got)
	}
	s.revoke(t, authority.Selection{Name: "edge-1", Namespace: "edge"})
	if got := s.read(t, "gateways.yaml"); !strings.Contains(got, mine) || strings.Contains(got, "edge-1") {
		t.Errorf("after the revocation:\n%s", got)
	}
}

// TestNothingOfOthersIsReplaced holds for files that were not made here, and for another gateway's pair.
func TestNothingOfOthersIsReplaced(t *testing.T) {
	s := newScene(t)
	taken, others := t.TempDir(), filepath.Join(t.TempDir(), "pair")
	must(t, os.WriteFile(filepath.Join(taken, "tls.key"), []byte("mine"), 0o600))
	issue := func(name, out string) error {
		return s.with(t, func(a *authority.Authority) error {
			_, err := a.IssueGateway(gateway(name), authority.Target{Out: out})
			return err
		})
	}
	must(t, issue("edge-1", others))
	for name, out := range map[string]string{"a file": taken, "another gateway": others, "the folder": s.dir, "below the folder": filepath.Join(s.dir, "server")} {
		if err := issue("edge-2", out); err == nil {
			t.Errorf("%s was written into", name)
		}
	}
	if got, err := os.ReadFile(filepath.Join(taken, "tls.key")); err != nil || string(got) != "mine" {
		t.Errorf("the file holds %q, %v", got, err)
	}
	must(t, issue("edge-1", others))
}

func TestHalfAnAuthorityIsAnError(t *testing.T) {
	for name, want := range map[string]string{"ca.key": "bring it back", "ca.crt": "bring it back"} {
		s := newScene(t)
		must(t, os.Remove(filepath.Join(s.dir, name)))
		_, _, err := authority.Init(t.Context(), s.options(), authority.InitOptions{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("without %s: %v", name, err)
		}
		if _, err := os.Stat(filepath.Join(s.dir, name)); err == nil {
			t.Errorf("%s was made anew", name)
		}
	}
	other, s := newScene(t), newScene(t)
	must(t, os.WriteFile(filepath.Join(s.dir, "ca.key"), []byte(other.read(t, "ca.key")), 0o600))
	if _, err := authority.Open(t.Context(), s.options()); err == nil || strings.Contains(err.Error(), "PRIVATE") {
		t.Errorf("with another's key: %v", err)
	}
	strange := t.TempDir()
	must(t, os.WriteFile(filepath.Join(strange, "x"), nil, 0o600))
	if _, _, err := authority.Init(t.Context(), authority.Options{Dir: strange}, authority.InitOptions{}); err == nil {
		t.Error("a folder of others is taken")
	}
}

// TestManyAtOnceMakeOneOfEach holds that processes wait for each other, and that no serial number is made twice.
func TestManyAtOnceMakeOneOfEach(t *testing.T) {
	s := newScene(t)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			err := s.with(t, func(a *authority.Authority) error {
				_, err := a.IssueGateway(gateway(fmt.Sprintf("edge-%d", i%8)), authority.Target{})
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	l, err := authority.List(s.options())
	must(t, err)
	serials := map[string]bool{}
	for _, c := range l.Certificates {
		serials[c.Serial] = true
	}
	if len(l.Certificates) != 9 || len(serials) != 9 || len(s.principals(t)) != 8 {
		t.Errorf("%d certificates with %d serials and %d mappings, want 9, 9, 8", len(l.Certificates), len(serials), len(s.principals(t)))
	}
}

func TestTheWaitForAnotherIsBounded(t *testing.T) {
	s := newScene(t)
	a, err := authority.Open(t.Context(), s.options())
	must(t, err)
	defer a.Close()
	o := s.options()
	o.LockWait = 50 * time.Millisecond
	if _, err := authority.Open(t.Context(), o); err == nil || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("got %v", err)
	}
}
