package test

import (
	"context"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// TestConnectionsLeaveThePlaneItsFiles opens more connections than the process may open files, and
// holds that it says whether it is ready, takes an edit and takes a connection.
func TestConnectionsLeaveThePlaneItsFiles(t *testing.T) {
	const files, crowd = "1024", 1150
	dir := newPolicyDir(t, map[string]string{"guard.yaml": denial("guard", "ingressgateway", "/guarded")})
	p := newPlane(t, dir)
	limited := command(context.Background(), p.serve("--log-format", "json")...)
	limited.Args = append([]string{"/bin/sh", "-c", "ulimit -n " + files + " && exec \"$0\" \"$@\""}, limited.Args...)
	limited.Path = limited.Args[0]
	p.startAs(t, limited)
	for range crowd {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", p.xds)
		must(t, err)
		t.Cleanup(func() { _ = c.Close() })
	}
	client := http.Client{Timeout: bound}
	for range 10 {
		response, err := client.Get("http://" + p.admin + "/readyz") //nolint:noctx // bounded by its timeout
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("readyz: %d", response.StatusCode)
		}
		client.CloseIdleConnections()
	}
	write(t, filepath.Join(dir, "wrong.yaml"), "- 1\n")
	p.says(t, "PR01")
	if log := p.log.String(); strings.Contains(log, "too many open files") || !strings.Contains(log, `"connections":768`) {
		t.Errorf("it runs out of files, or does not say that it takes fewer connections")
	}
	for line := range strings.Lines(p.log.String()) {
		if !strings.HasPrefix(line, "{") {
			t.Errorf("a line is no JSON: %s", line)
		}
	}
}
