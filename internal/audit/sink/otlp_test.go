package sink

import (
	"compress/gzip"
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	collogpb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	logpb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // what the exporter sends
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/internal/audit"
)

// collector takes logs over either protocol.
type collector struct {
	collogpb.UnimplementedLogsServiceServer
	mu      sync.Mutex
	logs    []*logpb.ResourceLogs
	key     string
	code    int
	rejects int64
}

// Export implements the service of gRPC.
func (c *collector) Export(ctx context.Context, r *collogpb.ExportLogsServiceRequest) (*collogpb.ExportLogsServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if md, ok := metadata.FromIncomingContext(ctx); ok && len(md.Get("x-key")) > 0 {
		c.key = md.Get("x-key")[0]
	}
	if c.code > 0 {
		return nil, status.Error(codes.Code(c.code), "your key is "+c.key)
	}
	c.logs = append(c.logs, r.GetResourceLogs()...)
	out := &collogpb.ExportLogsServiceResponse{}
	if c.rejects > 0 {
		out.PartialSuccess = &collogpb.ExportLogsPartialSuccess{RejectedLogRecords: c.rejects, ErrorMessage: "your key is " + c.key}
	}
	return out, nil
}

// ServeHTTP implements http.Handler.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	unzipped, err := gzip.NewReader(r.Body)
	if err != nil || r.URL.Path != "/v1/logs" {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	body, err := io.ReadAll(unzipped)
	var request collogpb.ExportLogsServiceRequest
	if err = errors.Join(err, proto.Unmarshal(body, &request)); err != nil {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	c.mu.Lock()
	c.key = r.Header.Get("X-Key")
	code := c.code
	c.mu.Unlock()
	if code > 0 {
		w.Header().Set("Retry-After", "9")
		w.WriteHeader(code)
		_, _ = w.Write([]byte("your key is " + r.Header.Get("X-Key")))
		return
	}
	answer, err := c.Export(r.Context(), &request)
	if err != nil {
		return
	}
	out, _ := proto.Marshal(answer)
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(out)
}

const otlpSecret = "hunter2hunter2hunter2"

// collecting starts a collector for a protocol and makes a deliverer to it.
func collecting(t *testing.T, protocol string) (*collector, Deliverer) {
	t.Helper()
	c, address := &collector{}, ""
	if protocol == ProtocolHTTP {
		server := httptest.NewServer(c)
		t.Cleanup(server.Close)
		address = server.URL
	} else {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		server := grpc.NewServer()
		collogpb.RegisterLogsServiceServer(server, c)
		done := make(chan error, 1)
		go func() { done <- server.Serve(l) }()
		t.Cleanup(func() { server.Stop(); must(t, <-done) })
		address = "http://" + l.Addr().String()
	}
	d, err := newOTLP(OTLP{Endpoint: address, Protocol: protocol, HeadersFile: file(t, "X-Key: "+otlpSecret)}, Options{Version: "1.2.3", Instance: "here", Now: time.Now})
	must(t, err)
	t.Cleanup(func() { must(t, d.Close()) })
	return c, d
}

func TestALineIsALogRecord(t *testing.T) {
	for _, protocol := range []string{ProtocolHTTP, ProtocolGRPC} {
		t.Run(protocol, func(t *testing.T) {
			c, d := collecting(t, protocol)
			lines := []audit.Line{of(1, audit.GenerationRead, "refused", medium), of(2, audit.SinkFailed, "failure", high)}
			must(t, d.Deliver(within20s(t), lines))
			records := c.logs[0].GetScopeLogs()[0].GetLogRecords()
			if len(records) != 2 || c.key != otlpSecret {
				t.Fatalf("%d records, key %q", len(records), c.key)
			}
			r := records[0]
			got := map[string]string{"event": r.GetEventName(), "severity": r.GetSeverityText(), "body": r.GetBody().GetStringValue(),
				"time": time.Unix(0, int64(r.GetTimeUnixNano())).UTC().Format(time.RFC3339Nano)}
			for _, a := range append(r.GetAttributes(), c.logs[0].GetResource().GetAttributes()...) {
				got[a.GetKey()] = a.GetValue().GetStringValue()
			}
			want := map[string]string{
				"event": "io.portreeve.generation.read", "severity": "WARN", "body": string(lines[0].Bytes), "time": "2026-01-02T03:04:05.678Z",
				"cloudevents.event_type": "io.portreeve.generation.read", "cloudevents.event_source": "/portreeve/here", "cloudevents.event_subject": "abc",
				"portreeve.outcome": "refused", "portreeve.sequence": strings.Repeat("0", 19) + "1", "portreeve.chainhash": strings.Repeat("0", 63) + "1",
				"service.name": "portreeve", "service.version": "1.2.3", "service.instance.id": "here",
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if got := records[1].GetSeverityText(); got != "ERROR" {
				t.Errorf("a sink that failed is %s", got)
			}
		})
	}
}

// TestACollectorThatRefusesIsJudged holds also for records that it rejects while it says that all is well, and that what it says of
// secrets is not shown.
func TestACollectorThatRefusesIsJudged(t *testing.T) {
	for name, c := range map[string]struct {
		protocol string
		code     int
		rejects  int64
		want     blame
		after    time.Duration
	}{
		"http, busy":         {ProtocolHTTP, 503, 0, nobodys, 9 * time.Second},
		"http, unauthorized": {ProtocolHTTP, 401, 0, ours, 9 * time.Second},
		"http, bad":          {ProtocolHTTP, 400, 0, theEvents, 9 * time.Second},
		"http, rejected":     {ProtocolHTTP, 0, 1, theEvents, 0},
		"grpc, busy":         {ProtocolGRPC, int(codes.ResourceExhausted), 0, nobodys, 0},
		"grpc, unavailable":  {ProtocolGRPC, int(codes.Unavailable), 0, nobodys, 0},
		"grpc, unauthorized": {ProtocolGRPC, int(codes.Unauthenticated), 0, ours, 0},
		"grpc, bad":          {ProtocolGRPC, int(codes.InvalidArgument), 0, theEvents, 0},
		"grpc, rejected":     {ProtocolGRPC, 0, 1, theEvents, 0},
	} {
		t.Run(name, func(t *testing.T) {
			server, d := collecting(t, c.protocol)
			server.code, server.rejects = c.code, c.rejects
			err := d.Deliver(within20s(t), made(1, 3))
			if err == nil || strings.Contains(err.Error(), otlpSecret) {
				t.Fatalf("got %v", err)
			}
			r := &refusal{}
			if errors.As(err, &r); r.blame != c.want || r.after != c.after {
				t.Errorf("got %v: %+v", err, r)
			}
		})
	}
}

func TestACollectorThatIsNotThereIsAnError(t *testing.T) {
	for _, protocol := range []string{ProtocolHTTP, ProtocolGRPC} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		must(t, l.Close())
		d, err := newOTLP(OTLP{Endpoint: "http://" + l.Addr().String(), Protocol: protocol}, Options{Now: time.Now})
		must(t, err)
		if err := d.Deliver(within20s(t), made(1, 1)); err == nil || !strings.Contains(err.Error(), "connection refused") {
			t.Errorf("%s: %v", protocol, err)
		}
		must(t, d.Close())
	}
}

// TestTheEnvironmentChangesNothing holds for variables that OpenTelemetry's exporters read: plain text in place of TLS would show the
// record to everybody between.
func TestTheEnvironmentChangesNothing(t *testing.T) {
	for name, value := range map[string]string{"INSECURE": "true", "HEADERS": "x-key=environment", "ENDPOINT": "http://127.0.0.1:1", "COMPRESSION": "none"} {
		t.Setenv("OTEL_EXPORTER_OTLP_"+name, value)
		t.Setenv("OTEL_EXPORTER_OTLP_LOGS_"+name, value)
	}
	t.Setenv("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "1")
	t.Setenv("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "1")
	for _, protocol := range []string{ProtocolHTTP, ProtocolGRPC} {
		c, rpc := &collector{}, grpc.NewServer()
		collogpb.RegisterLogsServiceServer(rpc, c)
		server := httptest.NewUnstartedServer(c)
		if protocol == ProtocolGRPC {
			server.Config.Handler = rpc
		}
		server.EnableHTTP2 = true
		server.StartTLS()
		ca := file(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
		d, err := newOTLP(OTLP{Endpoint: server.URL, Protocol: protocol, TLS: TLSFiles{CAFile: ca}}, Options{Version: "1.2.3", Now: time.Now})
		must(t, err)
		must(t, d.Deliver(within20s(t), made(1, 1)))
		must(t, d.Close())
		server.Close()
		if n := len(c.logs[0].GetScopeLogs()[0].GetLogRecords()[0].GetAttributes()); n != 6 || c.key != "" {
			t.Errorf("%s: %d attributes, key %q", protocol, n, c.key)
		}
		other, err := newOTLP(OTLP{Endpoint: server.URL, Protocol: protocol}, Options{Now: time.Now})
		must(t, err)
		if err := other.Deliver(within20s(t), made(1, 1)); err == nil {
			t.Errorf("%s: delivered to nobody", protocol)
		}
		must(t, other.Close())
	}
}
