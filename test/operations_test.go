package test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// post asks the admin interface of an Envoy to do something.
func post(t *testing.T, admin, path string) {
	t.Helper()
	if status := posted(t, admin, path); status != http.StatusOK {
		t.Fatalf("%s: status %d", path, status)
	}
}

// posted returns the status of a POST without a body.
func posted(t *testing.T, address, path string) int {
	t.Helper()
	response, err := http.Post("http://"+address+path, "", nil) //nolint:noctx // bounded by the test
	must(t, err)
	must(t, response.Body.Close())
	return response.StatusCode
}

// TestNoLineOfAnAccessLogIsLostWhenItIsRotated moves the file away under load, again and again, and has Envoy open it anew.
func TestNoLineOfAnAccessLogIsLostWhenItIsRotated(t *testing.T) {
	t.Parallel()
	envoytest.Require(t)
	folder := t.TempDir()
	file := filepath.Join(folder, "access.log")
	s := openShopWith(t, shopOptions{envoy: envoytest.Options{Args: []string{"--file-flush-interval-msec", "20"}}, mesh: "accessLogFile: " + file}, toWeb, web(named(t, "one", 200)))
	l := startLoadOf(t, s.address, "/", 4, func(status int) bool { return status == 200 })
	for i := range 5 {
		eventually(t, "the file is written", func() bool { info, err := os.Stat(file); return err == nil && info.Size() > 0 })
		must(t, os.Rename(file, fmt.Sprintf("%s.%d", file, i)))
		post(t, s.gateway.Admin(), "/reopen_logs")
	}
	eventually(t, "the file is there again", func() bool { _, err := os.Stat(file); return err == nil })
	l.stop()
	count := func() (lines int) {
		files, err := filepath.Glob(file + "*")
		must(t, err)
		for _, name := range files {
			lines += strings.Count(readFile(t, name), "\n")
		}
		return lines
	}
	eventually(t, "each request has its line", func() bool { return count() >= l.requests })
	if lines := count(); lines != l.requests || len(l.lost) > 0 {
		t.Errorf("%d lines of %d requests, lost: %v", lines, l.requests, l.lost)
	}
}

// healthRoute answers /healthz by what Envoy's own /ready says, and leads to nothing else of its admin interface.
func healthRoute(admin string) string {
	_, port, _ := strings.Cut(admin, ":")
	return `  - match: [{uri: {exact: /healthz}, method: {exact: GET}}]
    rewrite: {uri: /ready}
    route: [{destination: {host: envoy.internal, port: {number: ` + port + `}}}]
`
}

// envoyService is the admin interface of the gateway itself.
func envoyService(admin string) string {
	_, port, _ := strings.Cut(admin, ":")
	return `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: envoy}
spec:
  hosts: [envoy.internal]
  ports: [{number: ` + port + `, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
`
}

// demand asks for a token everywhere but at /healthz, and there for what is not the route's method: it would go on to the next route.
const demand = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: demand, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules:
  - from: [{source: {notRequestPrincipals: ["*"]}}]
    to: [{operation: {notPaths: [/healthz]}}, {operation: {notMethods: [GET]}}]
