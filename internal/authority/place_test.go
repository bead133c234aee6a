//go:build unix

package authority_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/authority"
)

// open makes a directory in which everybody may put what he likes.
func open(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "open")
	must(t, os.Mkdir(dir, 0o700))
	must(t, os.Chmod(dir, 0o777))
	return dir
}

// victim makes a directory of somebody who has nothing to do with a pair, and tells whether it has changed.
func victim(t *testing.T) (dir string, same func(when string)) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "victim")
	must(t, os.Mkdir(dir, 0o711)) //nolint:gosec // a mode that no pair has
	return dir, func(when string) {
		t.Helper()
		info, err := os.Stat(dir)
		must(t, err)
		entries, err := os.ReadDir(dir)
		must(t, err)
		if info.Mode().Perm() != 0o711 || len(entries) > 0 {
			t.Errorf("%s: another directory has the mode %v and %v", when, info.Mode(), entries)
		}
	}
}

// TestNoLinkLeadsAPairElsewhere holds that who may change a directory on the way to a pair cannot have the pair, its
// owner or its mode go to a directory out of there: neither when it is issued, nor when it is renewed.
func TestNoLinkLeadsAPairElsewhere(t *testing.T) {
	s := newScene(t)
	for name, below := range map[string]string{"the directory": "tls", "one on the way": "tls/pair", "several": "tls/../tls/./pair"} {
		t.Run(name, func(t *testing.T) {
			others := open(t)
			dir, same := victim(t)
			out := others + "/" + below
			for when, do := range map[string]func(*authority.Authority) error{
				"issue": func(a *authority.Authority) error {
					_, err := a.IssueGateway(gateway("edge-1"), authority.Target{Out: out})
					return err
				},
				"renew": func(a *authority.Authority) error {
					if _, err := a.IssueGateway(gateway("edge-2"), authority.Target{Out: out}); err != nil {
						return err
					}
					must(t, os.RemoveAll(filepath.Join(others, "tls")))
					must(t, os.Symlink(dir, filepath.Join(others, "tls")))
					_, err := a.Renew(authority.Selection{Name: "edge-2", Namespace: "istio-system"})
					return err
				},
			} {
				must(t, os.RemoveAll(filepath.Join(others, "tls")))
				if when == "issue" {
					must(t, os.Symlink(dir, filepath.Join(others, "tls")))
				}
				if err := s.with(t, do); err == nil {
					t.Errorf("%s: nothing is said", when)
				}
				same(when)
			}
		})
	}
}

// TestAVersionThatIsExchangedIsNotGivenAway holds the same for what is put in the place of a pair that is being written.
func TestAVersionThatIsExchangedIsNotGivenAway(t *testing.T) {
	s := newScene(t)
	others := open(t)
	inside := filepath.Join(others, "tls", "inside")
	must(t, os.MkdirAll(inside, 0o711)) //nolint:gosec // a mode that no pair has
	a, err := authority.OpenBefore(t.Context(), s.options(), func(step string) error {
		if step != "open a version" {
			return nil
		}
		versions, err := filepath.Glob(filepath.Join(others, "tls", "..2*"))
		if err != nil || len(versions) != 1 {
			t.Fatalf("there are the versions %v, %v", versions, err)
		}
		must(t, os.Rename(versions[0], filepath.Join(others, "away")))
		return os.Symlink("inside", versions[0])
	})
	must(t, err)
	defer a.Close()
	_, _ = a.IssueGateway(gateway("edge-1"), authority.Target{Out: filepath.Join(others, "tls")})
	if info, err := os.Stat(inside); err != nil || info.Mode().Perm() != 0o711 {
		t.Errorf("another directory has %v, %v", info.Mode(), err)
	}
}

// TestLinksOfOnesOwnAreFollowed holds that a directory may be reached through links that nobody else can change, and
// that one which everybody may change takes a pair.
func TestLinksOfOnesOwnAreFollowed(t *testing.T) {
	s := newScene(t)
	own := t.TempDir()
	must(t, os.Mkdir(filepath.Join(own, "real"), 0o700))
	must(t, os.Symlink(filepath.Join(own, "real"), filepath.Join(own, "absolute")))
	must(t, os.Symlink("absolute", filepath.Join(own, "relative")))
	for name, out := range map[string]string{
		"edge-1": filepath.Join(own, "relative", "new", "pair"),
		"edge-2": filepath.Join(open(t), "new", "pair"),
	} {
		must(t, s.with(t, func(a *authority.Authority) error {
			_, err := a.IssueGateway(gateway(name), authority.Target{Out: out})
			return err
		}))
		if _, err := os.Stat(filepath.Join(out, "tls.key")); err != nil {
			t.Error(err)
		}
	}
	must(t, os.Symlink("round", filepath.Join(own, "round")))
	if _, err := authority.OpenPlace(filepath.Join(own, "round", "pair")); err == nil || !strings.Contains(err.Error(), "too many links") {
		t.Errorf("links without an end give %v", err)
	}
}

// TestAFolderThatIsTakenOverIsNobodyElses holds that the owner of an empty folder does not stay the one of an authority
// in it: he could put another authority in its place.
func TestAFolderThatIsTakenOverIsNobodyElses(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives folders away")
	}
	s := &scene{filepath.Join(t.TempDir(), "ca"), time.Now().Truncate(time.Second)}
	must(t, os.Mkdir(s.dir, 0o700))
	must(t, os.Chown(s.dir, 12345, 12345))
	s.init(t)
	info, err := os.Stat(s.dir)
	must(t, err)
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 0 {
		t.Errorf("the folder is still of the user %d", stat.Uid)
	}
}
