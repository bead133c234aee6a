package test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	"github.com/portreeve/portreeve/internal/envoytest"
)

// failing is a health service that ends every call with one status, and counts them.
type failing struct {
	healthpb.UnimplementedHealthServer
	code  codes.Code
	asked atomic.Int64
}

func (f *failing) Check(context.Context, *healthpb.HealthCheckRequest) (*healthpb.HealthCheckResponse, error) {
	f.asked.Add(1)
	return nil, status.Error(f.code, "it always fails")
}

func (f *failing) serve(t testing.TB) int {
	t.Helper()
	return serveGRPC(t, func(s *grpc.Server) { healthpb.RegisterHealthServer(s, f) })
}

// TestACallIsRetriedAsWritten has a gRPC client call a service of two endpoints in turn, of which one
// fails with a status: what Istio retries where nothing is said, what is written, and nothing else.
func TestACallIsRetriedAsWritten(t *testing.T) {
	envoytest.Require(t)
	for name, c := range map[string]struct {
		code    codes.Code
		retries string
		retried bool
	}{
		"unavailable, as Istio retries where nothing is said": {codes.Unavailable, "", true},
		"cancelled, as Istio retries where nothing is said":   {codes.Canceled, "", true},
		"internal is not among these":                         {codes.Internal, "", false},
		"internal, written":                                   {codes.Internal, `retries: {attempts: 1, retryOn: "unavailable,internal", backoff: 1ms}, `, true},
		"resource-exhausted":                                  {codes.ResourceExhausted, "retries: {attempts: 1, retryOn: resource-exhausted, backoff: 1ms}, ", true},
		"unavailable, where it is not written":                {codes.Unavailable, "retries: {attempts: 1, retryOn: internal}, ", false},
		"unavailable, no retries":                             {codes.Unavailable, "retries: {attempts: 0}, ", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad := &failing{code: c.code}
			// Each worker has turns of its own.
			s := openShopWith(t, shopOptions{envoy: envoytest.Options{Concurrency: 1}}, "  - {"+c.retries+"route: [{destination: {host: web}}]}\n", fmt.Sprintf(`apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: web}
spec:
  hosts: [web]
  ports: [{number: 80, name: grpc, protocol: GRPC}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1, ports: {grpc: %d}}, {address: 127.0.0.1, ports: {grpc: %d}}]
`, grpcBackend(t), bad.serve(t))+ruleFor("  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}\n"))
			connection, err := grpc.NewClient(s.address, grpc.WithTransportCredentials(insecure.NewCredentials()))
			must(t, err)
			defer func() { _ = connection.Close() }()
			got := map[codes.Code]int{}
			for range 20 {
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				_, err := healthpb.NewHealthClient(connection).Check(ctx, &healthpb.HealthCheckRequest{})
				cancel()
				got[status.Code(err)]++
			}
			want := map[codes.Code]int{codes.OK: 20}
			if !c.retried {
				want = map[codes.Code]int{codes.OK: 10, c.code: 10}
			}
			if fmt.Sprint(got) != fmt.Sprint(want) || bad.asked.Load() < 10 {
				t.Errorf("the calls end with %v, the bad endpoint was asked %d times; want %v and at least 10", got, bad.asked.Load(), want)
			}
		})
	}
}
