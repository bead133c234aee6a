package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// stateBefore is a state of the form that it had before it had a version.
func stateBefore(t *testing.T, files map[string]string) []byte {
	t.Helper()
	type file struct {
		Path    string
		Content []byte
	}
	var all []file
	for path, content := range files {
		all = append(all, file{path, []byte(content)})
	}
	text, err := json.Marshal(map[string]any{
		"generations": []any{map[string]any{"at": time.Now(), "files": all}},
		"gateways":    []any{map[string]any{"Namespace": "istio-system", "Labels": map[string]string{"istio": "ingressgateway"}, "Locality": ""}},
	})
	must(t, err)
	return text
}

// TestABrokenStateOpensNothing holds that whatever has become of the state, the control plane
// starts, no gateway is open because of it, and the policy files count as soon as they are good. A
// state of the form before is as good as one of today.
func TestABrokenStateOpensNothing(t *testing.T) {
	envoytest.Require(t)
	port, backend, kept := envoytest.FreePort(t), envoytest.RunBackend(t), t.TempDir()
	guard := denial("guard", "ingressgateway", "/guarded")
	files := map[string]string{"routing.yaml": routing(port, backend.Port()), "policy.yaml": guard}
	p := startPlane(t, newPolicyDir(t, files), "--state-dir", kept)
	gateway := p.startGateway(t, envoytest.Options{})
	listener := fmt.Sprintf("127.0.0.1_%d", port)
	gateway.MustListener(t, listener)
	gateway.Stop() // it holds the port
	p.stop()
	whole, err := os.ReadFile(filepath.Join(kept, "generations.json"))
	must(t, err)

	for name, c := range map[string]struct {
		text []byte
		good bool
	}{
		"whole":                   {whole, true},
		"of the form before":      {stateBefore(t, files), true},
		"empty":                   {[]byte{}, false},
		"cut":                     {whole[:len(whole)/2], false},
		"garbage":                 {[]byte("\x7fELF\x02\x01\x01\x00"), false},
		"a list":                  {[]byte("[]"), false},
		"NULs behind it":          {append(bytes.Clone(whole), make([]byte, 4096)...), false},
		"a renamed field":         {bytes.ReplaceAll(whole, []byte(`"generations"`), []byte(`"generation"`)), false},
		"of the form before, cut": {stateBefore(t, files)[:200], false},
		"of a newer version":      {bytes.Replace(whole, []byte(`"version":3`), []byte(`"version":99`), 1), false},
		"a directory":             {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			state := t.TempDir()
			path := filepath.Join(state, "generations.json")
			if c.text == nil {
				must(t, os.Mkdir(path, 0o700))
			} else {
				must(t, os.WriteFile(path, c.text, 0o600))
			}
			dir := newPolicyDir(t, map[string]string{"routing.yaml": files["routing.yaml"], "policy.yaml": strings.Replace(guard, "rules:", "ruels:", 1)})
			p := startPlane(t, dir, "--state-dir", state)
			gateway := p.startGateway(t, envoytest.Options{Until: envoytest.AdminOpen})
			defer gateway.Stop()
			eventually(t, "the gateway is connected", func() bool {
				status, err := p.status(t)
				return err == nil && len(status.Gateways) == 1
			})
			if c.good {
				if got := ask(t, gateway.MustListener(t, listener), "/guarded").Status; got != 403 {
					t.Errorf("/guarded: %d, want 403 by the last good policy", got)
				}
			} else if listeners, err := gateway.Listeners(t.Context()); err != nil || len(listeners) > 0 {
				t.Errorf("listeners %v, %v; want none", listeners, err)
			}
			aside, err := filepath.Glob(path + ".broken-*")
			must(t, err)
			_, metrics := p.get("/metrics")
			if set := len(aside) == 1; set == c.good || strings.Contains(metrics, "portreeve_state_set_aside_total 1") == c.good || strings.Contains(p.log.String(), "setAside=") == c.good {
				t.Errorf("set aside: %v, and as the metrics and the log have it", aside)
			}
			replace(t, filepath.Join(dir, "policy.yaml"), denial("guard", "ingressgateway", "/guarded", "/more"))
			address := gateway.MustListener(t, listener)
			eventually(t, "the policy files count", func() bool { return ask(t, address, "/more").Status == 403 })
			if got := ask(t, address, "/guarded").Status; got != 403 {
				t.Errorf("/guarded: %d, want 403", got)
			}
		})
	}
}

// TestASecondControlPlaneIsRefusedTheStateDirectory holds that the second says who has it and ends, and
// that a kill gives it free.
func TestASecondControlPlaneIsRefusedTheStateDirectory(t *testing.T) {
	dir, state := newPolicyDir(t, map[string]string{"policy.yaml": denial("guard", "ingressgateway", "/guarded")}), t.TempDir()
	p := startPlane(t, dir, "--state-dir", state)
	var out, errs bytes.Buffer
	code := run(t.Context(), []string{"serve", "--config", dir, "--state-dir", state, "--xds-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"}, &out, &errs)
	if code != exitUsage || !strings.Contains(errs.String(), "held by another control plane, process ") {
		t.Errorf("the second: exit code %d, want %d; it says %s", code, exitUsage, &errs)
	}
	p.kill()
	p.start(t, "--state-dir", state)
}
