package test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestPolicyWaitsForNoService brings a service whose name is never resolved, with a route to it, and
// then edits policy: it is in force while the route still waits.
func TestPolicyWaitsForNoService(t *testing.T) {
	envoytest.Require(t)
	dns := slowDNS(t, 0)
	for form, protocol := range protocols() {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			plain := scheme(func(f *floor, host, backend string) string { return f.service(host, backend) })
			content := func(f *floor) string { content, _ := plain.turn(f, 0); return content }
			f := openFloor(t, protocol, content, dns.resolving)
			replace(t, f.services, shopRouting(f.port, leadingTo("dead"))+f.service("a", "a")+serviceAt("dead", "DNS", "dead.dead.test", "1"))
			f.gateway.MustReach(t, "cluster_manager.warming_clusters", 1)
			for _, path := range []string{"/one", "/two"} {
				replace(t, filepath.Join(filepath.Dir(f.services), "policy.yaml"), denial("guard", "ingressgateway", path))
				eventually(t, "the policy is in force", func() bool { return ask(t, f.address, path).Status == 403 })
				if answer := ask(t, f.address, "/"); answer.Header.Get("Backend") != "a" {
					t.Errorf("the route did not wait: status %d", answer.Status)
				}
			}
			// An edit that has nothing to wait for overtakes, and the gateway is what the files say.
			replace(t, f.services, content(f)+f.service("b", "b"))
			f.answers(t, "the service is back", "/", "a")
		})
	}
}

// TestAPolicyThatBringsItsAuthorizerOpensNothing moves a guarded path from one authorizer to another,
// which comes with the same edit under a name that takes a while, and which the second time may be
// passed by when it cannot be reached. Both refuse it: nothing is let through.
func TestAPolicyThatBringsItsAuthorizerOpensNothing(t *testing.T) {
	envoytest.Require(t)
	dns := slowDNS(t, 100*time.Millisecond)
	_, authorizer := httpAuthorizer(t)
	var providers string
	provider := func(i int) string { return fmt.Sprintf("p%d", i) }
	for i := range edits() {
		providers += fmt.Sprintf("- {name: p%d, envoyExtAuthzHttp: {service: p%[1]d.authz, port: 80, pathPrefix: /deny, failOpen: %v}}\n", i, i%2 == 1)
	}
	for form, protocol := range protocols() {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			content := func(f *floor, i int) string {
				return shopRouting(f.port, leadingTo("a")) + f.service("a", "a") + asks(provider(i), "/guarded") +
					strings.Replace(serviceAt(provider(i)+".authz", "DNS", provider(i)+".slow.test", fmt.Sprint(authorizer)), "{name: ", "{namespace: istio-system, name: ", 1)
			}
			f := openFloor(t, protocol, func(f *floor) string { return content(f, 0) }, dns.resolving, "--mesh-config", meshFile(t, "extensionProviders:\n"+providers))
			l := startLoad(t, f.address, 4, func(status int) bool { return status == 418 })
			for i := 1; i < edits(); i++ {
				replace(t, f.services, content(f, i))
				want := fmt.Sprintf("cluster.outbound|80||%s.authz;", provider(i))
				eventually(t, "the authorizer is asked", func() bool {
					counters, err := f.gateway.Stats(t.Context(), "cluster.outbound.*upstream_rq_total$")
					return err == nil && counters[want+".upstream_rq_total"] > 10
				})
			}
			l.ended(t)
		})
	}
}
