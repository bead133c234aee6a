package authority_test

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/authority"
)

// TestAGatewayThatIsIssuedAgainKeepsItsLabels holds that without labels nothing of a mapping changes, whoever wrote it:
// other labels would give the gateway other keys.
func TestAGatewayThatIsIssuedAgainKeepsItsLabels(t *testing.T) {
	s := newScene(t)
	again := authority.Gateway{Namespace: "edge", Name: "edge-1"}
	issue := func(g authority.Gateway) (i authority.Issued) {
		must(t, s.with(t, func(a *authority.Authority) (err error) {
			i, err = a.IssueGateway(g, authority.Target{})
			return err
		}))
		return i
	}
	mapped := func() (is bool) {
		must(t, s.with(t, func(a *authority.Authority) (err error) {
			is, err = a.Maps(again)
			return err
		}))
		return is
	}
	if mapped() {
		t.Error("a gateway is mapped that was never issued")
	}
	want := map[string]string{"istio": "othergateway", "zone": "a"}
	if i := issue(authority.Gateway{Namespace: "edge", Name: "edge-1", Labels: want}); !i.Mapped || !mapped() {
		t.Errorf("issued: %+v", i)
	}
	if i := issue(again); i.Mapped || !maps.Equal(i.MappedTo.Labels, want) || i.MappedTo.Namespace != "edge" {
		t.Errorf("issued again: %+v", i)
	}
	path := filepath.Join(s.dir, "gateways.yaml")
	edited := strings.NewReplacer("namespace: edge\n  labels", "namespace: other\n  labels", "EXACTLY", "ASSIGN").Replace(s.read(t, "gateways.yaml"))
	must(t, os.WriteFile(path, []byte(edited), 0o600))
	if i := issue(again); i.Mapped || i.MappedTo.Namespace != "other" || s.read(t, "gateways.yaml") != edited {
		t.Errorf("issued after an edit by hand: %+v\n%s", i, s.read(t, "gateways.yaml"))
	}
}

// TestAKeyThatOthersMayReadIssuesNothing holds for the key of the authority.
func TestAKeyThatOthersMayReadIssuesNothing(t *testing.T) {
	s := newScene(t)
	key := filepath.Join(s.dir, "ca.key")
	for mode, works := range map[os.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false} {
		must(t, os.Chmod(key, mode))
		err := s.with(t, func(a *authority.Authority) error {
			_, err := a.IssueGateway(gateway("edge-1"), authority.Target{})
			return err
		})
		if works != (err == nil) || err != nil && !strings.Contains(err.Error(), "chmod 600") {
			t.Errorf("with the mode %04o: %v", mode, err)
		}
	}
}
