package differential

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// request is what a client sends.
type request struct {
	port   uint32
	client string
	// secure says that the client speaks TLS, sni what it asks for, certificate which one it has, if any.
	secure           bool
	sni, certificate string
	// method and target stand in the first line. host is the value of Host, which is not sent where it is absent.
	method, target, host string
	headers              []traffic.Header
}

// absent is a host that is not sent.
const absent = "-"

// wire is the request as it goes over a connection.
func (r *request) wire(p place, name string) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\nx-case: %s\r\n", r.method, p.fill(r.target), name)
	if r.host != absent {
		fmt.Fprintf(&out, "host: %s\r\n", p.fill(r.host))
	}
	for _, h := range r.headers {
		fmt.Fprintf(&out, "%s: %s\r\n", h.Name, h.Value)
	}
	out.WriteString("\r\n")
	return out.String()
}

// asked is the request as it is explained.
func (r *request) asked(p place, name string, client netip.AddrPort, at time.Time) explain.Request {
	out := explain.Request{
		Port: r.port, Address: netip.MustParseAddr(p.ip()), Client: client,
		Method: r.method, Authority: p.fill(r.host), Path: p.fill(r.target), Headers: append([]traffic.Header{{Name: "x-case", Value: name}}, trimmed(r.headers)...), At: at,
		Assume: map[string]explain.Decision{}, TLS: r.secure, ServerName: r.sni, Certificate: clientCertificates()[r.certificate],
	}
	switch r.host {
	case absent:
		out.Authority = ""
	case "": // there is one, and it is empty
		out.Headers = append(out.Headers, traffic.Header{Name: "host"})
	}
	for _, name := range []string{"first", "second"} {
		out.Assume[name] = explain.AssumeDeny
		for _, h := range r.headers {
			if h.Name == "x-authz-"+name {
				out.Assume[name] = explain.AssumeAllow
			}
		}
	}
	return out
}

// trimmed are headers without the blanks around their values, which are none of them.
func trimmed(headers []traffic.Header) []traffic.Header {
	out := slices.Clone(headers)
	for i := range out {
		out[i].Value = strings.Trim(out[i].Value, " \t")
	}
	return out
}

// request makes a request near the boundaries of the set that was made last.
func (g *generator) request() request {
	r := request{port: 8080, client: g.pick("127.0.0.1", "127.0.0.2", "127.9.8.7"), method: g.method(), target: g.target(), host: g.host()}
	if slices.Contains(g.seen["listening"], "8081") && g.in(4) || g.in(200) {
		r.port = 8081
	}
	if g.seen["secure"] != nil && g.in(2) {
		g.secure(&r)
	}
	g.headers(&r)
	if !g.in(3) {
		g.present(&r, g.token())
	}
	if g.in(10) {
		g.present(&r, g.token())
	}
	if g.in(10) {
		g.preflight(&r)
	}
	return r
}

// secure has the request come over TLS, mostly for the host that it is for. The ways in which clients come are few, since each
// takes a handshake.
func (g *generator) secure(r *request) {
	r.port, r.client, r.secure = 8443, "127.0.0.1", !g.in(50)
	if !r.secure {
		return
	}
	r.sni = g.pick("shop.example", "shop.example", "api.shop.example", "x.example", "")
	r.certificate = g.pick("", "b", "b", "c", "dns")
	if r.sni != "" && g.in(2) {
		r.host = r.sni
	}
}

func (g *generator) add(r *request, name, value string) {
	r.headers = append(r.headers, traffic.Header{Name: name, Value: value})
}

func (g *generator) method() string {
	if g.in(30) {
		return g.pick("get", "Get", "PURGE", "G-1", "A")
	}
	for {
		m := g.around("method")
		// What is not a method at all ends the connection.
		if m != "" && !strings.ContainsAny(m, "*/ .zx") && m != "CONNECT" && known(m) {
			return m
		}
	}
}

func known(method string) bool {
	return strings.Contains(" GET POST PUT DELETE OPTIONS HEAD PATCH ", " "+method+" ")
}

// target makes a request target out of a path of the policies, or of the routes.
func (g *generator) target() string {
	path := g.path()
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	if g.in(4) {
		path = g.misspelt(path)
	}
	if g.in(3) {
		path += "?" + g.query()
	}
	if g.in(60) {
		path += "#f"
	}
	if g.in(40) {
		path = g.pick("http", "http", "http", "https", "HTTP", "ftp") + "://" + g.pick("shop.example", "api.shop.example", "") + path
	}
	return path
}

func (g *generator) path() string {
	path := g.around(g.pick("path", "path", "exact", "prefix", "exact path", "prefix path", "suffix path", "template"))
	for strings.Contains(path, "{") {
		path = strings.Replace(path, "{**}", g.pick("", "x", "x/y", "b"), 1)
		path = strings.Replace(path, "{*}", g.pick("", "x", "x/y", "b", "b.c"), 1)
	}
	return strings.ReplaceAll(path, " ", "")
}

