package test

import (
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// collected is all that a receiver was told. It is safe for concurrent use.
type collected struct {
	mu   sync.Mutex
	text strings.Builder
}

func (c *collected) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.Write(p)
}

func (c *collected) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.text.String()
}

// others are receivers of the record beside a webhook.
type others struct {
	otlp, syslog, alerts collected
	collector, alerted   *httptest.Server
	listener             net.Listener
}

// newOthers listens for logs of OpenTelemetry over HTTP, for syslog over TCP and for alerts.
func newOthers(t *testing.T) *others {
	t.Helper()
	o := &others{}
	o.collector = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := gzip.NewReader(r.Body)
		if err == nil {
			_, err = io.Copy(&o.otlp, body)
		}
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(o.collector.Close)
	o.alerted = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(&o.alerts, r.Body); err != nil {
			w.WriteHeader(http.StatusBadRequest)
		}
	}))
	t.Cleanup(o.alerted.Close)
	var err error
	o.listener, err = net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = o.listener.Close() })
	go func() {
		for c, err := o.listener.Accept(); err == nil; c, err = o.listener.Accept() {
			go func() {
				defer c.Close()
				_, _ = io.Copy(&o.syslog, c)
			}()
		}
	}()
	return o
}

// sinks names them as --audit-sinks has them, behind the webhooks.
func (o *others) sinks() string {
	return fmt.Sprintf("- {name: pager, url: %q, events: alerts}\notlp: [{name: collector, endpoint: %q, protocol: http}]\nsyslog: [{name: rsyslog, address: \"tcp://%s\"}]\n",
		o.alerted.URL, o.collector.URL, o.listener.Addr())
}

// everythingAlert tells the pager of every event.
const everythingAlert = "apiVersion: portreeve.dev/v1alpha1\nkind: AuditAlert\nmetadata: {name: everything, namespace: istio-system}\n" +
	"spec: {events: [{types: ['*']}], webhook: pager, groupWait: 0s, groupInterval: 1s, rateLimit: {count: 1000, period: 1h}}\n"

// toldAll holds that all of them are told, up to a line of the record.
func (o *others) toldAll(t *testing.T, line string) {
	t.Helper()
	_, hash, _ := strings.Cut(line, `"chainhash":"`)
	hash, _, _ = strings.Cut(hash, `"`)
	for name, of := range map[string]*collected{"the collector": &o.otlp, "syslog": &o.syslog} {
		eventually(t, name+" is told", func() bool { return hash != "" && strings.Contains(of.String(), hash) })
	}
	for _, of := range []string{"response.refused", "keys.rotated", "generation.read"} {
		eventually(t, "the pager is told of "+of, func() bool { return strings.Contains(o.alerts.String(), of) })
	}
}
