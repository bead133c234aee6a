package test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// TestTheMeshSaysHowOftenARequestIsRetried holds that the mesh says how often a request is sent again.
func TestTheMeshSaysHowOftenARequestIsRetried(t *testing.T) {
	envoytest.Require(t)
	failing, closed := named(t, "failing", 500), fmt.Sprint(envoytest.FreePort(t))
	for name, c := range map[string]struct {
		mesh, endpoint string
		again          uint64
		answer         int
	}{
		"nothing is said, no connection": {"{}", closed, 2, 503},
		"nothing is said, an error":      {"{}", failing, 0, 500},
		"on errors":                      {`{defaultHttpRetryPolicy: {attempts: 3, retryOn: "500", backoff: 0.001s}}`, failing, 3, 500},
		"never":                          {"{defaultHttpRetryPolicy: {attempts: 0}}", closed, 0, 503},
	} {
		t.Run(name, func(t *testing.T) {
			s := openShopWith(t, shopOptions{mesh: c.mesh}, toWeb, web(c.endpoint))
			if got := ask(t, s.address, "/").Status; got != c.answer {
				t.Errorf("answer %d, want %d", got, c.answer)
			}
			if got := s.gateway.MustCounter(t, webCluster+"upstream_rq_retry"); got != c.again {
				t.Errorf("the request was sent again %d times, want %d", got, c.again)
			}
		})
	}
}

// TestTheMeshsTrafficPolicyIsTheDefault holds that the mesh's outlier detection, its upgrade to HTTP/2
// and its localities count where a DestinationRule does not say otherwise.
func TestTheMeshsTrafficPolicyIsTheDefault(t *testing.T) {
	envoytest.Require(t)
	const outliers = "defaultTrafficPolicy: {outlierDetection: {consecutive5xxErrors: 2, interval: 0.2s, baseEjectionTime: 60s, maxEjectionPercent: 50}}\n"
	active := webCluster + "outlier_detection.ejections_active"
	t.Run("outliers", func(t *testing.T) {
		s := openShopWith(t, shopOptions{mesh: outliers}, toWeb, web(named(t, "good", 200), named(t, "bad", 500)))
		eventually(t, "the endpoint that fails is ejected", func() bool {
			s.answering(t, 2, "/")
			return s.gateway.MustCounter(t, active) == 1
		})
	})
	t.Run("outliers of the rule", func(t *testing.T) {
		s := openShopWith(t, shopOptions{mesh: outliers}, toWeb, web(named(t, "good", 200), named(t, "bad", 500))+ruleFor("  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}, outlierDetection: {consecutive5xxErrors: 0}}\n"))
		if got := s.answering(t, 40, "/"); got["bad"] < 10 || s.gateway.MustCounter(t, active) != 0 {
			t.Errorf("answers %v, and %d endpoints are ejected; want none: the DestinationRule switches it off", got, s.gateway.MustCounter(t, active))
		}
	})
	t.Run("upgrade", func(t *testing.T) {
		s := openShopWith(t, shopOptions{mesh: "h2UpgradePolicy: UPGRADE\n"}, toWeb, web(spoken(t)))
		if got := s.answering(t, 3, "/"); got["HTTP/2.0"] != 3 {
			t.Errorf("the backend is spoken to in %v, want HTTP/2.0", got)
		}
	})
	t.Run("shares of localities, loads of endpoints", func(t *testing.T) {
		mesh := "localityLbSetting: {distribute: [{from: eu/*, to: {eu: 80, us: 20}}]}\n"
		entry := inRegions(named(t, "near", 200), named(t, "far", 200))
		s := openShopWith(t, shopOptions{mesh: mesh, labels: ",istio-locality=eu.one"}, toWeb, entry+ruleFor("  trafficPolicy: {loadBalancer: {backendUtilization: {}}}\n"))
		if got := s.answering(t, 200, "/"); got["near"] < 130 || got["far"] < 15 {
			t.Errorf("answers %v, want about 160 of the gateway's region and 40 of the other", got)
		}
	})
	t.Run("localities", func(t *testing.T) {
		mesh := "localityLbSetting: {distribute: [{from: eu/*, to: {us: 100}}]}\n"
		entry := inRegions(named(t, "near", 200), named(t, "far", 200))
		s := openShopWith(t, shopOptions{mesh: mesh, labels: ",istio-locality=eu.one"}, toWeb, entry)
		if got := s.answering(t, 20, "/"); got["far"] != 20 {
			t.Errorf("answers %v, want all of the region that the mesh names", got)
		}
		before := s.updates(t)
		replace(t, s.services, entry+ruleFor("  trafficPolicy: {outlierDetection: {consecutive5xxErrors: 5}, loadBalancer: {localityLbSetting: {enabled: true}}}\n"))
		eventually(t, "the DestinationRule's localities count", func() bool { return s.answering(t, 5, "/")["near"] == 5 })
		if after := s.updates(t); after["LDS"] != before["LDS"] || after["RDS"] != before["RDS"] {
			t.Errorf("updates %v, before %v; want none of LDS and RDS", after, before)
		}
	})
}

