package test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// scene is a control plane and a gateway before a backend, with policy.yaml to edit.
type scene struct {
	*plane
	gateway *envoytest.Envoy
	address string
	policy  string // path of policy.yaml
}

func newScene(t *testing.T, policy string, flags ...string) *scene {
	t.Helper()
	port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, backend.Port()), "policy.yaml": policy})
	s := &scene{plane: startPlane(t, dir, flags...), policy: filepath.Join(dir, "policy.yaml")}
	s.gateway = s.startGateway(t, envoytest.Options{})
	s.address = s.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	return s
}

// generation returns the number of the latest generation.
func (s *scene) generation(t *testing.T) uint64 {
	t.Helper()
	status, err := s.status(t)
	if err != nil {
		t.Fatal(err)
	}
	return status.Latest.Seq
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// waysOfEditing replace a file's content, as programs do it.
func waysOfEditing() map[string]func(t testing.TB, path, content string) {
	return map[string]func(t testing.TB, path, content string){
		"in place":       write,
		"temporary file": replace,
		"sed -i, from elsewhere": func(t testing.TB, path, content string) {
			t.Helper()
			temporary := filepath.Join(filepath.Dir(filepath.Dir(path)), "elsewhere")
			write(t, temporary, content)
			must(t, os.Rename(temporary, path))
		},
		"vim: away, create, write, remove backup": func(t testing.TB, path, content string) {
			t.Helper()
			must(t, os.Rename(path, path+"~"))
			write(t, path, content)
			must(t, os.Remove(path+"~"))
		},
		"git: delete and create": func(t testing.TB, path, content string) {
			t.Helper()
			must(t, os.Remove(path))
			write(t, path, content)
		},
		"truncate, then in pieces": func(t testing.TB, path, content string) {
			t.Helper()
			writePieces(t, path, content, 16)
		},
	}
}

func writePieces(t testing.TB, path, content string, size int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	must(t, err)
	defer func() { must(t, f.Close()) }()
	for len(content) > 0 {
		n := min(size, len(content))
		_, err := f.WriteString(content[:n])
		must(t, err)
		content = content[n:]
	}
}

func TestEveryWayOfEditingTakesEffect(t *testing.T) {
	envoytest.Require(t)
	always := denial("guard", "ingressgateway", "/guarded")
	s := newScene(t, always)
	l := startLoad(t, s.address, 4, func(status int) bool { return status == 403 })
	i := 0
	for name, edit := range waysOfEditing() {
		i++
		before := s.generation(t)
		marker := fmt.Sprintf("/marker-%d", i)
		edit(t, s.policy, denial("guard", "ingressgateway", "/guarded", marker))
		eventually(t, name+": the edit is enforced", func() bool { return ask(t, s.address, marker).Status == 403 })
		// A second generation would come of the quiet period at the latest.
		settled := time.NewTimer(4 * 50 * time.Millisecond)
		<-settled.C
		if after := s.generation(t); after != before+1 {
			t.Errorf("%s: %d generations, want 1", name, after-before)
		}
	}
	l.stop()
	if len(l.lost) > 0 {
		t.Errorf("%d of %d requests to the guarded path were not refused, first: %v", len(l.lost), l.requests, l.lost[0])
	}
}

func TestAConfigMapSwapTakesEffect(t *testing.T) {
	envoytest.Require(t)
	port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	dir := t.TempDir()
	volume := func(name, policy string) {
		must(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		write(t, filepath.Join(dir, name, "routing.yaml"), routing(port, backend.Port()))
		write(t, filepath.Join(dir, name, "policy.yaml"), policy)
	}
	volume("..one", denial("guard", "ingressgateway", "/one"))
	must(t, os.Symlink("..one", filepath.Join(dir, "..data")))
	for _, file := range []string{"routing.yaml", "policy.yaml"} {
		must(t, os.Symlink(filepath.Join("..data", file), filepath.Join(dir, file)))
	}
	p := startPlane(t, dir)
	gateway := p.startGateway(t, envoytest.Options{})
	address := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	if got := ask(t, address, "/one").Status; got != 403 {
		t.Fatalf("/one: %d, want 403", got)
	}
	volume("..two", denial("guard", "ingressgateway", "/two"))
	must(t, os.Symlink("..two", filepath.Join(dir, "..data_tmp")))
	must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	// Each worker of an Envoy takes an edit up by itself.
	eventually(t, "the swapped policy is enforced", func() bool { return ask(t, address, "/two").Status == 403 && ask(t, address, "/one").Status == 200 })
}

// TestARewriteInPlaceOpensNothing writes a policy of 200 KiB over itself a thousand times, in pieces
// that often end where a document ends: half of the file is valid YAML without the policy
// that guards.
func TestARewriteInPlaceOpensNothing(t *testing.T) {
	envoytest.Require(t)
	var documents []string
	for i := 0; len(strings.Join(documents, "---\n")) < 200<<10; i++ {
		for range 40 {
			documents = append(documents, denial(fmt.Sprintf("fill-%d", len(documents)), "ingressgateway", fmt.Sprintf("/fill/%d", len(documents))))
		}
	}
	documents = append(documents, denial("guard", "ingressgateway", "/guarded"))
	policy := strings.Join(documents, "---\n")
	s := newScene(t, policy)
	refused := startLoad(t, s.address, 4, func(status int) bool { return status == 403 })
	ctx, cancel := context.WithCancel(t.Context())
	passing := make(chan error, 1)
	open := dial(t, s.address)
	go func() {
		for ctx.Err() == nil {
			answer, err := open.Get(context.Background(), "http://"+s.address+"/open")
			if err != nil {
				passing <- err
				return
			}
			if answer.Status != 200 {
				passing <- fmt.Errorf("a request that should pass got %d", answer.Status)
				return
			}
		}
		passing <- nil
	}()
	for range 1000 {
		writePieces(t, s.policy, policy, 4<<10)
	}
	cancel()
	refused.stop()
	if err := <-passing; err != nil {
		t.Error(err)
	}
	if len(refused.lost) > 0 {
		t.Errorf("%d of %d requests to the guarded path were not refused, first: %v", len(refused.lost), refused.requests, refused.lost[0])
	}
	t.Logf("%d requests during 1,000 rewrites of %d bytes", refused.requests, len(policy))
}

func TestABrokenFileLeavesTheLastGoodPolicy(t *testing.T) {
	envoytest.Require(t)
	good := tutorial(t, "AUTH_IF_MATCHED", "/guarded")
	s := newScene(t, good)
	for _, c := range []struct{ name, broken, diagnosed string }{
		{"bad YAML", strings.Replace(good, "spec:", "spec: [", 1), "policy.yaml:4:1: error PR0102"},
		{"unknown field", strings.Replace(good, "matching:", "matchings:", 1), `policy.yaml:9:3: error PR0203: spec has no field "matchings" (did you mean matching?)`},
		{"bad key set", strings.Replace(good, `"kty":"RSA"`, `"kty":"RSX"`, 1), "policy.yaml:8:11: error PR0303"},
		{"empty file", "", "policy.yaml:1:1: error PR0103"},
		{"deleted key", strings.Replace(good, "    issuer: testing@secure.istio.io\n", "", 1), "policy.yaml:7:5: error PR0301"},
	} {
		t.Run(c.name, func(t *testing.T) {
			replace(t, s.policy, c.broken)
			eventually(t, "the finding stands in status", func() bool {
				_, text := s.get("/debug/status")
				return strings.Contains(text, "policy.yaml")
			})
			eventually(t, "the log has "+c.diagnosed, func() bool {
				log := s.log.String()
				return strings.Contains(log, strings.ReplaceAll(c.diagnosed, `"`, `\"`)) || strings.Contains(log, strings.ReplaceAll(c.diagnosed, `"`, `\\\"`))
			})
			if got := ask(t, s.address, "/guarded").Status; got != 403 {
				t.Errorf("/guarded: %d, want 403 by the last good policy", got)
			}
			if status, _ := s.get("/readyz"); status != 200 {
				t.Errorf("/readyz: %d, want 200: the last good policy is served", status)
			}
			before := s.generation(t)
			replace(t, s.policy, good)
			eventually(t, "the repaired file is read", func() bool { return s.generation(t) > before })
			if status, err := s.status(t); err != nil || status.Diagnostics.HasErrors() {
				t.Errorf("after the repair: %v, %v", status.Diagnostics, err)
			}
		})
	}
}

// TestALongExpressionIsAccepted holds that the bootstrap lifts Envoy's own limit on regular
// expressions, which what Istio's syntax becomes would exceed.
func TestALongExpressionIsAccepted(t *testing.T) {
	envoytest.Require(t)
	s := newScene(t, denial("guard", "ingressgateway", "/guarded"))
	long := strings.Replace(denial("guard", "ingressgateway", "/long"), "  rules:\n", "  rules:\n  - from: [{source: {namespaces: [\""+strings.Repeat("n", 200)+"*\"]}}]\n", 1)
	replace(t, s.policy, long)
	eventually(t, "the policy is enforced", func() bool { return ask(t, s.address, "/long").Status == 403 })
	status, err := s.status(t)
	must(t, err)
	for _, typ := range status.Gateways[0].Types {
		if typ.Refusal != nil {
			t.Errorf("%s: %s", typ.Name, typ.Refusal.Message)
		}
	}
}

// TestARefusalNamesThePolicy makes Envoy refuse what the compiler let through: its limit on regular
// expressions is its own, which ordinary policy stays below. Status and log name the gateway, Envoy's
// message and the policy's line, and the gateway stays on what it had.
func TestARefusalNamesThePolicy(t *testing.T) {
	envoytest.Require(t)
	port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, backend.Port()), "policy.yaml": denial("guard", "ingressgateway", "/guarded")})
	p := startPlane(t, dir)
	low := bytes.ReplaceAll(p.bootstrap(t), []byte("32768"), []byte("100"))
	address := envoytest.Run(t, envoytest.Options{Bootstrap: low}).MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	long := strings.Replace(denial("guard", "ingressgateway", "/long"), "  rules:\n", "  rules:\n  - from: [{source: {namespaces: [\""+strings.Repeat("n", 200)+"*\"]}}]\n", 1)
	replace(t, filepath.Join(dir, "policy.yaml"), long)
	eventually(t, "the refusal stands in the log with the policy's line", func() bool {
		log := p.log.String()
		return strings.Contains(log, "gateway refused configuration") && strings.Contains(log, `origins="[`+dir+"/policy.yaml:8:5")
	})
	if got := ask(t, address, "/guarded").Status; got != 403 {
		t.Errorf("/guarded: %d, want 403 by what the gateway had", got)
	}
	var out, errs strings.Builder
	if code := run(t.Context(), []string{"status", "--admin-address", p.admin}, &out, &errs); code != exitFindings || !strings.Contains(out.String(), "refused") {
		t.Errorf("status: exit %d: %s%s", code, out.String(), errs.String())
	}
}
