// Package livetest sends the requests of PolicyTests to a live gateway, and holds what it answers against what
// they expect. Of what decides inside the gateway nothing is seen from there.
package livetest

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/policytest"
)

// The bounds of one request.
const (
	// standardPatience is how long an answer may take where nobody says.
	standardPatience = 10 * time.Second
	// maxBody is as much of an answer's body as is read.
	maxBody = 1 << 20
	// maxAnswer is as much of an answer as is taken in all, its headers too.
	maxAnswer = 2 * maxBody
)

// Gateway is where requests are sent.
type Gateway struct {
	// Addresses are HOST:PORT by scheme, http or https.
	Addresses map[string]string
	// Roots are the authorities of the gateway's certificates; nil is the system's.
	Roots *x509.CertPool
	// Patience is how long an answer may take; zero is 10 s.
	Patience time.Duration
}

// ParseAddress reads where one scheme of a gateway is: http://HOST:PORT or https://HOST:PORT.
func ParseAddress(text string) (scheme, address string, _ error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.User != nil {
		return "", "", fmt.Errorf("%q is not http://HOST:PORT or https://HOST:PORT", text)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme, net.JoinHostPort(u.Hostname(), port), nil
}

// Run sends the requests of a test, one after the other.
func (g Gateway) Run(ctx context.Context, t policytest.Test) []policytest.Result {
	var out []policytest.Result
	for i := range t.Cases {
		c := &t.Cases[i]
		for k := range c.Requests {
			out = append(out, g.ask(ctx, c, &c.Requests[k]))
		}
	}
	return out
}

func (g Gateway) ask(ctx context.Context, c *policytest.Case, r *policytest.Request) policytest.Result {
	out := policytest.Result{Case: c, Request: r}
	if why := g.unsendable(c, r); why != "" {
		out.NotSent, out.NotCompared = true, []string{"it was not sent: " + why}
		return out
	}
	got, err := g.send(ctx, r)
	if err != nil && !errors.Is(err, errClosed) {
		out.Faults = []string{err.Error()}
		return out
	}
	got.asked = len(r.Ask.Assume) > 0
	out.Answer = got.answer()
	out.Faults, out.NotCompared = compare(c.Expect, got)
	if got.asked {
		out.NotCompared = append(out.NotCompared, "the authorizer was asked, and not assumed")
	}
	return out
}

// unsendable says why a request cannot be sent; empty where it can.
func (g Gateway) unsendable(c *policytest.Case, r *policytest.Request) string {
	switch {
	case r.Ask.Connection:
		return "it is a connection without a request"
	case c.Expect.Verdict == explain.Closed && !r.Ask.TLS:
		return "which ports are closed is not asked"
	case r.Ask.Certificate != nil:
		return "there is no certificate of the client"
	case g.Addresses[scheme(r)] == "":
		return "--against gives no address for " + scheme(r)
	default:
		return ""
	}
}

func scheme(r *policytest.Request) string {
	if r.Ask.TLS {
		return "https"
	}
	return "http"
}

// answer is what a gateway, or the backend behind it, answers.
type answer struct {
	closed bool
	status int
	body   string
	header http.Header
	// asked says that an authorizer may have been asked. Its refusal has the marks of a backend's answer.
	asked bool
}

// ofBackend reports whether a backend has answered: the gateway says how long that took.
func (a answer) ofBackend() bool {
	return a.header.Get("x-envoy-upstream-service-time") != "" && !(a.asked && a.status >= http.StatusBadRequest)
}

// answer is what is known of it in the terms of explain.
func (a answer) answer() explain.Answer {
	out := explain.Answer{Decisive: -1}
	switch {
	case a.closed:
		out.Verdict = explain.Closed
		return out
	case a.ofBackend():
		out.Verdict = explain.Allowed
		return out
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		out.Verdict = explain.Denied
	default:
		out.Verdict = explain.Answered
	}
	out.Status, out.Body = uint32(a.status), a.body
	return out
}

// errClosed says that the gateway has closed the connection.
var errClosed = errors.New("the connection was closed")

// send sends a request as it is written: no client's library has a say in its path, host and headers.
func (g Gateway) send(ctx context.Context, r *policytest.Request) (answer, error) {
	patience := cmp.Or(g.Patience, standardPatience)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := g.dial(ctx, r)
	if err != nil {
		return answer{closed: true}, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if _, err := io.WriteString(conn, text(r)); err != nil {
		return answer{closed: true}, errClosed
	}
	response, err := http.ReadResponse(bufio.NewReader(io.LimitReader(conn, maxAnswer)), &http.Request{Method: r.Ask.Method})
	if err != nil {
		if ctx.Err() != nil {
			return answer{}, fmt.Errorf("no answer within %s", patience)
		}
		return answer{closed: true}, errClosed
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return answer{}, fmt.Errorf("read the answer: %w", err)
	}
	return answer{status: response.StatusCode, body: string(body), header: response.Header}, nil
}

// dial connects. What is no connection to the address is an error; a handshake that is refused is closed.
func (g Gateway) dial(ctx context.Context, r *policytest.Request) (net.Conn, error) {
	address := g.Addresses[scheme(r)]
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil || !r.Ask.TLS {
		return conn, err
	}
	name := r.Ask.ServerName
	if name == "" {
		name, _, _ = net.SplitHostPort(address)
	}
	secured := tls.Client(conn, &tls.Config{ServerName: name, RootCAs: g.Roots, MinVersion: tls.VersionTLS12})
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
			return nil, fmt.Errorf("the gateway's certificate: %w", err)
		}
		return nil, errClosed
	}
	return secured, nil
}

// text is the request as HTTP/1.1 has it.
func text(r *policytest.Request) string {
	var b strings.Builder
	path, _, _ := strings.Cut(r.Ask.Path, "#") // no client sends it
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nhost: %s\r\n", r.Ask.Method, path, r.Ask.Authority)
	for _, h := range r.Ask.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
	}
	b.WriteString("connection: close\r\n\r\n")
	return b.String()
}
