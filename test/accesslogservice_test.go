package test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/service/accesslog/v3"
	logsv1 "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/grpc"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// collector is a service that logs are sent to, of Envoy's protocol and of OpenTelemetry's.
type collector struct {
	logsv1.UnimplementedLogsServiceServer
	mu   sync.Mutex
	seen map[string]bool
}

func (c *collector) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[fmt.Sprintf(format, args...)] = true
}

func (c *collector) has(what string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.seen[what]
}

// StreamAccessLogs takes what Envoy's own loggers send.
func (c *collector) StreamAccessLogs(s accesslogv3.AccessLogService_StreamAccessLogsServer) error {
	name := ""
	for {
		m, err := s.Recv()
		if err != nil {
			return err
		}
		if id := m.GetIdentifier(); id != nil {
			name = id.GetLogName()
		}
		for _, e := range m.GetHttpLogs().GetLogEntry() {
			c.note("%s %s %d %s", name, e.GetRequest().GetPath(), e.GetResponse().GetResponseCode().GetValue(), e.GetRequest().GetRequestHeaders()["x-tenant"])
		}
		for _, e := range m.GetTcpLogs().GetLogEntry() {
			c.note("%s %v", name, e.GetCommonProperties().GetDownstreamRemoteAddress() != nil)
		}
	}
}

// Export takes what the OpenTelemetry logger sends.
func (c *collector) Export(_ context.Context, r *logsv1.ExportLogsServiceRequest) (*logsv1.ExportLogsServiceResponse, error) {
	for _, resource := range r.GetResourceLogs() {
		for _, scope := range resource.GetScopeLogs() {
			for _, l := range scope.GetLogRecords() {
				text := "otel " + l.GetBody().GetStringValue()
				for _, a := range l.GetAttributes() {
					text += " " + a.GetKey() + "=" + a.GetValue().GetStringValue()
				}
				c.note("%s", text)
			}
		}
	}
	return &logsv1.ExportLogsServiceResponse{}, nil
}

func runCollector(t *testing.T) (*collector, int) {
	t.Helper()
	c := &collector{seen: map[string]bool{}}
	return c, serveGRPC(t, func(s *grpc.Server) {
		accesslogv3.RegisterAccessLogServiceServer(s, c)
		logsv1.RegisterLogsServiceServer(s, c)
	})
}

// TestLogsAreSentToServices holds for each kind of service that a gateway can send logs to.
// One that no document defines is left out, and the gateway serves all the same.
func TestLogsAreSentToServices(t *testing.T) {
	envoytest.Require(t)
	c, port := runCollector(t)
	mesh := meshFile(t, `
extensionProviders:
- name: http
  envoyHttpAls: {service: collector.local, port: 9000, logName: requests, additionalRequestHeadersToLog: [x-tenant]}
- name: tcp
  envoyTcpAls: {service: collector.local, port: 9000}
- name: otel
  envoyOtelAls: {service: collector.local, port: 9000, logFormat: {text: "%REQ(:PATH)%", labels: {status: "%RESPONSE_CODE%"}}}
- name: nowhere
  envoyOtelAls: {service: nobody.local, port: 9000}
defaultProviders: {accessLogging: [http, tcp, otel, nowhere]}
`)
	listening, backend := envoytest.FreePort(t), envoytest.RunBackend(t)
	p := startPlane(t, newPolicyDir(t, map[string]string{"routing.yaml": routing(listening, backend.Port()), "collector.yaml": fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: collector}
spec:
  hosts: [collector.local]
  ports: [{number: 9000, name: grpc, protocol: GRPC, targetPort: %d}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
`, port)}), "--mesh-config", mesh)
	gateway := p.startGateway(t, envoytest.Options{})
	address := gateway.MustListener(t, fmt.Sprintf("127.0.0.1_%d", listening))
	ask(t, address, "/sent", "X-Tenant", "a")
	for _, want := range []string{"requests /sent 200 a", "tcp_envoy_accesslog true", "otel /sent status=200"} {
		eventually(t, want+" is received", func() bool { return c.has(want) })
	}
}