// TestAServiceThatTheMeshKeepsPrivateIsNotReached holds that a service of another namespace is not
// reached where the mesh says that it is its own namespace's, until it says otherwise itself.
func TestAServiceThatTheMeshKeepsPrivateIsNotReached(t *testing.T) {
	envoytest.Require(t)
	entry := web(named(t, "one", 200))
	s := openShopWith(t, shopOptions{mesh: `defaultServiceExportTo: ["."]`}, toWeb, entry)
	if got := s.answering(t, 3, "/"); got["503"] != 3 {
		t.Errorf("answers %v, want 503: the service is not exported to the gateway", got)
	}
	replace(t, s.services, strings.Replace(entry, "spec:\n", "spec:\n  exportTo: [istio-system]\n", 1))
	eventually(t, "the service that is exported answers", func() bool { return s.answering(t, 1, "/")["one"] == 1 })
}

// TestEndpointsInTheGatewaysZoneArePreferred prefers the endpoints of an EndpointSlice in the
// gateway's zone, and goes on to the others when these are not ready any more.
func TestEndpointsInTheGatewaysZoneArePreferred(t *testing.T) {
	envoytest.Require(t)
	near, far := named(t, "near", 200), named(t, "far", 200)
	slice := func(name, port, zone, ready string) string {
		return "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: " + name + ", labels: {kubernetes.io/service-name: web}}\naddressType: IPv4\nports: [{name: http, port: " + port + "}]\n" +
			"endpoints: [{addresses: [127.0.0.1], zone: " + zone + ", conditions: {ready: " + ready + ", serving: true, terminating: " + map[string]string{"true": "false", "false": "true"}[ready] + "}}]\n"
	}
	const service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {%sports: [{name: http, port: 80}]}\n"
	for name, c := range map[string]struct{ field, rule string }{
		"with outlier detection": {"", ruleFor("  trafficPolicy: {outlierDetection: {consecutive5xxErrors: 5}}\n")},
		"as the service asks":    {"trafficDistribution: PreferClose, ", ""},
	} {
		t.Run(name, func(t *testing.T) {
			head := fmt.Sprintf(service, c.field)
			s := openShopWith(t, shopOptions{mesh: "{}", labels: ",istio-locality=eu.eu-1a"}, toWeb, head+slice("a", near, "eu-1a", "true")+slice("b", far, "eu-1b", "true")+c.rule)
			if got := s.answering(t, 20, "/"); got["near"] != 20 {
				t.Errorf("answers %v, want all of the gateway's zone", got)
			}
			replace(t, s.services, head+slice("a", near, "eu-1a", "false")+slice("b", far, "eu-1b", "true")+c.rule)
			eventually(t, "the other zone answers alone", func() bool { return s.answering(t, 5, "/")["far"] == 5 })
		})
	}
}

// TestTheMeshSaysWhichHeadersAGatewayAdds holds which headers of its own a gateway adds, for backends
// and for clients.
func TestTheMeshSaysWhichHeadersAGatewayAdds(t *testing.T) {
	envoytest.Require(t)
	const own = "{server: {value: gate}, requestId: {disabled: true}, attemptCount: {disabled: true}, envoyDebugHeaders: {disabled: true}, xForwardedPort: {enabled: true}}"
	for mesh, c := range map[string]struct{ backend, client string }{
		"{}": {"X-Envoy-Attempt-Count X-Request-Id", "Server=istio-envoy X-Envoy-Upstream-Service-Time"},
		"{defaultConfig: {proxyHeaders: " + own + "}}":                         {"X-Forwarded-Port", "Server=gate"},
		"{defaultConfig: {proxyHeaders: {server: {disabled: true}}}}":          {"X-Envoy-Attempt-Count X-Request-Id", "Server=backend X-Envoy-Upstream-Service-Time"},
		"{defaultConfig: {proxyHeaders: {forwardedClientCert: FORWARD_ONLY}}}": {"X-Envoy-Attempt-Count X-Request-Id", "Server=istio-envoy X-Envoy-Upstream-Service-Time"},
	} {
		t.Run(mesh, func(t *testing.T) {
			backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				var seen []string
				for _, name := range []string{"X-Envoy-Attempt-Count", "X-Forwarded-Port", "X-Request-Id"} {
					if r.Header.Get(name) != "" {
						seen = append(seen, name)
					}
				}
				w.Header().Set("Backend", strings.Join(seen, " "))
				w.Header().Set("Server", "backend")
			}))
			t.Cleanup(backend.Close)
			s := openShopWith(t, shopOptions{mesh: mesh}, toWeb, web(portOf(backend)))
			answer := ask(t, s.address, "/")
			if got := answer.Header.Get("Backend"); got != c.backend {
				t.Errorf("the backend sees %q, want %q", got, c.backend)
			}
			got := "Server=" + answer.Header.Get("Server")
			if answer.Header.Get("X-Envoy-Upstream-Service-Time") != "" {
				got += " X-Envoy-Upstream-Service-Time"
			}
			if got != c.client {
				t.Errorf("the client sees %q, want %q", got, c.client)
			}
		})
	}
}
