package differential

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"
)

// outcome is what Envoy made of a request.
type outcome struct {
	// status is 0 where the connection was closed without an answer.
	status  int
	header  http.Header
	body    string
	details string
	flags   string
	route   string
	cluster string
	client  netip.AddrPort
}

// group are the requests of a trial that come over the same connections, one after the other.
type group struct {
	*trial
	// of are their places in the trial.
	of []int
	// ways are the connections that were used, with the requests that each of them answered.
	ways []way
	// refused says that nobody listens.
	refused bool
}

type way struct {
	name     string
	answered []int
}

func (t *trial) groups() []*group {
	var out []*group
	byName := map[string]*group{}
	t.outcomes = make([]outcome, len(t.requests))
	for i, r := range t.requests {
		name := fmt.Sprintln(r.port, r.client, r.secure, r.sni, r.certificate)
		if byName[name] == nil {
			byName[name] = &group{trial: t}
			out = append(out, byName[name])
		}
		byName[name].of = append(byName[name].of, i)
	}
	return out
}

// untold says what the log lacks of the first group of which it does not have all; it is empty where it has all.
func untold(groups []*group, log accessLog) string {
	for _, g := range groups {
		if lacks := g.untold(log); lacks != "" {
			return lacks
		}
	}
	return ""
}

// untold says what the log has of each connection of which it does not have all.
func (g *group) untold(log accessLog) string {
	var out strings.Builder
	for _, w := range g.ways {
		if len(log[w.name]) < len(w.answered) {
			fmt.Fprintf(&out, "%s answered %d, the log has %q; ", w.name, w.answered, log[w.name])
			for _, i := range w.answered {
				fmt.Fprintf(&out, "%d %q ", g.outcomes[i].status, g.requests[i].wire(g.place, ""))
			}
		}
	}
	return out.String()
}

// caseName is the value of x-case by which a request is known.
func caseName(p place, i int) string { return fmt.Sprintf("%d-%d", p.number, i) }

// ask sends the requests, over as many connections as it takes.
func (g *group) ask(ctx context.Context) error {
	for left := g.of; len(left) > 0; {
		first := g.requests[left[0]]
		conn, err := dial(ctx, first.client, fmt.Sprintf("%s:%d", g.ip(), first.port))
		if err != nil && strings.Contains(err.Error(), "refused") {
			g.refused = true
			return nil
		}
		if err != nil {
			return err
		}
		w := g.converse(g.secured(conn, &first), left)
		_ = conn.Close()
		g.ways = append(g.ways, w)
		done := len(w.answered)
		if done == 0 {
			done = 1 // it got no answer: the connection was closed
		}
		left = left[done:]
	}
	return nil
}

// converse sends one request after the other until the connection ends. They are not sent at once: Envoy drops
// a request that it is at work on where what comes behind it cannot be read.
func (g *group) converse(conn net.Conn, of []int) way {
	w := way{name: fmt.Sprintf("%s %s", conn.LocalAddr(), conn.RemoteAddr())}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	reader := bufio.NewReader(conn)
	for _, i := range of {
		o, closing, err := exchange(conn, reader, &g.requests[i], g.place, caseName(g.place, i))
		g.outcomes[i] = o
		if err != nil {
			return w
		}
		if w.answered = append(w.answered, i); closing {
			return w
		}
	}
	return w
}

// secured speaks TLS over a connection, where the client does.
func (g *group) secured(conn net.Conn, r *request) net.Conn {
	if !r.secure {
		return conn
	}
	config := &tls.Config{ServerName: r.sni, InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}} //nolint:gosec // whose gateway it is, is known
	if c, ok := g.certificates.clients[r.certificate]; ok {
		config.Certificates = []tls.Certificate{c}
	}
	return tls.Client(conn, config)
}

func exchange(conn net.Conn, reader *bufio.Reader, r *request, p place, name string) (o outcome, closing bool, err error) {
	o.client = conn.LocalAddr().(*net.TCPAddr).AddrPort()
	if _, err := io.WriteString(conn, r.wire(p, name)); err != nil {
		return o, true, err
	}
	resp, err := http.ReadResponse(reader, &http.Request{Method: r.method})
	if err != nil {
		return o, true, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return o, true, err
	}
	o.status, o.header, o.body = resp.StatusCode, resp.Header, string(body)
	return o, resp.Close, nil
}

// assign completes outcomes with what the log says of them. What could not be read has no name there: its line is the
// next without.
func (g *group) assign(log accessLog) error {
	for _, w := range g.ways {
		for _, i := range w.answered {
			o := &g.outcomes[i]
			line := log.take(w.name, caseName(g.place, i))
			if line == nil || line[1] != fmt.Sprint(o.status) {
				return fmt.Errorf("connection %s: the log has %q for case %s, which got %d", w.name, line, caseName(g.place, i), o.status)
			}
			o.details, o.flags, o.route, o.cluster = line[2], line[3], line[4], line[5]
		}
	}
	return nil
}
