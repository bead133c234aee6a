package test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/admin"
	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/diag"
)

// everythingPasses is policy that lets everything pass, and says so.
const everythingPasses = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: everything, namespace: istio-system}\nspec: {action: ALLOW, rules: [{}]}\n"

// switchedOff is a JWTPolicy that says so too.
func switchedOff(t testing.TB) string {
	t.Helper()
	return strings.Replace(tutorial(t, "AUTH_IF_MATCHED", "/guarded"), "spec:\n", "spec:\n  enabled: false\n", 1)
}

// unguarded returns the only group of the plane, and whether it is kept from the latest policy
// because nothing would be enforced on it.
func unguarded(t *testing.T, p *plane) (admin.Group, bool) {
	t.Helper()
	status, err := p.status(t)
	if err != nil || len(status.Groups) != 1 || len(status.Gateways) != 1 {
		return admin.Group{}, false
	}
	refused := status.Groups[0].Refused
	return status.Groups[0], len(refused) == 1 && refused[0].Code == diag.CodeUnguarded
}

// TestNoSlipOpensAGateway makes the slips that take all policy from a gateway while /guarded is
// asked for without a token, then restarts the control plane and the gateway.
func TestNoSlipOpensAGateway(t *testing.T) {
	envoytest.Require(t)
	edit := func(old, replacement string) func(*testing.T, *scene) {
		return func(t *testing.T, s *scene) {
			t.Helper()
			content, err := os.ReadFile(s.policy)
			must(t, err)
			if !strings.Contains(string(content), old) {
				t.Fatalf("%q is not in the policy", old)
			}
			replace(t, s.policy, strings.Replace(string(content), old, replacement, 1))
		}
	}
	jwt, deny := tutorial(t, "AUTH_IF_MATCHED", "/guarded"), denial("guard", "ingressgateway", "/guarded")
	for name, c := range map[string]struct {
		policy string
		slip   func(*testing.T, *scene)
		why    string
	}{
		"typo in a namespace": {jwt, edit("namespace: istio-system", "namespace: istio-systen"), "its namespace is istio-systen now"},
		"typo in a selector":  {jwt, edit("ingressgateway", "ingresgateway"), "it does not select them any more"},
		"last file renamed": {jwt, func(t *testing.T, s *scene) {
			t.Helper()
			must(t, os.Rename(s.policy, filepath.Join(s.dir, "policy.txt")))
		}, "policy.yaml is not among the files that are read any more"},
		"last file deleted": {deny, func(t *testing.T, s *scene) {
			t.Helper()
			must(t, os.Remove(s.policy))
		}, "policy.yaml is not among the files that are read any more"},
		"made an AUDIT":  {deny, edit("DENY", "AUDIT"), "its action is AUDIT now"},
		"made a dry run": {deny, edit("istio-system}", "istio-system, annotations: {istio.io/dry-run: 'true'}}"), "it is a dry run now"},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			s := newScene(t, c.policy, "--state-dir", state)
			l := startLoad(t, s.address, 4, func(status int) bool { return status == 403 })
			c.slip(t, s)
			kept := func() bool { _, kept := unguarded(t, s.plane); return kept }
			eventually(t, "the group is kept from it", kept)
			speaksOf(t, s.plane, c.why)

			s.stop()
			s.start(t, "--state-dir", state)
			eventually(t, "the group is kept from it after a restart", kept)
			speaksOf(t, s.plane, c.why)
			eventually(t, "requests were asked after the restart", func() bool { return l.more(100) })
			l.stop()
			if len(l.lost) > 0 {
				t.Errorf("%d of %d requests were not refused, first: %v", len(l.lost), l.requests, l.lost[0])
			}

			s.gateway.Stop()
			port := s.address[strings.LastIndex(s.address, ":")+1:]
			address := s.startGateway(t, envoytest.Options{}).MustListener(t, "127.0.0.1_"+port)
			if got := ask(t, address, "/guarded").Status; got != 403 {
				t.Errorf("/guarded of a gateway that starts: %d, want 403", got)
			}
			write(t, s.policy, denial("guard", "ingressgateway", "/other"))
			eventually(t, "what is put right takes effect", func() bool { return ask(t, address, "/other").Status == 403 })
			t.Logf("%d requests, all refused", l.requests)
		})
	}
}

