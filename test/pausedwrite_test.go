package test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// pauses are for how long a writer may stop in the midst of a file.
func pauses() []time.Duration {
	return []time.Duration{60 * time.Millisecond, 200 * time.Millisecond, 600 * time.Millisecond, time.Second, 3 * time.Second, 10 * time.Second}
}

// TestAWriteWithAPauseOpensNothing writes two documents in place, the second one the policy, with a pause
// between them in which the file is valid without it: nothing that was refused passes and nothing
// that was answered is refused, for as long as the writer has it open, and then the edit counts.
func TestAWriteWithAPauseOpensNothing(t *testing.T) {
	envoytest.Require(t)
	for _, pause := range pauses() {
		t.Run(pause.String(), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, denial("open", "ingressgateway", "/nothing")+"---\n"+denial("guard", "ingressgateway", "/guarded"))
			refused := startLoad(t, s.address, 2, forbidden)
			passing := startLoadOf(t, s.address, "/open", 1, func(status int) bool { return status == http.StatusOK })
			written := make(chan error, 1)
			go func() {
				written <- pausedWrite(s.policy, denial("open", "ingressgateway", "/nothing"), "---\n"+denial("guard", "ingressgateway", "/guarded", "/marker"), pause)
			}()
			// Another file's edit does not wait for the writer.
			replace(t, filepath.Join(s.dir, "other.yaml"), denial("other", "ingressgateway", "/other"))
			eventually(t, "another file's edit counts", func() bool { return ask(t, s.address, "/other").Status == http.StatusForbidden })
			must(t, <-written)
			eventually(t, "the edit counts", func() bool { return ask(t, s.address, "/marker").Status == http.StatusForbidden })
			refused.stop()
			passing.stop()
			for what, l := range map[string]*load{"guarded": refused, "open": passing} {
				if len(l.lost) > 0 {
					t.Errorf("%d of %d requests to the %s path were answered wrong, first: %v", len(l.lost), l.requests, what, l.lost[0])
				}
			}
		})
	}
}

func pausedWrite(path, first, second string, pause time.Duration) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(first); err != nil {
		return err
	}
	<-time.After(pause)
	if _, err := f.WriteString(second); err != nil {
		return err
	}
	return f.Close()
}

// TestAStartDuringAPausedWriteOpensNothing starts the plane while the file is half written: no
// listener opens before the writer has closed it.
func TestAStartDuringAPausedWriteOpensNothing(t *testing.T) {
	envoytest.Require(t)
	for _, pause := range pauses() {
		t.Run(pause.String(), func(t *testing.T) {
			t.Parallel()
			port, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
			dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, backend.Port()), "policy.yaml": "kind: x\n"})
			path := filepath.Join(dir, "policy.yaml")
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
			must(t, err)
			_, err = f.WriteString(denial("open", "ingressgateway", "/nothing"))
			must(t, err)
			<-time.After(pause)
			p := startPlane(t, dir)
			gateway := envoytest.Run(t, envoytest.Options{Bootstrap: p.bootstrap(t), Until: envoytest.AdminOpen})
			p.says(t, "still being written")
			_, err = f.WriteString("---\n" + denial("guard", "ingressgateway", "/guarded"))
			must(t, err)
			must(t, f.Close())
			address := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
			if got := ask(t, address, "/guarded").Status; got != http.StatusForbidden {
				t.Errorf("/guarded: %d, want 403", got)
			}
			if strings.Count(p.log.String(), "policy compiled") != 1 {
				t.Errorf("half of the file was compiled:\n%s", p.log)
			}
		})
	}
}
