package authority_test

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/authority"
)

var errCrash = errors.New("crash")

// crash lets so many steps be made and none after them.
type crash struct {
	left int
	cut  string
}

func (c *crash) before(step string) error {
	if c.left > 0 {
		c.left--
		return nil
	}
	if c.cut == "" {
		c.cut = step
	}
	return errCrash
}

// TestACrashLeavesAUsableFolder cuts each command at each of its steps. What was there must go on working, and
// the same command again must come to the same end.
func TestACrashLeavesAUsableFolder(t *testing.T) {
	type command struct {
		given func(t *testing.T, s *scene)
		run   func(t *testing.T, s *scene, before func(string) error) error
		then  func(t *testing.T, s *scene)
	}
	issue := func(a *authority.Authority) error {
		_, err := a.IssueGateway(gateway("edge-1"), authority.Target{})
		return err
	}
	renew := func(a *authority.Authority) error {
		_, err := a.Renew(authority.Selection{Name: "edge-1", Namespace: "edge"})
		return err
	}
	revoke := func(a *authority.Authority) error {
		_, err := a.Revoke(authority.Selection{Name: "edge-1", Namespace: "edge"})
		return err
	}
	opened := func(action func(*authority.Authority) error) func(*testing.T, *scene, func(string) error) error {
		return func(t *testing.T, s *scene, before func(string) error) error {
			a, err := authority.OpenBefore(t.Context(), s.options(), before)
			if err != nil {
				return err
			}
			defer a.Close()
			return action(a)
		}
	}
	first := func(t *testing.T, s *scene) { s.init(t); s.issue(t, "edge-1"); s.now = s.now.Add(time.Hour) }
	served := func(t *testing.T, s *scene) { s.whole(t, "gateways/edge/edge-1"); s.whole(t, "server") }
	for name, c := range map[string]command{
		"init": {
			given: func(*testing.T, *scene) {},
			run: func(t *testing.T, s *scene, before func(string) error) error {
				a, _, err := authority.InitBefore(t.Context(), s.options(), authority.InitOptions{}, before)
				if err != nil {
					return err
				}
				return a.Close()
			},
			then: func(t *testing.T, s *scene) { s.issue(t, "edge-1"); served(t, s) },
		},
		"issue":      {func(t *testing.T, s *scene) { s.init(t) }, opened(issue), served},
		"issue anew": {func(t *testing.T, s *scene) { first(t, s); s.now = s.now.Add(25 * day) }, opened(issue), served},
		"renew":      {first, opened(renew), served},
		"revoke":     {first, opened(revoke), func(t *testing.T, s *scene) { s.out(t) }},
		"issue beside": {first, opened(func(a *authority.Authority) error {
			_, err := a.IssueServer([]string{"x"}, authority.Target{})
			return err
		}), served},
	} {
		t.Run(name, func(t *testing.T) {
			for steps := 0; ; steps++ {
				s := &scene{filepath.Join(t.TempDir(), "ca"), time.Now().Truncate(time.Second)}
				c.given(t, s)
				at := &crash{left: steps}
				err := c.run(t, s, at.before)
				if err == nil {
					if steps < 5 {
						t.Fatalf("there are only %d steps", steps)
					}
					return
				}
				if !errors.Is(err, errCrash) {
					t.Fatalf("cut before %q: %v", at.cut, err)
				}
				if pair := filepath.Join(s.dir, "gateways/edge/edge-1"); name == "renew" || name == "issue anew" {
					if _, err := tls.LoadX509KeyPair(filepath.Join(pair, "tls.crt"), filepath.Join(pair, "tls.key")); err != nil {
						t.Errorf("cut before %q the pair is broken: %v", at.cut, err)
					}
				}
				s.now = s.now.Add(time.Minute)
				if err := c.run(t, s, func(string) error { return nil }); err != nil {
					t.Fatalf("cut before %q and run again: %v", at.cut, err)
				}
				c.then(t, s)
				s.clean(t)
				if t.Failed() {
					t.Fatalf("it was cut before %q", at.cut)
				}
			}
		})
	}
}

// whole holds that a pair is in use, and known.
func (s *scene) whole(t *testing.T, place string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(filepath.Join(s.dir, place, "tls.crt"), filepath.Join(s.dir, place, "tls.key"))
	must(t, err)
	if s.read(t, filepath.Join(place, "ca.crt")) != s.read(t, "ca.crt") {
		t.Errorf("%s has another authority", place)
	}
	l, err := authority.List(s.options())
	must(t, err)
	if !slices.ContainsFunc(l.Certificates, func(c authority.Listed) bool {
		return c.Serial == pair.Leaf.SerialNumber.Text(16) && (c.State == authority.Valid || c.State == authority.Due)
	}) {
		t.Errorf("%s is not known as valid: %+v", place, l.Certificates)
	}
	s.revoked(t)
	if place != "server" && len(s.principals(t)) != 1 {
		t.Errorf("mapped: %v", s.principals(t))
	}
}

// out holds that the only gateway is revoked.
func (s *scene) out(t *testing.T) {
	t.Helper()
	if len(s.revoked(t)) != 1 || len(s.principals(t)) != 0 {
		t.Errorf("revoked %v, mapped %v", s.revoked(t), s.principals(t))
	}
}

// clean holds that nothing is left of what was never put in place.
func (s *scene) clean(t *testing.T) {
	t.Helper()
	must(t, filepath.WalkDir(s.dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(e.Name(), ".new-") {
			t.Errorf("%s is left", path)
		}
		return err
	}))
}

// TestACrashKeepsNobodyFromBeingRenewed holds that what stands in its place decides, and not what was noted.
func TestACrashKeepsNobodyFromBeingRenewed(t *testing.T) {
	s := newScene(t)
	s.issue(t, "edge-1")
	s.now = s.now.Add(15 * day)
	a, err := authority.OpenBefore(t.Context(), s.options(), func(step string) error {
		if step == "swap" {
			return errCrash
		}
		return nil
	})
	must(t, err)
	if _, err := a.Renew(authority.Selection{All: true}); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	must(t, a.Close())
	s.now = s.now.Add(6 * day)
	if out := s.renew(t, authority.Selection{}); len(out) != 2 {
		t.Errorf("renewed: %+v, want both", out)
	}
}

// TestAnInterruptedRevocationIsDoneByTheNextCommand holds for the list, which shuts out.
func TestAnInterruptedRevocationIsDoneByTheNextCommand(t *testing.T) {
	s := newScene(t)
	one := s.issue(t, "edge-1")
	a, err := authority.OpenBefore(t.Context(), s.options(), func(step string) error {
		if step == "move crl.pem" {
			return errCrash
		}
		return nil
	})
	must(t, err)
	if _, err := a.Revoke(authority.Selection{Serial: one.Serial}); !errors.Is(err, errCrash) {
		t.Fatal(err)
	}
	must(t, a.Close())
	s.renew(t, authority.Selection{})
	if got := s.revoked(t); !slices.Equal(got, []string{one.Serial}) {
		t.Errorf("revoked: %v", got)
	}
}
