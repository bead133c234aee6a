package test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// meanwhile has requests answered, some three in a millisecond and with whatever status, so that
// edits come at all distances, up to what one takes.
func meanwhile(t *testing.T, address string, requests int) {
	t.Helper()
	for range requests {
		ask(t, address, "/")
	}
}

// TestAStormOfClusterEditsLosesNoRequest edits a service without waiting for what comes of it: what is
// said of it, its endpoints, the subsets and weights of the route to it, and a service that comes and
// goes and comes back as it was. No request fails, and the last edit counts, also when it is one that
// was there before.
func TestAStormOfClusterEditsLosesNoRequest(t *testing.T) {
	envoytest.Require(t)
	for name, form := range protocols() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ports := []string{named(t, "one", 200), named(t, "two", 200)}
			subsets := func(weight int) string {
				return fmt.Sprintf("  - {match: [{uri: {prefix: /guarded}}], route: [{destination: {host: web, subset: v1}, weight: %d}, {destination: {host: web, subset: v2}, weight: %d}]}\n", weight, 100-weight)
			}
			labels := "  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]\n"
			service := func(i int) string {
				edited := web(ports[i%2]+" version: v1", ports[i%2]+" version: v2") + ruleFor(fmt.Sprintf("  trafficPolicy: {connectionPool: {tcp: {maxConnections: %d}}}\n", 1000+i%3)+labels)
				if i%4 < 2 {
					edited += otherService(ports[0])
				}
				return edited
			}
			routes := func(i int) string { return subsets(10+i*7%80) + toOther + toWeb }
			s := openShop(t, routes(0), service(0)).over(t, form)
			port := 0
			_, err := fmt.Sscanf(s.address[strings.LastIndexByte(s.address, ':')+1:], "%d", &port)
			must(t, err)
			l := startLoad(t, s.address, 4, func(status int) bool { return status == 200 })
			for i := 1; i <= 60; i++ {
				replace(t, s.services, service(i))
				if i%3 == 0 {
					replace(t, strings.Replace(s.services, "services", "routing", 1), shopRouting(port, routes(i)))
				}
				meanwhile(t, s.address, 3*(i*13%29))
				if i%12 > 0 {
					continue
				}
				for _, path := range []string{"/guarded", "/", "/other"} {
					eventually(t, fmt.Sprintf("edit %d counts at %s", i, path), func() bool {
						answer := ask(t, s.address, path)
						return answer.Status == 200 && answer.Header.Get("Backend") == "one"
					})
				}
			}
			l.stop()
			if len(l.lost) > 0 {
				t.Errorf("%d of %d requests failed, first: %v", len(l.lost), l.requests, l.lost[0])
			}
			t.Logf("%d requests, %d clusters made", l.requests, s.gateway.MustCounter(t, "cluster_manager.cluster_modified"))
		})
	}
}

// TestTheLastOfAStormOfSecretsCounts names another file of authorities in every edit, that is there or
// not, or none, without waiting for what comes of it: the last one counts, and status says so.
func TestTheLastOfAStormOfSecretsCounts(t *testing.T) {
	envoytest.Require(t)
	for name, form := range protocols() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAuthority(t)
			dir := t.TempDir()
			backend := closingBackend(t, a, nil, "web.example")
			s := openShop(t, toOther+toWeb, web(backend)).over(t, form)
			for i := 1; i <= 80; i++ {
				ca := filepath.Join(dir, fmt.Sprintf("%d.pem", i))
				edited := web(backend) + otherService(backend) + speaking("other", "mode: SIMPLE, sni: web.example, caCertificates: "+a.file)
				if i%5 > 0 || i%20 == 0 {
					if i%4 > 0 || i%20 == 0 {
						write(t, ca, a.pem())
					}
					edited += speaking("web", "mode: SIMPLE, sni: web.example, caCertificates: "+ca)
				}
				replace(t, s.services, edited)
				meanwhile(t, s.address, i*7%17)
				if i%20 == 0 {
					eventually(t, fmt.Sprintf("edit %d counts", i), func() bool { return ask(t, s.address, "/").Status == 200 })
					eventually(t, "the other service is served", func() bool { return ask(t, s.address, "/other").Status == 200 })
					eventually(t, "status says that nothing is refused", func() bool { return refusedSecrets(t, s.plane) == 0 })
				}
			}
		})
	}
}
