package test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// shop is a control plane and a gateway whose routes lead to services, in services.yaml.
type shop struct {
	*plane
	gateway  *envoytest.Envoy
	address  string
	services string // path of services.yaml
}

// openShop serves http routes, and the services that they lead to.
func openShop(t testing.TB, routes, services string) *shop {
	t.Helper()
	return openShopWith(t, shopOptions{}, routes, services)
}

// shopOptions say how a shop is opened; the zero value is as others are.
type shopOptions struct {
	envoy envoytest.Options
	// mesh is a mesh configuration, and labels are further ones of the gateway: ",name=value".
	mesh, labels string
}

func openShopWith(t testing.TB, o shopOptions, routes, services string) *shop {
	t.Helper()
	port := envoytest.FreePort(t)
	dir := newPolicyDir(t, map[string]string{"routing.yaml": shopRouting(port, routes), "services.yaml": services})
	var flags []string
	if o.mesh != "" {
		flags = []string{"--mesh-config", meshFile(t, o.mesh)}
	}
	s := &shop{plane: startPlane(t, dir, flags...), services: filepath.Join(dir, "services.yaml")}
	s.gateway = s.startGateway(t, o.envoy, "--labels", "istio=ingressgateway"+o.labels)
	s.address = s.gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", port))
	return s
}

// shopRouting is a Gateway on a port with http routes.
func shopRouting(port int, routes string) string {
	return fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: shop}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: %d, name: http, protocol: HTTP}, bind: 127.0.0.1, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  hosts: ["*"]
  gateways: [shop]
  http:
%s`, port, routes)
}

// toWeb leads everything to the service web.
const toWeb = "  - route: [{destination: {host: web, port: {number: 80}}}]\n"

// web is the service web with endpoints on 127.0.0.1, each written as port and labels.
func web(endpoints ...string) string {
	var b strings.Builder
	b.WriteString(`apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: web}
spec:
  hosts: [web]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints:
