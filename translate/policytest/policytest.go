// Package policytest holds PolicyTest objects against what gateways are served.
//
//	PolicyTest objects ─ Of ─▶ tests ─ Run(gateway) ─▶ results, and what they leave untested
//
// It is pure. A test that cannot be decided has failed: what a request does not say is never taken for what
// is expected.
package policytest

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// Test is one PolicyTest, made ready. It is immutable.
type Test struct {
	// Name is namespace/name, At where it is written.
	Name string
	At   diag.Position
	// Namespace is that of the object.
	Namespace string
	// Gateways are those that it is about.
	Gateways []model.Gateway
	Cases    []Case
	// Faults are the tokens that could not be made; with one the test cannot be run.
	Faults []error
}

// Case is one expectation of some requests.
type Case struct {
	Name     string
	At       diag.Position
	Requests []Request
	Expect   Expectation
}

// Request is what is asked.
type Request struct {
	// Text names it as a person does, without its tokens: GET http://shop.example/orders.
	Text string
	At   diag.Position
	Ask  explain.Request
	URL  resource.TestURL
}

// Making says how the tokens of tests are made.
type Making struct {
	// Sign gives a payload its compact form, signed as the issuer of a name. Without it tokens have a
	// signature of nobody, and are taken for those of their issuer.
	Sign func(issuer string, payload []byte) (string, error)
	// Now is the moment of all requests. The zero time is that of each PolicyTest.
	Now time.Time
}

// standardTime is the moment of the requests of a PolicyTest that does not say it. It never changes, so
// that a test means the same tomorrow.
func standardTime() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// Of makes PolicyTest objects ready.
func Of(objects []*resource.Resource, how Making) []Test {
	out := make([]Test, 0, len(objects))
	for _, r := range objects {
		out = append(out, maker{origin: r.Origin, spec: r.Spec.(*portreevev1alpha1.PolicyTest), how: how}.test(r))
	}
	return out
}

// maker makes one PolicyTest ready.
type maker struct {
	origin resource.Origin
	spec   *portreevev1alpha1.PolicyTest
	how    Making
	at     time.Time
	tokens map[string]token
}

func (m maker) test(r *resource.Resource) Test {
	out := Test{Name: r.Namespace + "/" + r.Name, Namespace: r.Namespace, At: r.Origin.At(resource.Path{"metadata", "name"}), Gateways: gatewaysOf(m.spec)}
	m.at = m.moment()
	m.tokens, out.Faults = m.made()
	for i, c := range m.spec.GetTests() {
		out.Cases = append(out.Cases, m.testCase(resource.Path{"spec", "tests", i}, c))
	}
	return out
}

func (m maker) moment() time.Time {
	if !m.how.Now.IsZero() {
		return m.how.Now
	}
	at, err := time.Parse(time.RFC3339, m.spec.GetTime())
	if err != nil {
		return standardTime()
	}
	return at
}

// gatewaysOf returns the gateways that a PolicyTest is about.
func gatewaysOf(spec *portreevev1alpha1.PolicyTest) []model.Gateway {
	if len(spec.GetGateways()) == 0 {
		return []model.Gateway{{Namespace: resource.TestNamespace, Labels: resource.TestLabels()}}
	}
	var out []model.Gateway
	for _, g := range spec.GetGateways() {
		namespace := g.GetNamespace()
		if namespace == "" {
			namespace = resource.TestNamespace
		}
		out = append(out, model.Gateway{Namespace: namespace, Labels: g.GetLabels()})
	}
	return out
}

// About reports whether a test is about a gateway: one of its gateways has the namespace, and no labels
// that this one has not.
func (t Test) About(g model.Gateway) bool {
	return slices.ContainsFunc(t.Gateways, func(named model.Gateway) bool {
		return named.Namespace == g.Namespace && g.Selected(named.Labels)
	})
}

func (m maker) testCase(path resource.Path, c *portreevev1alpha1.TestCase) Case {
	out := Case{Name: c.GetName(), At: m.origin.At(path.Field("name")), Expect: m.expectation(c.GetExpect())}
	if c.GetRequest() != nil {
		out.Requests = append(out.Requests, m.request(path.Field("request"), c.GetRequest()))
	}
	for i, r := range c.GetRequests() {
		out.Requests = append(out.Requests, m.request(path.Field("requests", i), r))
	}
	return out
}

// clientAddress is the address of a client that a request does not give: one of those that are for
// documentation.
func clientAddress() netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, 1}) }

func (m maker) request(path resource.Path, r *portreevev1alpha1.TestRequest) Request {
	method := r.GetMethod()
	if method == "" {
		method = "GET"
	}
	u, _ := resource.ReadTestURL(r.GetUrl()) // it has been checked
	url := shownURL(r.GetUrl())
	out := Request{Text: method + " " + url, At: m.origin.At(path), URL: u}
	if u.Connection {
		out.Text = url
	}
	if r.GetToken() != "" {
		out.Text += " with the token " + r.GetToken()
	}
	client, err := netip.ParseAddr(r.GetClientIp())
	if err != nil {
		client = clientAddress()
	}
	ask := explain.Request{
		Port: u.Port, TLS: u.TLS, Client: netip.AddrPortFrom(client, 50000), Connection: u.Connection,
		Method: method, Authority: m.filled(u.Authority), Path: m.filled(u.Path), At: m.at, Certificate: certificate(r.GetClientCertificate()),
	}
	ask.ServerName = serverName(u, r.GetSni())
	m.addTokens(&ask, r)
	for provider, answer := range r.GetAssume() {
		if ask.Assume == nil {
			ask.Assume = map[string]explain.Decision{}
		}
		ask.Assume[provider] = explain.Decision(answer)
	}
	out.Ask = ask
	return out
}

// shownURL is a URL without the tokens in it; ${name} stands for one and stays.
func shownURL(url string) string {
	before, query, _ := strings.Cut(url, "?")
	for _, one := range strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == '#' }) {
		name, value, _ := strings.Cut(one, "=")
		if value != "" && !strings.HasPrefix(value, "${") && resource.Credential(name) {
			query = strings.ReplaceAll(query, one, name+"=[redacted]")
		}
	}
	if query != "" {
		before += "?" + query
	}
	return resource.WithoutTokens(before)
}

// serverName is the SNI: the host, unless the request says another, or that there is none. An address
// is never sent.
func serverName(u resource.TestURL, sni string) string {
	_, err := netip.ParseAddr(strings.Trim(u.Host, "[]"))
	switch {
	case !u.TLS || sni == "-" || sni == "" && err == nil:
		return ""
	case sni != "":
		return sni
	default:
		return u.Host
	}
}

func certificate(c *portreevev1alpha1.TestCertificate) *explain.Certificate {
	if c == nil {
		return nil
	}
	return &explain.Certificate{URIs: c.GetUris(), DNSNames: c.GetDnsNames(), Subject: c.GetSubject()}
}
