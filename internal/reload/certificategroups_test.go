package reload_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
)

// otherGroup is gateways of another namespace, with a server and a certificate of their own.
func otherGroup() node.Group {
	return node.Of(model.Gateway{Namespace: "other", Labels: map[string]string{"istio": "other"}})
}

// wrongElsewhere is an error that reaches the other group alone.
const wrongElsewhere = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: wrong, namespace: other}\nspec: {action: DENY}\n"

// otherSecure returns a Gateway for the other group, whose certificate is in the directory "other".
func otherSecure() string {
	return strings.NewReplacer("istio: ingressgateway", "istio: other", "name: g", "name: h", "a.example", "b.example", "credentialName: web", "credentialName: other").Replace(secure)
}

// TestACertificateThatEndsWhileNobodyRuns holds that it is one that is served, and only warned
// about, also where its generation was good for some gateways and not for all.
func TestACertificateThatEndsWhileNobodyRuns(t *testing.T) {
	for name, elsewhere := range map[string]string{"good for all": policy("fine", "/x"), "good for some": wrongElsewhere} {
		t.Run(name, func(t *testing.T) {
			s := newCertificateScene(t)
			s.issue(t, 24*time.Hour)
			write(t, s.dir, "elsewhere.yaml", elsewhere)
			s.Join(group())
			s.Join(otherGroup())
			must(t, s.Reload(t.Context(), input.Change{}))
			before := s.last(t)

			s.clock.pass(48 * time.Hour)
			s.start(t)
			must(t, s.Reload(t.Context(), input.Change{}))
			s.Join(group())
			if got := s.Status(); codes(got.Diagnostics) != "PR1110" || !got.Certificates[0].Serving || !got.Certificates[0].Expired {
				t.Errorf("after the restart: %v, %+v", got.Diagnostics, got.Certificates)
			}
			write(t, s.dir, "policy.yaml", policy("a", "/b"))
			must(t, s.Reload(t.Context(), input.Change{}))
			if got := s.Status(); codes(got.Diagnostics) != "PR1110" {
				t.Errorf("after an edit: %v", got.Diagnostics)
			}
			if after := s.last(t); after[resourcev3.ExtensionConfigType] == before[resourcev3.ExtensionConfigType] || after[resourcev3.SecretType] != before[resourcev3.SecretType] {
				t.Errorf("an edit of policy gives %v after %v", after, before)
			}

			// One that comes in expired is an error still, also at a restart.
			s.issue(t, -time.Hour)
			must(t, s.Reload(t.Context(), input.Change{}))
			s.start(t)
			must(t, s.Reload(t.Context(), input.Change{}))
			if got := s.Status(); codes(got.Diagnostics) != "PR1109" {
				t.Errorf("another expired one: %v", got.Diagnostics)
			}
		})
	}
}

// TestACertificateThatIsRefusedForSomeIsNotServed holds that an expired certificate never takes
// the place of a good one: that the generation which brought it is served to others, whom it
// is not for, does not make it one that is served.
func TestACertificateThatIsRefusedForSomeIsNotServed(t *testing.T) {
	s := newCertificateScene(t)
	must(t, os.Mkdir(filepath.Join(s.secrets, "other"), 0o700))
	write(t, s.dir, "other.yaml", otherSecure())
	s.issue(t, 240*time.Hour)
	s.issueTo(t, "other", 240*time.Hour)
	s.Join(group())
	s.Join(otherGroup())
	must(t, s.Reload(t.Context(), input.Change{}))
	good := s.published.sent[otherGroup().Key]
	if len(good) != 1 {
		t.Fatalf("published %d times to the other group, want once", len(good))
	}

	s.issueTo(t, "other", -time.Hour)
	for _, path := range []string{"/b", "/c", "/d"} {
		write(t, s.dir, "policy.yaml", policy("a", path))
		if path == "/d" {
			s.start(t)
		}
		must(t, s.Reload(t.Context(), input.Change{}))
		s.Join(group())
		s.Join(otherGroup())
		if got := s.Status(); codes(got.Diagnostics) != "PR1109" {
			t.Errorf("%s: %v", path, got.Diagnostics)
		}
		for _, c := range s.Status().Certificates {
			if c.Serving == c.Expired {
				t.Errorf("%s: the status says %+v", path, c)
			}
		}
		others := s.published.sent[otherGroup().Key]
		if last := others[len(others)-1]; last[resourcev3.SecretType] != good[0][resourcev3.SecretType] {
			t.Errorf("%s: the expired certificate was published", path)
		}
	}
}
