package test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	authv3 "github.com/envoyproxy/go-control-plane/envoy/service/auth/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

// asked is what an authorizer was asked, in order.
type asked struct {
	mu       sync.Mutex
	requests []inquiry
}

type inquiry struct {
	path   string
	header http.Header
}

func (a *asked) add(path string, header http.Header) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.requests = append(a.requests, inquiry{path, header})
}

// take returns the questions since the last time.
func (a *asked) take() []inquiry {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Collect(func(yield func(inquiry) bool) {
		for _, q := range a.requests {
			if !yield(q) {
				break
			}
		}
		a.requests = nil
	})
}

func paths(questions []inquiry) string {
	var out []string
	for _, q := range questions {
		out = append(out, q.path)
	}
	return strings.Join(out, " ")
}

// httpAuthorizer is an authorizer that speaks HTTP. It refuses paths with "deny" in them and
// fails at those with "broken".
func httpAuthorizer(t testing.TB) (*asked, int) {
	t.Helper()
	got := &asked{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.add(r.URL.Path, r.Header)
		w.Header().Set("x-user", "alice")
		w.Header().Set("x-reason", "because")
		w.Header().Set("x-secret", "hidden")
		w.Header().Set("x-audit", "1")
		switch {
		case strings.Contains(r.URL.Path, "broken"):
			w.WriteHeader(http.StatusInternalServerError)
		case strings.Contains(r.URL.Path, "deny"):
			w.WriteHeader(http.StatusTeapot)
			_, _ = w.Write([]byte("no"))
		}
	}))
	t.Cleanup(s.Close)
	return got, s.Listener.Addr().(*net.TCPAddr).Port
}

// grpcAuthorizer is the same in gRPC.
func grpcAuthorizer(t testing.TB) (*asked, int) {
	t.Helper()
	a := &grpcCheck{}
	return &a.got, serveGRPC(t, func(s *grpc.Server) { authv3.RegisterAuthorizationServer(s, a) })
}

type grpcCheck struct {
	authv3.UnimplementedAuthorizationServer
	got asked
}

func (a *grpcCheck) Check(_ context.Context, r *authv3.CheckRequest) (*authv3.CheckResponse, error) {
	request, header := r.GetAttributes().GetRequest().GetHttp(), http.Header{}
	for name, value := range request.GetHeaders() {
		header.Set(name, value)
	}
	a.got.add(request.GetPath(), header)
	option := func(name, value string) []*corev3.HeaderValueOption {
		return []*corev3.HeaderValueOption{{Header: &corev3.HeaderValue{Key: name, Value: value}}}
	}
	if strings.Contains(request.GetPath(), "deny") {
		return &authv3.CheckResponse{
			Status: &statuspb.Status{Code: int32(codes.PermissionDenied)},
			HttpResponse: &authv3.CheckResponse_DeniedResponse{DeniedResponse: &authv3.DeniedHttpResponse{
				Status: &typev3.HttpStatus{Code: typev3.StatusCode_PaymentRequired}, Headers: option("x-reason", "because"), Body: "no",
			}},
		}, nil
	}
	return &authv3.CheckResponse{
		Status:       &statuspb.Status{Code: int32(codes.OK)},
		HttpResponse: &authv3.CheckResponse_OkResponse{OkResponse: &authv3.OkHttpResponse{Headers: option("x-user", "alice")}},
	}, nil
}