// speaksOf holds that readiness, metrics, the log and the status verb speak of what is kept from a group.
func speaksOf(t *testing.T, p *plane, why string) {
	t.Helper()
	if status, text := p.get("/readyz"); status != 200 || !strings.Contains(text, "PR0970") || !strings.Contains(text, why) {
		t.Errorf("/readyz: %d %s", status, text)
	}
	if _, text := p.get("/metrics"); !strings.Contains(text, "portreeve_groups_refused 1\n") || !strings.Contains(text, "portreeve_groups_without_policy 0\n") {
		t.Errorf("/metrics lacks the group that is refused: %s", linesWith(text, "portreeve_groups"))
	}
	eventually(t, "the log tells of it", func() bool {
		return strings.Contains(p.log.String(), "policy refused for groups of gateways") && strings.Contains(p.log.String(), why)
	})
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"status", "--admin-address", p.admin}, &out, &errs); code != exitFindings || !strings.Contains(out.String(), "the latest is refused") || !strings.Contains(out.String(), why) {
		t.Errorf("status: exit %d:\n%s%s", code, &out, &errs)
	}
}

func linesWith(text, part string) string {
	var out []string
	for line := range strings.Lines(text) {
		if strings.Contains(line, part) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

// more reports whether so many requests were asked since it was called first.
func (l *load) more(n int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mark == 0 {
		l.mark = l.requests
	}
	return l.requests >= l.mark+n
}

// TestAGatewayIsOpenedByWhoSaysSo holds for both ways of saying that nothing shall be enforced,
// and that the status and the metrics tell of it.
func TestAGatewayIsOpenedByWhoSaysSo(t *testing.T) {
	envoytest.Require(t)
	for name, c := range map[string]struct{ policy, says, metric string }{
		"ALLOW with an empty rule": {everythingPasses, "nothing asks for a token here", "portreeve_groups_without_policy 0\n"},
		"a JWTPolicy switched off": {switchedOff(t), "nothing is enforced here", "portreeve_groups_without_policy 1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			s := newScene(t, tutorial(t, "AUTH_IF_MATCHED", "/guarded"), "--state-dir", state)
			if _, text := s.get("/metrics"); !strings.Contains(text, "portreeve_groups_without_token_demand 0\n") {
				t.Errorf("with a JWTPolicy: %s", linesWith(text, "portreeve_groups"))
			}
			open := func(when string) {
				t.Helper()
				eventually(t, when, func() bool {
					g, kept := unguarded(t, s.plane)
					return !kept && g.Serving != nil && ask(t, s.address, "/guarded").Status == 200
				})
				if _, text := s.get("/metrics"); !strings.Contains(text, c.metric) || !strings.Contains(text, "portreeve_groups_without_token_demand 1\n") || !strings.Contains(text, "portreeve_groups_refused 0\n") {
					t.Errorf("%s: %s", when, linesWith(text, "portreeve_groups"))
				}
				var out, errs bytes.Buffer
				if code := run(t.Context(), []string{"status", "--admin-address", s.admin}, &out, &errs); code != exitClean || !strings.Contains(out.String(), c.says) {
					t.Errorf("%s: status: exit %d:\n%s%s", when, code, &out, &errs)
				}
			}
			replace(t, s.policy, c.policy)
			open("it takes effect")
			s.stop()
			s.start(t, "--state-dir", state)
			open("after a restart")
		})
	}
}

// TestARemovedObjectIsToldOf holds that the log and the status name what went and where it stood.
func TestARemovedObjectIsToldOf(t *testing.T) {
	envoytest.Require(t)
	s := newScene(t, denial("guard", "ingressgateway", "/guarded")+"---\n"+denial("more", "ingressgateway", "/more"))
	replace(t, s.policy, denial("guard", "ingressgateway", "/guarded"))
	s.enforced(t, "/more", 200)
	want := fmt.Sprintf("%s:12:18: AuthorizationPolicy istio-system/more", s.policy)
	eventually(t, "the log names it", func() bool {
		line := linesWith(s.log.String(), "objects are not written any more")
		return strings.Contains(line, "level=WARN") && strings.Contains(line, "count=1") && strings.Contains(line, want)
	})
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"status", "--admin-address", s.admin}, &out, &errs); code != exitClean || !strings.Contains(out.String(), "removed: 1\n    "+want) {
		t.Errorf("status: exit %d:\n%s%s", code, &out, &errs)
	}
}
