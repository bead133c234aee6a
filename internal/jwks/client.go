package jwks

import (
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

	"golang.org/x/net/http/httpproxy"

	"github.com/portreeve/portreeve/internal/disk"
)

const (
	// maxBody is the largest answer that is read.
	maxBody = 1 << 20
	// maxHeader is the largest header of an answer.
	maxHeader = 64 << 10
	// maxRedirects is how many redirects are followed.
	maxRedirects = 5
)

// client asks issuers.
type client struct {
	http  *http.Client
	guard guard
}

// validators make a request conditional.
type validators struct {
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"lastModified,omitempty"`
}

func (v validators) none() bool { return v == validators{} }

// answer is a good answer.
type answer struct {
	// unchanged says that the validators still hold; then there is no body.
	unchanged bool
	body      []byte
	validators
	// maxAge is how long the issuer lets it be kept, -1 where it does not say.
	maxAge time.Duration
}

func newClient(o Options) (*client, error) {
	roots, err := roots(o.CAFile)
	if err != nil {
		return nil, err
	}
	c := &client{guard: newGuard(o.BlockCIDRs)}
	c.http = &http.Client{CheckRedirect: c.redirect, Transport: newTransport(roots, c.guard)}
	return c, nil
}

// transport makes each request on a way of its own: directly, where what is dialled is
// guarded, or through the proxy of the environment. That one is the operator's choice, so it
// may be where no issuer may be, and it alone is dialled there.
type transport struct {
	direct, proxied *http.Transport
	proxy           func(*url.URL) (*url.URL, error)
}

func newTransport(roots *x509.CertPool, g guard) *transport {
	t := &transport{proxy: httpproxy.FromEnvironment().ProxyFunc()}
	t.direct = &http.Transport{
		DialContext: (&net.Dialer{Control: g.control}).DialContext,
		// Each fetch looks the name up anew, and leaves no connection behind.
		DisableKeepAlives:      true,
		MaxResponseHeaderBytes: maxHeader,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
	}
	t.proxied = t.direct.Clone()
	t.proxied.DialContext = (&net.Dialer{}).DialContext
	t.proxied.Proxy = func(r *http.Request) (*url.URL, error) { return t.proxy(r.URL) }
	return t
}

// RoundTrip implements http.RoundTripper.
func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	through, err := t.proxy(r.URL)
	if err != nil {
		return nil, err // it shows no address
	}
	way := t.direct
	if through != nil {
		way = t.proxied
	}
	response, err := way.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if _, err := r.URL.Parse(response.Header.Get("Location")); err != nil {
		// The client's own error would show the location, which can hold a secret.
		return nil, errors.Join(errors.New("redirected to what is not an address"), response.Body.Close())
	}
	return response, nil
}

// maxAuthorities bounds the bytes of a CA file: the roots of a system are a quarter of that.
const maxAuthorities = 1 << 20

// roots returns the system's roots and those of a file.
func roots(file string) (*x509.CertPool, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("read the system's roots: %w", err)
	}
	if file == "" {
		return pool, nil
	}
	read, err := disk.New(disk.Options{Timeout: diskTimeout}).Read(file, maxAuthorities)
	if err != nil {
		return nil, fmt.Errorf("read the CA file: %w", err)
	}
	if !pool.AppendCertsFromPEM(read.Bytes) {
		return nil, fmt.Errorf("read the CA file %s: it has no certificate in PEM", file)
	}
	return pool, nil
}

// redirect decides on a redirect. Its target is held to what holds for the first address,
// and to what is dialled in the end the guard is applied as well.
func (c *client) redirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if via[len(via)-1].URL.Scheme == "https" && r.URL.Scheme != "https" {
		return errors.New("redirected from https to less")
	}
	if err := c.guard.url(r.URL); err != nil {
		return fmt.Errorf("redirected: %w", err)
	}
	r.Header.Del("Referer") // which would hand the query of one host to another
	return nil
}

// get asks for a page, whole within the timeout. Its error shows no part of an address
// that can hold a secret.
func (c *client) get(ctx context.Context, address string, known validators, timeout time.Duration) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	got, err := c.exchange(ctx, address, known)
	if errors.Is(err, context.DeadlineExceeded) {
		return answer{}, fmt.Errorf("no whole answer within %v", timeout)
	}
	return got, err
}

func (c *client) exchange(ctx context.Context, address string, known validators) (answer, error) {
	u, err := url.Parse(address)
	if err != nil {
		return answer{}, errors.New("it is not an http or https address")
	}
	if err := c.guard.url(u); err != nil {
		return answer{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return answer{}, errors.New("it is not an http or https address")
	}
	r.Header.Set("User-Agent", "portreeve")
	r.Header.Set("Accept", "application/json, application/jwk-set+json")
	known.ask(r.Header)
	response, err := c.http.Do(r)
	if err != nil {
		return answer{}, advised(bare(err))
	}
	defer response.Body.Close()
	return read(response, known)
}

func (v validators) ask(h http.Header) {
	if v.ETag != "" {
		h.Set("If-None-Match", v.ETag)
	}
	if v.LastModified != "" {
		h.Set("If-Modified-Since", v.LastModified)
	}
}

// read reads an answer, and refuses whatever is not a good one.
func read(response *http.Response, known validators) (answer, error) {
	got := answer{maxAge: maxAge(response.Header)}
	if response.StatusCode == http.StatusNotModified && !known.none() {
		got.unchanged = true
		return got, nil
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return answer{}, fmt.Errorf("the answer is %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	if err != nil {
		return answer{}, fmt.Errorf("read the answer: %w", err)
	}
	if len(body) > maxBody {
		return answer{}, errors.New("the answer is larger than 1 MiB")
	}
	got.body = body
	got.validators = validators{response.Header.Get("ETag"), response.Header.Get("Last-Modified")}
	return got, nil
}

// advised adds a way out to an error, where there is one.
func advised(err error) error {
	if _, unknown := errors.AsType[x509.UnknownAuthorityError](err); unknown {
		return fmt.Errorf("%w (--jwks-ca-file adds authorities that are trusted)", err)
	}
	return err
}

// bare takes the address out of an error of the HTTP client, and what it quotes of an answer
// that it cannot read.
func bare(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if text := err.Error(); strings.Contains(text, "malformed HTTP") || strings.Contains(text, "malformed MIME") {
		return errors.New("the answer is not HTTP")
	}
	return err
}
