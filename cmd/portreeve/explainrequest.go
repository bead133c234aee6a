package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// questionFlags say what is asked.
type questionFlags struct {
	request, token, claims, client, serverName, at string
	headers, names, assumed                        []string
	port                                           uint16
	connection                                     bool
}

func (f *questionFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.request, "request", "", "What is asked: 'METHOD URL' or 'METHOD URL HTTP/2', a URL alone for GET, or tcp://HOST:PORT for a connection. ${token} in it stands for the token.")
	c.Flags().StringArrayVarP(&f.headers, "header", "H", nil, "Header of the request, 'Name: value'; may be given several times. ${token} in it stands for the token.")
	c.Flags().StringVar(&f.token, "token", "", "File with a token (- is standard input), sent as Authorization: Bearer unless ${token} says where.")
	c.Flags().StringVar(&f.claims, "claims", "", "Claims of a token, as JSON, that is taken for one that its issuer signed.")
	c.Flags().StringVar(&f.client, "client-ip", "", "Address of the connection's other end; x-forwarded-for is a header.")
	c.Flags().StringVar(&f.serverName, "sni", "", "Server name that a TLS client asks for (default: the host of an https URL).")
	c.Flags().StringArrayVar(&f.names, "client-cert-san", nil, "Name in the client's certificate, a URI or a DNS name; may be given several times.")
	c.Flags().StringVar(&f.at, "at", "", "Time by which tokens are judged, as 2006-01-02T15:04:05Z (default: now).")
	c.Flags().StringArrayVar(&f.assumed, "assume", nil, "What an authorizer answers, PROVIDER=allow or PROVIDER=deny; may be given several times.")
	c.Flags().Uint16Var(&f.port, "port", 0, "Port of the gateway (default: that of the URL).")
	c.Flags().BoolVar(&f.connection, "connection", false, "Ask about a connection whose bytes the gateway does not read.")
	takes(c, "token", given("FILE", byEnding()))
	takes(c, "client-ip", anIPAddress())
	takes(c, "sni", given("NAME", nil))
	takes(c, "client-cert-san", given("NAME", nil))
	takes(c, "at", parsed("TIME", func(text string) error {
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			return errors.New("it is no time such as 2006-01-02T15:04:05Z")
		}
		return nil
	}))
	takes(c, "port", aPort())
}

// question is a request that is asked about, and what of it nobody is shown.
type question struct {
	request explain.Request
	shown   string
	secrets []string
}

// line is the request as one line, without its query: tokens can be in it.
func (q question) line() string {
	path, _, cut := strings.Cut(q.shown, "?")
	if cut {
		path += "?…"
	}
	return fmt.Sprintf("%s, port %d", path, q.request.Port)
}

// tokenMark stands for the token in headers and in the URL.
const tokenMark = "${token}"

func (f *questionFlags) question(c *cobra.Command) (question, error) {
	q := question{shown: f.request}
	token, err := f.tokenOf(c, &q)
	if err != nil {
		return q, err
	}
	if err := f.target(&q, token); err != nil {
		return q, fmt.Errorf("--request: %w", err)
	}
	if err := f.addHeaders(&q, token); err != nil {
		return q, err
	}
	if err := f.addClient(&q.request); err != nil {
		return q, err
	}
	q.request.At = time.Now()
	if f.at != "" {
		if q.request.At, err = time.Parse(time.RFC3339, f.at); err != nil {
			return q, fmt.Errorf("--at %q is no time such as 2006-01-02T15:04:05Z", f.at)
		}
	}
	q.request.Assume, err = f.assumptions()
	return q, err
}

// tokenOf returns the token that is sent, or nothing.
func (f *questionFlags) tokenOf(c *cobra.Command, q *question) (string, error) {
	switch {
	case f.token != "" && f.claims != "":
		return "", errors.New("give --token or --claims, not both")
	case f.claims != "":
		var claims map[string]any
		if err := json.Unmarshal([]byte(f.claims), &claims); err != nil || claims == nil {
			return "", errors.New("--claims is no JSON object")
		}
		token, said, err := explain.Assumed(claims)
		q.request.Trusted = map[string]traffic.Object{token: said}
		return token, err
	case f.token == "":
		return "", nil
	}
	from := c.InOrStdin()
	if f.token != "-" {
		file, err := os.Open(f.token)
		if err != nil {
			return "", err
		}
		defer func() { _ = file.Close() }()
		from = file
	}
	const most = 64 << 10
	text, err := io.ReadAll(io.LimitReader(from, most+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("read the token: %w", err)
	case len(text) > most:
		return "", fmt.Errorf("--token has more than %d bytes", most)
	}
	return strings.TrimSpace(string(text)), nil
}

// target reads what is asked for. The path is taken as it is written: what a client sends is what counts.
func (f *questionFlags) target(q *question, token string) error {
	method, url, both := strings.Cut(strings.TrimSpace(f.request), " ")
	if !both {
		method, url = "GET", method
	}
	url, protocol, err := ofProtocol(strings.TrimSpace(url))
	if err != nil {
		return err
	}
	q.request.Protocol = protocol
	scheme, rest, ok := strings.Cut(strings.ReplaceAll(url, tokenMark, token), "://")
	if !ok {
		return errors.New("it is no METHOD URL such as 'GET http://shop.example/cart'")
	}
	r := &q.request
	r.Method, r.Connection = method, f.connection
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, r.Path = rest[:i], rest[i:]
	}
	if !strings.HasPrefix(r.Path, "/") {
		r.Path = "/" + r.Path
	}
	r.Authority = authority
	_, query, _ := strings.Cut(r.Path, "?")
	for one := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(one, "=")
		q.keep(name, value)
	}
	return f.place(r, scheme)
}