`)
	for _, e := range endpoints {
		port, labels, _ := strings.Cut(e, " ")
		fmt.Fprintf(&b, "  - {address: 127.0.0.1, ports: {http: %s}, labels: {%s}}\n", port, labels)
	}
	return b.String()
}

// inRegions is the service web with an endpoint in the region eu and one in us.
func inRegions(eu, us string) string {
	return strings.NewReplacer("http: "+eu+"}, labels: {}", "http: "+eu+"}, locality: eu/one", "http: "+us+"}, labels: {}", "http: "+us+"}, locality: us/one").Replace(web(eu, us))
}

// ruleFor is a DestinationRule for web whose spec goes on as given.
func ruleFor(spec string) string {
	return "---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: web}\nspec:\n  host: web\n" + spec
}

// named runs a backend that answers with its name and, for /fail, 503 where it is bad.
func named(t testing.TB, name string, status int) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Backend", name)
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return portOf(s)
}

// portOf is the port of a server of the package httptest.
func portOf(s *httptest.Server) string { return s.URL[strings.LastIndexByte(s.URL, ':')+1:] }

// answering asks n times and counts the answers of each backend.
func (s *shop) answering(t testing.TB, n int, path string, header ...string) map[string]int {
	t.Helper()
	out := map[string]int{}
	for range n {
		answer := ask(t, s.address, path, header...)
		name := answer.Header.Get("Backend")
		if name == "" {
			name = fmt.Sprint(answer.Status)
		}
		out[name]++
	}
	return out
}

// updates are Envoy's own counters of what it took of each kind of resource.
func (s *shop) updates(t testing.TB) map[string]uint64 {
	t.Helper()
	all, err := s.gateway.Stats(t.Context(), `update_success$`)
	must(t, err)
	out := map[string]uint64{}
	for name, n := range all {
		switch {
		case strings.HasPrefix(name, "cluster_manager.cds."):
			out["CDS"] += n
		case strings.HasPrefix(name, "listener_manager.lds."):
			out["LDS"] += n
		case strings.Contains(name, ".rds."):
			out["RDS"] += n
		case strings.HasPrefix(name, "cluster."):
			out["EDS"] += n
		case strings.Contains(name, "extension_config_discovery"):
			out["ECDS"] += n
		}
	}
	return out
}

// TestAnEndpointIsAdded holds that a new endpoint receives requests soon, and that nothing
// but endpoints travels: open connections and all other configuration stay.
func TestAnEndpointIsAdded(t *testing.T) {
	envoytest.Require(t)
	one, two := named(t, "one", 200), named(t, "two", 200)
	s := openShop(t, toWeb, web(one+" version: v1")+ruleFor("  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}\n  subsets: [{name: v1, labels: {version: v1}}]\n"))
	if got := s.answering(t, 10, "/"); got["one"] != 10 {
		t.Fatalf("answers: %v, want 10 of one", got)
	}
	before := s.updates(t)
	for _, kind := range []string{"CDS", "LDS", "RDS", "EDS", "ECDS"} {
		if before[kind] == 0 {
			t.Fatalf("no counter of %s: %v", kind, before)
		}
	}
	rule := ruleFor("  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}\n  subsets: [{name: v1, labels: {version: v1}}]\n")
	c, fastest := dial(t, s.address), bound
	for range 5 { // other programs run on the machine too: the fastest counts
		began := time.Now()
		replace(t, s.services, web(one+" version: v1", two+" version: v1")+rule)
		for {
			answer, err := c.Get(t.Context(), "http://"+s.address+"/")
			must(t, err)
			if answer.Header.Get("Backend") == "two" {
				break
			}
			if time.Since(began) > bound {
				t.Fatal("the new endpoint gets no requests")
			}
		}
		fastest = min(fastest, time.Since(began))
		replace(t, s.services, web(one+" version: v1")+rule)
		eventually(t, "it is gone again", func() bool { return s.answering(t, 10, "/")["one"] == 10 })
	}
	t.Logf("the new endpoint answered %s after the file was renamed into place", fastest.Round(time.Millisecond))
	if fastest > 100*time.Millisecond {
		t.Errorf("the new endpoint answered after %s only, want 100ms at most", fastest)
	}
	after := s.updates(t)
	if after["EDS"] <= before["EDS"] {
		t.Errorf("EDS was updated %d times, before %d", after["EDS"], before["EDS"])
	}
	for _, kind := range []string{"CDS", "LDS", "RDS", "ECDS"} {
		if after[kind] != before[kind] {
			t.Errorf("%s was updated %d times, before the endpoint %d", kind, after[kind], before[kind])
		}
	}
}

func TestASubsetIsAnsweredByItsEndpointsOnly(t *testing.T) {
	envoytest.Require(t)
	one, two, three := named(t, "one", 200), named(t, "two", 200), named(t, "three", 200)
	routes := `  - {match: [{uri: {prefix: /v1}}], route: [{destination: {host: web, subset: v1}}]}
  - {match: [{uri: {prefix: /v2}}], route: [{destination: {host: web, subset: v2}}]}
  - {match: [{uri: {prefix: /v3}}], route: [{destination: {host: web, subset: v3}}]}
  - {match: [{uri: {prefix: /v4}}], route: [{destination: {host: web, subset: v4}}]}
`
	s := openShop(t, routes+toWeb, web(one+" version: v1", two+" version: v2", three+" version: v2")+ruleFor(`  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
  - {name: v3, labels: {version: v3}}