`

// TestABalancerSeesThatAGatewayIsToEnd holds the recipe of docs/operations.md: the health check of a balancer is answered without a token by what Envoy
// says of itself, nothing else of its admin interface can be reached, and a gateway that is told to fail asks clients to leave, and loses no request.
func TestABalancerSeesThatAGatewayIsToEnd(t *testing.T) {
	t.Parallel()
	s := openShop(t, toWeb, web(named(t, "one", 200)))
	admin := s.gateway.Admin()
	replace(t, s.services, web(named(t, "one", 200))+envoyService(admin))
	routing := filepath.Join(s.dir, "routing.yaml")
	replace(t, routing, strings.Replace(readFile(t, routing), "  http:\n", "  http:\n"+healthRoute(admin), 1))
	write(t, filepath.Join(s.dir, "policy.yaml"), demand)
	eventually(t, "the health check is answered", func() bool {
		return ask(t, s.address, "/healthz").Status == 200 && ask(t, s.address, "/").Status == 403
	})
	for _, path := range []string{"/healthz/", "/ready", "/healthz/../quitquitquit", "/healthz%2f..%2fquitquitquit", "/healthz;/x", "/HEALTHZ"} {
		if got := ask(t, s.address, path).Status; got != 403 {
			t.Errorf("%s: status %d", path, got)
		}
	}
	if got := posted(t, s.address, "/healthz"); got != 403 {
		t.Errorf("POST /healthz: status %d", got)
	}
	post(t, admin, "/healthcheck/fail")
	for path, want := range map[string]int{"/healthz": 503, "/": 403} {
		if got := ask(t, s.address, path); got.Status != want || !got.Closing {
			t.Errorf("%s of one that is to end: status %d, closing %v", path, got.Status, got.Closing)
		}
	}
	post(t, admin, "/healthcheck/ok")
	if got := ask(t, s.address, "/healthz"); got.Status != 200 || got.Closing {
		t.Errorf("after all: status %d, closing %v", got.Status, got.Closing)
	}
}

// TestAnEnvoyIsReplacedByHotRestart holds that a new Envoy takes over the port of the old one under load: no request is lost, and policy holds at each.
func TestAnEnvoyIsReplacedByHotRestart(t *testing.T) {
	t.Parallel()
	binary, port, backend := envoytest.Require(t), envoytest.FreePort(t), envoytest.RunBackend(t)
	dir := newPolicyDir(t, map[string]string{"routing.yaml": routing(port, backend.Port()), "policy.yaml": denial("guard", "ingressgateway", "/guarded")})
	p, folder := startPlane(t, dir), t.TempDir()
	bootstrap, base := filepath.Join(folder, "envoy.yaml"), filepath.Join(folder, "base")
	write(t, bootstrap, string(p.bootstrap(t)))
	start := func(args ...string) *process {
		c := exec.CommandContext(context.Background(), binary, append([]string{"-c", bootstrap, "--concurrency", "2", "--drain-time-s", "1", "--parent-shutdown-time-s", "2"}, args...)...)
		c.SysProcAttr = diesWithTests()
		running := startProcess(t, c, logFile(filepath.Join(folder, "log")))
		t.Cleanup(func() { running.stop() })
		return running
	}
	old := start("--use-dynamic-base-id", "--base-id-path", base)
	address := fmt.Sprintf("127.0.0.1:%d", port)
	eventually(t, "the first Envoy serves", func() bool { c, err := envoytest.Dial(t.Context(), address); return err == nil && c.Close() == nil })
	again := make(chan struct{})
	var wrong, requests int
	stop, done := context.WithCancel(t.Context())
	go func() {
		defer close(again)
		wrong, requests = leavingClients(stop, address)
	}()
	start("--base-id", strings.TrimSpace(readFile(t, base)), "--restart-epoch", "1")
	eventually(t, "the old Envoy has ended", old.gone)
	replace(t, filepath.Join(dir, "policy.yaml"), denial("guard", "ingressgateway", "/guarded", "/later"))
	eventually(t, "an edit holds at the new one", func() bool { return ask(t, address, "/later").Status == 403 })
	done()
	<-again
	if wrong > 0 || requests == 0 {
		t.Errorf("%d of %d requests went wrong", wrong, requests)
	}
	t.Logf("%d requests", requests)
}

// leavingClients sends requests on connections that they leave when they are asked to, as HTTP clients do, and returns how many were not answered as policy says.
func leavingClients(ctx context.Context, address string) (wrong, requests int) {
	client := &http.Client{Timeout: bound}
	defer client.CloseIdleConnections()
	for ctx.Err() == nil {
		for path, want := range map[string]int{"/": 200, "/guarded": 403} {
			requests++
			response, err := client.Get("http://" + address + path) //nolint:noctx // bounded by the client
			if err != nil || response.Body.Close() != nil || response.StatusCode != want {
				wrong++
			}
		}
	}
	return wrong, requests
}
