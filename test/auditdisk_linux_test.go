package test

import (
	"bytes"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// sinkAlert tells a webhook at once of a receiver of the record that fails.
const sinkAlert = `apiVersion: portreeve.dev/v1alpha1
kind: AuditAlert
metadata: {name: sinks, namespace: istio-system}
spec: {events: [{types: [audit.sink.failed]}], webhook: ops, groupWait: 0s}
`

// TestAFullDiskHoldsEditsBackOnlyWhereTheRecordIsRequired fills the disk of the record under a gateway: edits go on and the alert fires;
// with --audit-required they stop, it is seen why, and they go on by themselves when there is room. Nothing is missing in the record.
func TestAFullDiskHoldsEditsBackOnlyWhereTheRecordIsRequired(t *testing.T) {
	t.Parallel()
	envoytest.Require(t)
	if withMounts(t) {
		return
	}
	for name, required := range map[string]bool{"required": true, "not required": false} {
		t.Run(name, func(t *testing.T) {
			f := newFullDisk(t, required)
			f.disk.fill(t)
			f.edit(t, "/edited")
			if required {
				f.holdsBack(t)
			} else {
				eventually(t, "the edit is served", func() bool { return f.forbids(t, "/edited") })
			}
			eventually(t, "the alert fires", func() bool { return f.receiver.hears("audit.sink.failed") })
			f.disk.free(t)
			eventually(t, "the edit is served when there is room", func() bool { return f.forbids(t, "/edited") })
			f.isWhole(t)
		})
	}
}

// fullDisk is a control plane whose record is on a disk that can be filled, and a gateway.
type fullDisk struct {
	*plane
	disk     smallDisk
	record   string
	receiver *alertReceiver
	address  string
}

func newFullDisk(t *testing.T, required bool) *fullDisk {
	t.Helper()
	f := &fullDisk{disk: newSmallDisk(t), receiver: newAlertReceiver(t)}
	f.record = filepath.Join(f.disk.dir, "audit.log")
	port, sinks := envoytest.FreePort(t), filepath.Join(t.TempDir(), "sinks.conf")
	write(t, sinks, fmt.Sprintf("webhooks: [{name: ops, url: %q, events: alerts}]\n", f.receiver.URL))
	f.plane = newPlane(t, newPolicyDir(t, map[string]string{
		"routing.yaml": routing(port, envoytest.RunBackend(t).Port()), "policy.yaml": denial("guard", "ingressgateway", "/guarded"), "alert.yaml": sinkAlert,
	}))
	flags := []string{"--audit-log", f.record, "--audit-sinks", sinks, "--audit-spool", t.TempDir()}
	if required {
		flags = append(flags, "--audit-required")
	}
	f.start(t, flags...)
	f.address = f.startGateway(t, envoytest.Options{}).MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	eventually(t, "the policy is enforced", func() bool { return f.forbids(t, "/guarded") })
	return f
}

func (f *fullDisk) forbids(t *testing.T, path string) bool {
	t.Helper()
	return ask(t, f.address, path).Status == http.StatusForbidden
}

// edit forbids another path. What it changes is more than what a full disk has left of the last page of a file.
func (f *fullDisk) edit(t *testing.T, path string) {
	t.Helper()
	var all strings.Builder
	for i := range 100 {
		all.WriteString(denial(fmt.Sprintf("guard-%d", i), "ingressgateway", fmt.Sprintf("/guarded-%d", i)) + "---\n")
	}
	replace(t, filepath.Join(f.dir, "policy.yaml"), all.String()+denial("guard", "ingressgateway", path))
}

// holdsBack holds that an edit is held back, what was served before is enforced, and that each place says why.
func (f *fullDisk) holdsBack(t *testing.T) {
	t.Helper()
	const why = "no space left on device"
	eventually(t, "the edit is held back", func() bool {
		status, err := f.status(t)
		return err == nil && status.HeldByRecord != nil && strings.Contains(status.HeldByRecord.Reason, why)
	})
	if f.forbids(t, "/edited") || !f.forbids(t, "/guarded") {
		t.Error("a gateway is served what is not on record")
	}
	var out bytes.Buffer
	if code := run(t.Context(), []string{"status", "--admin-address", f.admin}, &out, &out); code != exitFindings || !strings.Contains(out.String(), why) {
		t.Errorf("portreeve status, exit %d: %s", code, &out)
	}
	status, ready := f.get("/readyz")
	_, metrics := f.get("/metrics")
	for where, says := range map[string]bool{
		"/readyz": status == http.StatusOK && strings.Contains(ready, why), "the log": strings.Contains(f.log.String(), why),
		"/metrics": numberIn(metrics, "portreeve_policy_held_by_record") == 1 && strings.Contains(metrics, `portreeve_groups{state="held"} 1`) && strings.Contains(metrics, `portreeve_audit_sink_up{sink="file"} 0`),
	} {
		if !says {
			t.Errorf("%s does not say why", where)
		}
	}
}

// isWhole ends the control plane, and holds that its record is as it was written and has the start, the end and both readings.
func (f *fullDisk) isWhole(t *testing.T) {
	t.Helper()
	f.stop()
	var out bytes.Buffer
	if code := run(t.Context(), []string{"audit", "verify", f.record}, &out, &out); code != exitClean {
		t.Errorf("audit verify: exit %d: %s", code, &out)
	}
	record := readFile(t, f.record)
	again := strings.Count(record, `"attempt":`) // what was told and counted as failed is told again
	for of, want := range map[string]int{"plane.started": 1, "generation.read": 2 + again, "gateway.connected": 1, "plane.stopped": 1, "audit.lost": 0} {
		if n := strings.Count(record, `"io.portreeve.`+of+`"`); n != want {
			t.Errorf("%d events %s are on record, want %d", n, of, want)
		}
	}
}
