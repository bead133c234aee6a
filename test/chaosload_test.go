package test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// chaosPatience is how long an answer may take. It is long: a gateway that is paused answers late, which is no loss.
const chaosPatience = 2 * time.Minute

// chaosPace is the pause of a client between two requests: a load that leaves a small machine room.
const chaosPace = 8 * time.Millisecond

// chaosLoad is clients that ask all the time, and have the oracle judge each answer.
type chaosLoad struct {
	oracle *chaosOracle
	issuer *chaosIssuer
	report *chaosReport
	roots  *x509.CertPool
	done   sync.WaitGroup
	// answered counts the answers of each gateway.
	answered [chaosGateways]atomic.Int64
}

// chaosConnection is how a client asks. After an error it is of no more use.
type chaosConnection interface {
	ask(ctx context.Context, q chaosRequest) (chaosAnswer, error)
	close()
}

// clients begins those of a gateway: on open connections of HTTP/1.1 and HTTP/2, and on new ones with TLS.
func (l *chaosLoad) clients(ctx context.Context, g *chaosGateway, seed uint64) {
	kinds := []func(context.Context) (chaosConnection, error){
		func(ctx context.Context) (chaosConnection, error) { return dialHTTP1(ctx, g.addresses[0]) },
		func(ctx context.Context) (chaosConnection, error) { return dialHTTP1(ctx, g.addresses[0]) },
		func(ctx context.Context) (chaosConnection, error) { return dialHTTP2(ctx, g.addresses[0]) },
	}
	if g.number == secureGateway {
		kinds = append(kinds, func(context.Context) (chaosConnection, error) { return secureConnections{g.addresses[1], l.roots}, nil })
	}
	for i, dial := range kinds {
		random := rand.New(rand.NewPCG(seed, uint64(g.number*len(kinds)+i)))
		l.done.Go(func() { l.client(ctx, g, dial, random) })
	}
}

// client asks until the context ends. Where the gateway was killed it connects anew.
func (l *chaosLoad) client(ctx context.Context, g *chaosGateway, dial func(context.Context) (chaosConnection, error), random *rand.Rand) {
	tick := time.NewTicker(chaosPace)
	defer tick.Stop()
	var connection chaosConnection
	for ctx.Err() == nil {
		life, away := g.excuse()
		var err error
		if connection == nil {
			connection, err = dial(ctx)
		}
		if err == nil {
			err = l.one(ctx, g, connection, random)
		}
		if err != nil && ctx.Err() == nil {
			if now, gone := g.excuse(); !away && !gone && now == life {
				l.report.counts("requests lost", 1)
				l.report.fault("%v lost a request: %v", g, err)
			}
			if connection != nil {
				connection.close()
				connection = nil
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	if connection != nil {
		connection.close()
	}
}

// one asks one request and has it judged. An error is a request that was lost.
func (l *chaosLoad) one(ctx context.Context, g *chaosGateway, c chaosConnection, random *rand.Rand) error {
	q := l.request(random)
	_, q.secure = c.(secureConnections)
	since := l.oracle.standing(g.number)
	asked, cancel := context.WithTimeout(context.WithoutCancel(ctx), chaosPatience)
	defer cancel()
	got, err := c.ask(asked, q)
	if err != nil {
		return err
	}
	l.answered[g.number].Add(1)
	l.report.counts("requests", 1)
	l.report.counts(fmt.Sprintf("status %d", got.status), 1)
	if err := l.oracle.judge(g.number, q, since, got); err != nil {
		l.report.counts("wrong verdicts", 1)
		l.report.fault("%v", err)
	}
	return nil
}

// request chooses what is asked.
func (l *chaosLoad) request(random *rand.Rand) chaosRequest {
	paths := []string{"/always", "/members", "/staff", "/members", "/staff", "/shop", "/extra"}
	for door := range chaosFile(chaosDoors) {
		paths = append(paths, doorPath(door))
	}
	q := chaosRequest{path: paths[random.IntN(len(paths))]}
	if tokens := l.issuer.all(); q.path == "/members" || q.path == "/staff" || random.IntN(8) == 0 {
		q.token = tokens[random.IntN(len(tokens))]
	}
	return q
}

func (q chaosRequest) http(ctx context.Context, base string) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, base+q.path, http.NoBody)
	if err == nil && q.token.text != "" {
		r.Header.Set("Authorization", "Bearer "+q.token.text)
	}
	return r, err
}

// http1 is an open connection, which it never replaces.
type http1 struct {
	*envoytest.Client
	address string
}

func dialHTTP1(ctx context.Context, address string) (chaosConnection, error) {
	c, err := envoytest.Dial(ctx, address)
	if err != nil {
		return nil, err
	}
	return http1{c, address}, nil
}

func (c http1) ask(ctx context.Context, q chaosRequest) (chaosAnswer, error) {
	r, err := q.http(ctx, "http://"+c.address)
	if err != nil {
		return chaosAnswer{}, err
	}
	answer, err := c.Do(r)
	switch {
	case err != nil:
		return chaosAnswer{}, err
	case answer.Closing:
		return chaosAnswer{}, errors.New("the answer announces that the connection is closed")
	}
	return seen(answer.Status, answer.Header, answer.Body), nil
}

func (c http1) close() { _ = c.Close() }

// http2 is an open connection of HTTP/2. It does not connect a second time: that shows that the first was closed.
type http2 struct {
	transport *http.Transport
	address   string
}

func dialHTTP2(ctx context.Context, address string) (chaosConnection, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	only := new(http.Protocols)
	only.SetUnencryptedHTTP2(true)
	once := make(chan net.Conn, 1)
	once <- conn
	return http2{&http.Transport{Protocols: only, DialContext: func(context.Context, string, string) (net.Conn, error) {
		select {
		case c := <-once:
			return c, nil
		default:
			return nil, errors.New("the connection of HTTP/2 was closed")
		}
	}}, address}, nil
}

func (c http2) ask(ctx context.Context, q chaosRequest) (chaosAnswer, error) {
	r, err := q.http(ctx, "http://"+c.address)
	if err != nil {
		return chaosAnswer{}, err
	}
	return answered(c.transport.RoundTrip(r))
}

func (c http2) close() { c.transport.CloseIdleConnections() }

// secureConnections makes a connection with TLS for each request.
type secureConnections struct {
	address string
	roots   *x509.CertPool
}

func (c secureConnections) ask(ctx context.Context, q chaosRequest) (chaosAnswer, error) {
	r, err := q.http(ctx, "https://one.test")
	if err != nil {
		return chaosAnswer{}, err
	}
	transport := &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: c.roots, ServerName: "one.test", MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, c.address)
		},
	}
	defer transport.CloseIdleConnections()
	return answered(transport.RoundTrip(r))
}

func (secureConnections) close() {}

// answered reads what is seen of an answer.
func answered(response *http.Response, err error) (chaosAnswer, error) {
	if err != nil {
		return chaosAnswer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return chaosAnswer{}, fmt.Errorf("read the answer: %w", err)
	}
	out := seen(response.StatusCode, response.Header, body)
	if response.TLS != nil {
		out.serial = response.TLS.PeerCertificates[0].SerialNumber.Text(16)
	}
	return out, nil
}

func seen(status int, header http.Header, body []byte) chaosAnswer {
	out := chaosAnswer{status: status, backend: header.Get("Backend")}
	if status >= http.StatusInternalServerError {
		out.fault = string(body)
	}
	return out
}