// ofProtocol splits a protocol off that stands behind a URL, as in the first line of a request.
func ofProtocol(text string) (url, protocol string, err error) {
	i := strings.LastIndex(text, " HTTP/")
	if i < 0 {
		return text, "", nil
	}
	switch url, protocol = text[:i], text[i+1:]; protocol {
	case "HTTP/1.0", "HTTP/1.1", "HTTP/2":
		return url, protocol, nil
	case "HTTP/2.0":
		return url, "HTTP/2", nil
	default:
		return "", "", fmt.Errorf("protocol %q is not one of HTTP/1.0, HTTP/1.1, HTTP/2", protocol)
	}
}

// place says where the client goes: port, and TLS with its server name.
func (f *questionFlags) place(r *explain.Request, scheme string) error {
	host, port := r.Authority, ""
	if h, p, err := net.SplitHostPort(r.Authority); err == nil {
		host, port = h, p
	}
	switch scheme {
	case "http":
		r.Port = 80
	case "https":
		r.Port, r.TLS = 443, true
	case "tcp":
		r.Connection = true
	case "tls":
		r.Connection, r.TLS = true, true
	default:
		return fmt.Errorf("scheme %q is not one of http, https, tcp, tls", scheme)
	}
	if port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			return fmt.Errorf("%q is no port", port)
		}
		r.Port = uint32(n)
	}
	if f.port != 0 {
		r.Port = uint32(f.port)
	}
	if r.Port == 0 {
		return errors.New("it has no port: tcp://HOST:PORT, or --port")
	}
	r.ServerName = f.serverName
	_, notName := netip.ParseAddr(strings.Trim(host, "[]"))
	if r.TLS = r.TLS || f.serverName != "" || len(f.names) > 0; r.TLS && r.ServerName == "" && notName != nil {
		r.ServerName = host
	}
	if address, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && r.Connection {
		r.Address = address
	}
	return nil
}

func (f *questionFlags) addHeaders(q *question, token string) error {
	placed := strings.Contains(f.request, tokenMark)
	for _, line := range f.headers {
		name, value, ok := strings.Cut(line, ":")
		if !ok || strings.TrimSpace(name) == "" {
			return errors.New("--header has a header without a colon: write -H 'Name: value'")
		}
		placed = placed || strings.Contains(value, tokenMark)
		value = strings.ReplaceAll(strings.TrimSpace(value), tokenMark, token)
		if name = strings.ToLower(strings.TrimSpace(name)); name == "host" {
			q.request.Authority = value
			continue
		}
		q.request.Headers = append(q.request.Headers, traffic.Header{Name: name, Value: value})
		q.keep(name, value)
	}
	if token != "" {
		q.secrets = append(q.secrets, token)
	}
	if token != "" && !placed {
		if slices.ContainsFunc(q.request.Headers, func(h traffic.Header) bool { return h.Name == "authorization" }) {
			return errors.New("-H sets Authorization, where the token goes: write ${token} where you want it")
		}
		q.request.Headers = append(q.request.Headers, traffic.Header{Name: "authorization", Value: "Bearer " + token})
	}
	return nil
}

// addClient adds who the client is.
func (f *questionFlags) addClient(r *explain.Request) error {
	if f.client != "" {
		address, err := netip.ParseAddr(f.client)
		if err != nil {
			return fmt.Errorf("--client-ip %q is no IP address", f.client)
		}
		r.Client = netip.AddrPortFrom(address, 0)
	}
	if len(f.names) == 0 {
		return nil
	}
	r.Certificate = &explain.Certificate{}
	for _, name := range f.names {
		if strings.Contains(name, ":") {
			r.Certificate.URIs = append(r.Certificate.URIs, name)
			continue
		}
		r.Certificate.DNSNames = append(r.Certificate.DNSNames, name)
	}
	return nil
}

func (f *questionFlags) assumptions() (map[string]explain.Decision, error) {
	out := map[string]explain.Decision{}
	for _, a := range f.assumed {
		provider, decision, _ := strings.Cut(a, "=")
		switch d := explain.Decision(decision); d {
		case explain.AssumeAllow, explain.AssumeDeny:
			out[provider] = d
		default:
			return nil, fmt.Errorf("--assume %.100q is neither PROVIDER=allow nor PROVIDER=deny", a)
		}
	}
	return out, nil
}