`))
	for path, want := range map[string]string{"/v1": "one", "/v2": "three two", "/v3": "503", "/v4": "503", "/": "one three two"} {
		got := s.answering(t, 12, path)
		for _, name := range strings.Fields(want) {
			if got[name] == 0 || len(got) != len(strings.Fields(want)) {
				t.Errorf("%s: answers %v, want those of %s", path, got, want)
			}
		}
	}
}

func TestAHashKeepsItsEndpoint(t *testing.T) {
	envoytest.Require(t)
	var endpoints []string
	for i := range 5 {
		endpoints = append(endpoints, named(t, fmt.Sprintf("b%d", i), 200)+" i: \""+fmt.Sprint(i)+"\"")
	}
	for name, c := range map[string]struct {
		hash string
		// path and header for a user.
		ask func(user int) (string, []string)
	}{
		"header":             {"httpHeaderName: x-user", func(u int) (string, []string) { return "/", []string{"X-User", fmt.Sprint("user", u)} }},
		"parameter, maglev":  {"httpQueryParameterName: user, maglev: {}", func(u int) (string, []string) { return fmt.Sprint("/?user=", u), nil }},
		"cookie, small ring": {"httpCookie: {name: user, ttl: 0s}, ringHash: {minimumRingSize: 64}", func(u int) (string, []string) { return "/", []string{"Cookie", fmt.Sprint("user=u", u)} }},
	} {
		t.Run(name, func(t *testing.T) {
			s := openShop(t, toWeb, web(endpoints...)+ruleFor("  trafficPolicy: {loadBalancer: {consistentHash: {"+c.hash+"}}}\n"))
			used := map[string]bool{}
			for user := range 20 {
				path, header := c.ask(user)
				got := s.answering(t, 5, path, header...)
				if len(got) != 1 {
					t.Errorf("user %d is answered by %v, want one backend", user, got)
				}
				for backend := range got {
					used[backend] = true
				}
			}
			if len(used) < 3 {
				t.Errorf("20 users share the backends %v, want at least 3 of 5", used)
			}
		})
	}
}

func TestAFailingEndpointIsEjected(t *testing.T) {
	envoytest.Require(t)
	good, bad := named(t, "good", 200), named(t, "bad", 500)
	s := openShop(t, toWeb, web(good, bad)+ruleFor(`  trafficPolicy:
    loadBalancer: {simple: ROUND_ROBIN}
    outlierDetection: {consecutive5xxErrors: 3, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 50}
