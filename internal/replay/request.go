package replay

import (
	"encoding/json"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// Facts are what configurations say of all requests at a place, for lines of formats that do not.
type Facts struct {
	// TLSPorts are those at which every client speaks TLS.
	TLSPorts map[uint32]bool
	// PlacedTokens are the issuers whose tokens are looked for elsewhere than in the default places,
	// in either configuration: where they come from is not known of a line.
	PlacedTokens map[string]bool
	// ProxyPorts are those at which the PROXY protocol tells the client's address.
	ProxyPorts map[uint32]bool
	// HiddenTokens says that tokens are verified, and taken away, which the log does not tell.
	HiddenTokens bool
	// AgentCounts says that something looks at the header user-agent, in which most requests differ.
	AgentCounts bool
}

// request is what a record asks. What the line does not say is unknown.
func (r *record) request(facts Facts) explain.Request {
	at, _ := netip.ParseAddrPort(r.values[localAddress].text)
	out := explain.Request{
		Port: uint32(at.Port()), Address: at.Addr().Unmap(), Client: r.client(facts, uint32(at.Port())), Protocol: r.values[protocol].text,
		Method: r.values[method].text, Authority: r.values[authority].text, Connection: r.connection(), At: r.time(),
	}
	r.addTLS(&out, facts)
	r.addPath(&out)
	r.addHeaders(&out)
	r.addToken(&out, facts)
	return out
}

// client is the connection's other end, without its port, which no rule looks at. Where only the address
// that Envoy worked out is logged, it is the same if it has a port: one of x-forwarded-for has 0. Behind a
// proxy that speaks the PROXY protocol the connection's other end is the proxy.
func (r *record) client(facts Facts, port uint32) netip.AddrPort {
	text := r.values[remoteAddress].client()
	if direct := r.values[directAddress].host(); direct != "" && !facts.ProxyPorts[port] {
		text = direct
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a.Unmap(), 0)
}

// host is an address without its port.
func (v value) host() string {
	if host, _, err := net.SplitHostPort(v.text); err == nil {
		return host
	}
	return v.text
}

// client is an address without its port where it has one: one that Envoy worked out has 0.
func (v value) client() string {
	if host, port, err := net.SplitHostPort(v.text); err == nil && port != "0" {
		return host
	}
	return ""
}

// time is that by which the request is judged: when it began, where a token is logged as it was sent, and
// otherwise any, since what is known of tokens held then.
func (r *record) time() time.Time {
	if r.holdsToken() {
		return r.began()
	}
	return time.Unix(1_000_000_000, 0).UTC()
}

// began is when the request came; zero where that is not said.
func (r *record) began() time.Time {
	at, err := time.Parse(time.RFC3339Nano, r.values[startTime].text)
	if err != nil {
		return time.Time{}
	}
	return at
}

// holdsToken reports whether the line shows what may be a token: each has two dots.
func (r *record) holdsToken() bool {
	const dots = 2
	_, query, _ := strings.Cut(r.values[fullPath].text, "?")
	return strings.Count(query, ".") >= dots || slices.ContainsFunc(r.headers, func(h traffic.Header) bool { return strings.Count(h.Value, ".") >= dots })
}

func (r *record) addTLS(out *explain.Request, facts Facts) {
	out.ServerName = r.values[serverName].text
	out.TLS = r.said(tlsVersion) || r.said(serverName) || r.values[tlsVersion].state == unsaid && facts.TLSPorts[out.Port]
	out.Unknown.ServerName = out.TLS && r.values[serverName].state == unsaid
	if !out.TLS {
		return
	}
	if r.said(peerURIs) || r.said(peerNames) || r.said(peerSubject) {
		out.Certificate = &explain.Certificate{URIs: r.list(peerURIs), DNSNames: r.list(peerNames), Subject: r.values[peerSubject].text}
	}
	// A certificate needs no name of the three kinds; without the subject it can have been there.
	out.Unknown.Certificate = slices.ContainsFunc([]field{peerURIs, peerNames, peerSubject}, func(f field) bool { return r.values[f].state == unsaid })
}

func (r *record) list(f field) []string {
	if !r.said(f) {
		return nil
	}
	return strings.Split(r.values[f].text, ",")
}

func (r *record) addPath(out *explain.Request) {
	if r.said(fullPath) {
		out.Path = r.values[fullPath].text
		return
	}
	out.Path = r.values[barePath].text
	out.Unknown.Query = !r.none(querySent)
	if r.none(accessTokenSent) {
		out.Unknown.AbsentParameters = []string{"access_token"}
	}
}

// addHeaders adds what the line says. The last address of x-forwarded-for is the one that Envoy added: a
// gateway adds one to each request of which it reads more than the first line.
func (r *record) addHeaders(out *explain.Request) {
	out.Headers = slices.Clone(r.headers)
	out.Unknown.Headers, out.Unknown.Absent = true, slices.Clone(r.absent)
	if r.values[forwardedFor].state == unsaid {
		return
	}
	sent := r.values[forwardedFor].text
	sent = strings.TrimSpace(sent[:max(0, strings.LastIndexByte(sent, ','))])
	if sent == "" {
		out.Unknown.Absent = append(out.Unknown.Absent, "x-forwarded-for")
		return
	}
	out.Headers = append(out.Headers, traffic.Header{Name: "x-forwarded-for", Value: sent})
}

// addToken adds a token that was verified, as far as the line says what it says. Its signature and its
// times were good then, so they are now: the configuration judges the rest.
func (r *record) addToken(out *explain.Request, facts Facts) {
	claims, all := r.claims(out.At)
	issuer, _ := claims["iss"].(string)
	if slices.ContainsFunc(out.Headers, func(h traffic.Header) bool { return h.Name == "authorization" }) {
		return
	}
	switch {
	case facts.HiddenTokens:
		return
	case claims == nil && r.none(authorizationSent) && r.none(tokenIssuer) && !strings.HasPrefix(r.values[details].text, "jwt_authn"):
		out.Unknown.Absent = append(out.Unknown.Absent, "authorization")
		return
	case claims == nil || facts.PlacedTokens[issuer]:
		return
	}
	token, object, err := explain.Assumed(claims)
	if err != nil {
		return // it stays unknown
	}
	object.Open = !all
	out.Trusted = map[string]traffic.Object{token: object}
	out.Headers = append(out.Headers, traffic.Header{Name: "authorization", Value: "Bearer " + token})
}

// claims are those of the verified token that the line shows, and whether they are all; nil where there
// was none, or whether there was is not said.
func (r *record) claims(at time.Time) (map[string]any, bool) {
	var out map[string]any
	if r.said(tokenClaims) && json.Unmarshal([]byte(r.values[tokenClaims].text), &out) == nil && out["iss"] != nil {
		return inTime(out, at), true
	}
	if !r.said(tokenIssuer) {
		return nil, false
	}
	out = map[string]any{"iss": r.values[tokenIssuer].text}
	if r.said(tokenSubject) {
		out["sub"] = r.values[tokenSubject].text
	}
	return inTime(out, at), false
}

// inTime has a token that was good when it was verified be good at the time by which it is judged.
func inTime(claims map[string]any, at time.Time) map[string]any {
	claims["exp"], claims["nbf"] = at.Add(time.Hour).Unix(), at.Add(-time.Hour).Unix()
	return claims
}
