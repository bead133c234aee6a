package test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestADestinationIsTheServiceThatIstioMeans holds which service and port a destination is: short
// names are of the VirtualService's own namespace, one with a dot is complete, as in Istio; a port may
// be left out where there is one, and is the listener's where there are several and one of them is
// that.
func TestADestinationIsTheServiceThatIstioMeans(t *testing.T) {
	envoytest.Require(t)
	port := envoytest.FreePort(t)
	backends := names(t, "shop", "team", "first", "second")
	entry := func(namespace, host string, ports ...string) string {
		return fmt.Sprintf("---\napiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: %s, namespace: %s}\nspec: {hosts: [%s], ports: [%s], resolution: STATIC, endpoints: [{address: 127.0.0.1, labels: {version: v1}}]}\n", strings.ReplaceAll(host, ".", "-"), namespace, host, strings.Join(ports, ", "))
	}
	at := func(number int, name, backend string) string {
		return fmt.Sprintf("{number: %d, name: %s, protocol: HTTP, targetPort: %d}", number, name, backends["HTTP "+backend])
	}
	files := map[string]string{
		"gateway.yaml": front(port),
		"services.yaml": entry("shop", "web.shop.svc.cluster.local", at(80, "http", "shop")) + entry("team", "web.team.svc.cluster.local", at(80, "http", "team")) +
			entry("shop", "several.test", at(port, "same", "first"), at(81, "other", "second")) +
			"---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: several, namespace: shop}\nspec: {host: several.test, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}\n",
		"routes.yaml": strings.NewReplacer("metadata: {name: to}", "metadata: {name: to, namespace: shop}", "[front]", "[default/front]").Replace(routes("to",
			`{match: [{uri: {exact: /short}}], route: [{destination: {host: web}}]}`,
			`{match: [{uri: {exact: /namespace}}], route: [{destination: {host: web.team}}]}`,
			`{match: [{uri: {exact: /whole}}], route: [{destination: {host: web.team.svc.cluster.local, port: {number: 80}}}]}`,
			`{match: [{uri: {exact: /listener}}], route: [{destination: {host: several.test}}]}`,
			`{match: [{uri: {exact: /port}}], route: [{destination: {host: several.test, port: {number: 81}}}]}`,
			`{match: [{uri: {exact: /subset}}], route: [{destination: {host: several.test, port: {number: 81}, subset: v1}}]}`,
			`{match: [{uri: {exact: /empty-subset}}], route: [{destination: {host: several.test, port: {number: 81}, subset: v2}}]}`,
			`{match: [{uri: {exact: /no-subset}}], route: [{destination: {host: several.test, port: {number: 81}, subset: v3}}]}`,
			`{match: [{uri: {exact: /no-port}}], route: [{destination: {host: several.test, port: {number: 82}}}]}`,
			`{match: [{uri: {exact: /no-service}}], route: [{destination: {host: absent}}]}`)),
	}
	p := startPlane(t, newPolicyDir(t, files))
	address := p.startGateway(t, envoytest.Options{}).MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	for path, want := range map[string]string{
		"/short": "shop", "/namespace": "503", "/whole": "team", "/listener": "first", "/port": "second", "/subset": "second",
		"/empty-subset": "503", "/no-subset": "503", "/no-port": "503", "/no-service": "503",
	} {
		answer := ask(t, address, path)
		got := string(answer.Body)
		if answer.Status != http.StatusOK {
			got = fmt.Sprint(answer.Status)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// TestOlderPercentagesStillCount holds that the fields which Istio has replaced still count.
func TestOlderPercentagesStillCount(t *testing.T) {
	services := names(t, "a.test")
	copies := make(chan string, 10)
	services["HTTP m.test"] = handler(t, func(_ http.ResponseWriter, r *http.Request) { copies <- r.URL.Path })
	r := newRouter(t, services, routes("older",
		`{match: [{uri: {exact: /delay}}], fault: {delay: {fixedDelay: 100ms, percent: 100}}, headers: {response: {set: {x-flags: "%RESPONSE_FLAGS%"}}}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /both}}], fault: {delay: {fixedDelay: 100ms, percentage: {value: 100}}, abort: {httpStatus: 418, percentage: {value: 100}}}, headers: {response: {set: {x-flags: "%RESPONSE_FLAGS%"}}}, `+to("a.test")+`}`,
		`{match: [{uri: {exact: /mirror}}], mirror: {host: m.test}, mirrorPercent: 100, `+to("a.test")+`}`), "")
	for path, want := range map[string]string{"/delay": "200 DI", "/both": "418 DI,FI", "/mirror": "200 "} {
		answer := r.do(t, request{path: path})
		if got := fmt.Sprintf("%d %s", answer.Status, answer.Header.Get("X-Flags")); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	eventually(t, "the copy comes", func() bool { return len(copies) == 1 })
	if got := <-copies; got != "/mirror" {
		t.Errorf("a copy of %s", got)
	}
}