`))
	eventually(t, "the endpoint that fails is ejected", func() bool {
		s.answering(t, 2, "/")
		return s.gateway.MustCounter(t, "cluster.outbound|80||web.default.svc.cluster.local;.outlier_detection.ejections_active") == 1
	})
	if got := s.answering(t, 20, "/"); got["good"] != 20 {
		t.Errorf("answers after the ejection: %v, want 20 of the good endpoint", got)
	}
}

// TestRequestsBeyondThePendingLimitAreRefused holds that a limit of waiting requests is kept: what is
// more is refused.
func TestRequestsBeyondThePendingLimitAreRefused(t *testing.T) {
	envoytest.Require(t)
	release, arrived := make(chan struct{}), make(chan struct{}, 10)
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- struct{}{}
		<-release
	}))
	letGo := sync.OnceFunc(func() { close(release) })
	t.Cleanup(slow.Close)
	t.Cleanup(letGo)
	// Each worker may have a connection of its own, whatever the limit.
	s := openShopWith(t, shopOptions{envoy: envoytest.Options{Concurrency: 1}}, toWeb, web(portOf(slow))+ruleFor("  trafficPolicy: {connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}}\n"))
	first := statusOf(s.address)
	<-arrived
	second := statusOf(s.address)
	s.gateway.MustReach(t, "cluster.outbound|80||web.default.svc.cluster.local;.upstream_rq_pending_active", 1)
	if got := ask(t, s.address, "/"); got.Status != 503 || got.Header.Get("X-Envoy-Overloaded") != "true" {
		t.Errorf("a third request: %d, want 503 for the limit of waiting requests", got.Status)
	}
	if n := s.gateway.MustCounter(t, "cluster.outbound|80||web.default.svc.cluster.local;.upstream_rq_pending_overflow"); n == 0 {
		t.Error("Envoy counts no overflow")
	}
	letGo()
	for _, answer := range []<-chan int{first, second} {
		if status := <-answer; status != 200 {
			t.Errorf("a request within the limits: %d, want 200", status)
		}
	}
}

func TestAnUnknownHostAnswers503(t *testing.T) {
	envoytest.Require(t)
	one := named(t, "one", 200)
	s := openShop(t, "  - {match: [{uri: {prefix: /nobody}}], route: [{destination: {host: nobody}}]}\n"+
		"  - {match: [{uri: {prefix: /no-port}}], route: [{destination: {host: web, port: {number: 81}}}]}\n"+toWeb, web(one))
	for path, want := range map[string]int{"/nobody": 503, "/no-port": 503, "/": 200} {
		if got := ask(t, s.address, path).Status; got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	for _, want := range []string{"PR0903", "PR0906"} {
		if !strings.Contains(s.log.String(), want) {
			t.Errorf("the log lacks the warning %s", want)
		}
	}
}

// TestAKubernetesServiceIsServedByItsEndpoints serves a Service with its endpoints, first from an
// EndpointSlice and then from the older Endpoints, and then none.
func TestAKubernetesServiceIsServedByItsEndpoints(t *testing.T) {
	envoytest.Require(t)
	one, two := named(t, "one", 200), named(t, "two", 200)
	const service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}\n---\n"
	slice := "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1, labels: {kubernetes.io/service-name: web}}\naddressType: IPv4\nports: [{name: http, port: " + one + "}]\nendpoints: [{addresses: [127.0.0.1]}]\n"
	older := "apiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\nsubsets: [{addresses: [{ip: 127.0.0.1}], ports: [{name: http, port: " + two + "}]}]\n"
	s := openShop(t, toWeb, service+slice)
	if got := s.answering(t, 3, "/"); got["one"] != 3 {
		t.Errorf("answers: %v, want those of the EndpointSlice", got)
	}
	for want, content := range map[string]string{"two": service + older, "503": strings.TrimSuffix(service, "---\n")} {
		replace(t, s.services, content)
		eventually(t, "the answers are "+want, func() bool { return s.answering(t, 1, "/")[want] == 1 })
	}
	// What is served is told afterwards.
	eventually(t, "the log warns of a Service without endpoints", func() bool { return strings.Contains(s.log.String(), "PR0707") })
}

func TestWorkloadEntriesAreEndpoints(t *testing.T) {
	envoytest.Require(t)
	one, two := named(t, "one", 200), named(t, "two", 200)
	service := "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: web}\nspec: {hosts: [web], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, workloadSelector: {labels: {app: web}}}\n"
	vm := func(name, app, port string) string {
		return "---\napiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: " + name + ", labels: {app: " + app + "}}\nspec: {address: 127.0.0.1, ports: {http: " + port + "}}\n"
	}
	s := openShop(t, toWeb, service+vm("one", "web", one)+vm("two", "other", two))
	if got := s.answering(t, 6, "/"); got["one"] != 6 {
		t.Errorf("answers: %v, want those of the workload that is selected", got)
	}
	before := s.updates(t)
	replace(t, s.services, service+vm("one", "other", one)+vm("two", "web", two))
	eventually(t, "the other workload is selected", func() bool { return s.answering(t, 1, "/")["two"] == 1 })
	if after := s.updates(t); after["CDS"] != before["CDS"] || after["EDS"] <= before["EDS"] {
		t.Errorf("updates: %v, before %v; want more of EDS and none of CDS", after, before)
	}
}

// TestTrafficFailsOverToTheOtherRegion prefers what is near the gateway, as its label says, and goes
// on to the other region when that fails.
func TestTrafficFailsOverToTheOtherRegion(t *testing.T) {
	envoytest.Require(t)
	near, far := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Backend", "near") })), named(t, "far", 200)
	t.Cleanup(near.Close)
	s := openShopWith(t, shopOptions{labels: ",istio-locality=eu.two"}, toWeb, inRegions(portOf(near), far)+
		ruleFor("  trafficPolicy: {outlierDetection: {consecutive5xxErrors: 1, interval: 1s, baseEjectionTime: 60s, maxEjectionPercent: 100}}\n"))
	if got := s.answering(t, 20, "/"); got["near"] != 20 {
		t.Errorf("answers: %v, want those of the gateway's region", got)
	}
	near.Close()
	eventually(t, "the other region answers", func() bool { return s.answering(t, 5, "/")["far"] == 5 })
}
