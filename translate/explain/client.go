package explain

import (
	"net/netip"
	"strconv"
	"strings"

	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// requestID stands for the identifier that Envoy makes up: rules see that there is one.
const requestID = "00000000-0000-4000-8000-000000000000"

// tellClient works out whose request it is, and sets the headers that tell of the client. What a client
// says of itself there is taken away.
func (m *manager) tellClient(w *walk, read message) {
	h := &w.stream.Headers
	h.Remove(fromInside)
	m.setClient(w)
	m.setScheme(w, read)
	if w.stream.Remote.IsValid() {
		h.Set("x-envoy-external-address", w.stream.Remote.Addr().String())
	}
	if g := m.config.GetGenerateRequestId(); g == nil || g.GetValue() {
		h.Set("x-request-id", requestID)
	}
	m.setCertificate(w)
}

// setClient works out the client's address. A header of which nobody knows whether it is there may tell any other
// than the connection's, where proxies are trusted.
func (m *manager) setClient(w *walk) {
	h, hops := &w.stream.Headers, m.config.GetXffNumTrustedHops()
	told, _ := h.First("x-forwarded-for")
	if _, known := h.Values("x-forwarded-for"); !known {
		if hops > 0 {
			w.stream.Remote = netip.AddrPort{}
		}
		return
	}
	if a, ok := forwardedFor(told, hops); ok {
		w.stream.Remote = netip.AddrPortFrom(a, 0) // which is not known where a is invalid
	}
	if peer := w.asking.request.Client; peer.IsValid() {
		if told != "" {
			told += ","
		}
		h.Set("x-forwarded-for", told+peer.Addr().Unmap().String())
	}
}

// setScheme tells the scheme that the client speaks: that of the connection, or what trusted proxies say. Where
// nobody knows whether they say one it is not known.
func (m *manager) setScheme(w *walk, read message) {
	h, trusted := &w.stream.Headers, m.config.GetXffNumTrustedHops() > 0
	told, said := h.First("x-forwarded-proto")
	if !said && trusted && h.Unsaid("x-forwarded-proto") && !read.saysScheme {
		h.Remove(func(name string) bool { return name == ":scheme" })
	} else if !said || !trusted {
		told = schemeOf(&w.stream.Connection)
		h.Set("x-forwarded-proto", told)
	}
	if scheme := strings.ToLower(told); !read.saysScheme && (scheme == "http" || scheme == "https") {
		h.Set(":scheme", scheme)
	}
	if _, said := h.First("x-forwarded-port"); m.config.GetAppendXForwardedPort() && (!said || !trusted) {
		h.Set("x-forwarded-port", strconv.FormatUint(uint64(w.asking.request.Port), 10))
	}
}

// forwardedFor is the address that the farthest trusted proxy saw. It is false where nobody is trusted, and
// where the header has no address in that place: the connection's counts then.
func forwardedFor(told string, hops uint32) (netip.Addr, bool) {
	if hops == 0 {
		return netip.Addr{}, false
	}
	entries := strings.Split(told, ",")
	if uint64(hops) > uint64(len(entries)) {
		return netip.Addr{}, false
	}
	out, err := netip.ParseAddr(strings.TrimSpace(entries[len(entries)-int(hops)]))
	if err != nil || out.Zone() == "" {
		return out, err == nil
	}
	return zoned(out)
}

// zoned is an address with a zone, which no rule sees. Zones have numbers; the names of those of link-local
// addresses are known to the machine of the gateway alone, so that such an address is invalid, which is not known.
func zoned(a netip.Addr) (netip.Addr, bool) {
	if _, err := strconv.ParseUint(a.Zone(), 10, 32); err == nil {
		return a.WithZone(""), true
	}
	return netip.Addr{}, a.IsLinkLocalUnicast() || a.IsLinkLocalMulticast()
}

// setCertificate tells of the client's certificate: of all of it, which Envoy alone has.
func (m *manager) setCertificate(w *walk) {
	const header = "x-forwarded-client-cert"
	h, how := &w.stream.Headers, m.config.GetForwardClientCertDetails()
	switch {
	case how == hcmv3.HttpConnectionManager_ALWAYS_FORWARD_ONLY:
	case how == hcmv3.HttpConnectionManager_SANITIZE || !w.stream.Mutual && !w.stream.CertificateUnknown:
		h.Remove(func(name string) bool { return name == header })
	case how == hcmv3.HttpConnectionManager_FORWARD_ONLY:
	default:
		h.Hide(header)
	}
}

// fromInside reports the headers that only a proxy inside may send. All clients are outside: no connection manager
// is told which addresses are not.
func fromInside(name string) bool {
	switch name {
	case "x-envoy-decorator-operation", "x-envoy-downstream-service-cluster", "x-envoy-downstream-service-node",
		"x-envoy-retry-on", "x-envoy-retry-grpc-on", "x-envoy-max-retries", "x-envoy-upstream-alt-stat-name",
		"x-envoy-upstream-rq-timeout-ms", "x-envoy-upstream-rq-per-try-timeout-ms", "x-envoy-force-trace",
		"x-envoy-upstream-rq-timeout-alt-response", "x-envoy-expected-rq-timeout-ms", "x-envoy-ip-tags",
		"x-envoy-internal", "x-envoy-original-path", "x-envoy-original-url", "x-envoy-original-host",
		"x-envoy-hedge-on-per-try-timeout", "x-envoy-retriable-status-codes", "x-envoy-retriable-header-names",
		"x-envoy-upstream-stream-duration-ms":
		return true
	default:
		return false
	}
}

// addedByEnvoy reports the headers that a backend sees and that neither client nor configuration decides.
func addedByEnvoy(h traffic.Header) bool {
	switch h.Name {
	case "x-envoy-external-address":
		return true
	case "x-request-id":
		return h.Value == requestID
	default:
		return strings.HasPrefix(h.Name, ":")
	}
}