func (g *generator) misspelt(path string) string {
	switch g.IntN(12) {
	case 0:
		return path + "/"
	case 1:
		return strings.Replace(path, "/", "//", 1)
	case 2:
		return strings.Replace(path, "/a", "/%61", 1)
	case 3:
		return path + g.pick(";x=y", ";", "%3b")
	case 4:
		return strings.ToUpper(path)
	case 5:
		return "/x/.." + path
	case 6:
		return strings.Replace(path, "/", g.pick("/./", "/%2e/", "/..;/", "/;a/"), 1)
	case 7:
		return "/x" + strings.Replace(path, "/", g.pick("%2f", "%2F", "%5c", "\\"), 1)
	case 8:
		return path + g.pick("%20", "%00", "%252f", "%c0%ae", "%", "%zz", "%7e", "%41")
	case 9:
		return path + g.pick(".", "..", "/..", "/.", "/../..", "~")
	case 10:
		return path + g.pick("\xc3\xbc", "\xff", "'", "\"", "[", "|", "^", "{", "<")
	default:
		return path[:len(path)-1] + g.pick("", "/", "x")
	}
}

func (g *generator) query() string {
	parts := g.some(3, "x=1", "x=a", "x", "y=", "y=a%20b", "y=ab", "x=1", "X=1", "x=%31", "a=/b", "x=a&x=b", "y=a+b", "&", "x=1?")
	return strings.Join(parts, "&")
}

func (g *generator) host() string {
	host := g.around(g.pick("host", "host", "authority"))
	switch g.IntN(14) {
	case 0:
		return host + g.pick(":8080", ":80", ":1", ":", ":8081")
	case 1:
		return strings.ToUpper(host)
	case 2:
		return host + "."
	case 3:
		return g.pick(absent, "", "a b", "x@shop.example", "shop.example:80:80", "a..", "${ip}", "${ip}:8080", "[::1]", "[::1]:8080", "shop.example.:8080", "xshop.example", "-", "sh_op.example", "a,b", "shop/example", "\xc3\xbc.example")
	default:
		return host
	}
}

func (g *generator) headers(r *request) {
	for _, name := range []string{"x-a", "x-b", "x-c"} {
		for range []int{0, 0, 1, 1, 2}[g.IntN(5)] {
			g.add(r, name, strings.TrimSpace(g.around("text")))
		}
	}
	if g.in(3) {
		g.add(r, "cookie", g.pick("a=1; b=2", "a=1", "b=2", "a=12", "session=x", "a=1;b=2"))
	}
	for range []int{0, 0, 1, 2}[g.IntN(4)] {
		g.add(r, "x-forwarded-for", g.forwarded())
	}
	for _, name := range []string{"first", "second"} {
		if g.in(2) {
			g.add(r, "x-authz-"+name, "allow")
		}
	}
	if g.in(12) {
		g.add(r, g.pick("x-sub", "x-payload", "X-Sub", "x_sub"), "mallory")
	}
	if g.in(15) {
		g.add(r, "x-forwarded-proto", g.pick("https", "http", "HTTPS", "ftp", ""))
	}
	if g.in(12) {
		g.add(r, g.pick("x-envoy-original-path", "x-envoy-external-address", "x-envoy-internal", "x-envoy-upstream-rq-timeout-ms", "x-envoy-peer-metadata", "x-forwarded-client-cert", "x-forwarded-host", "x-forwarded-port", "x_under", "x-request-id", "te", "expect"), g.pick("1", "a", "10.0.0.1"))
	}
}

func (g *generator) forwarded() string {
	return strings.Join(g.some(3, "203.0.113.7", "203.0.113.9", "10.0.0.1", "198.51.100.1", "2001:db8::1", "203.0.113.7:4711", "[2001:db8::1]", "unknown", "", "127.0.0.1", " 203.0.113.7 "), g.pick(",", ", "))
}

// present puts a token where some provider looks for it.
func (g *generator) present(r *request, token string) {
	switch g.IntN(10) {
	case 0:
		separator := "?"
		if strings.Contains(r.target, "?") {
			separator = "&"
		}
		if !strings.Contains(r.target, "#") {
			r.target += separator + g.pick("token", "access_token") + "=" + token
		}
	case 1:
		g.add(r, "cookie", g.pick("session=", "theme=dark; session=", "Session=", "session=\"")+token)
	case 2, 3:
		g.add(r, g.pick("x-token", "X-Token"), g.pick("", "JWT ", "Bearer ", "jwt ")+token)
	default:
		g.add(r, g.pick("authorization", "Authorization"), g.pick("Bearer ", "Bearer ", "Bearer ", "Bearer ", "bearer ", "Bearer  ", "JWT ", "", "Basic ", "Bearer")+token+g.pick("", "", "", "", ",x", " "))
	}
}

func (g *generator) preflight(r *request) {
	if g.in(2) {
		r.method = "OPTIONS"
	}
	g.add(r, "origin", g.pick("https://app.example", "https://evil.example", "http://app.example", ""))
	if !g.in(3) {
		g.add(r, "access-control-request-method", g.pick("GET", "PUT", ""))
	}
}
