package sink

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploggrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlplog/otlploghttp"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	collogpb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

func newHTTPExporter(endpoint *url.URL, extra map[string]string, config *tls.Config, o Options) (sdklog.Exporter, error) {
	to := *endpoint
	if to.Path == "" || to.Path == "/" {
		to.Path = "/v1/logs"
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 64 << 10}
	// The address as a whole says whether it is plain text; without that the environment could make it so.
	return otlploghttp.New(context.Background(),
		otlploghttp.WithEndpointURL(to.String()), otlploghttp.WithHeaders(extra),
		otlploghttp.WithRetry(otlploghttp.RetryConfig{}), otlploghttp.WithCompression(otlploghttp.GzipCompression),
		otlploghttp.WithHTTPClient(&http.Client{Transport: answers{transport, o.Now}, Timeout: requestWithin, CheckRedirect: stay}))
}

// answers turns an answer that is no success into a refusal, so that what it says in its body gets into no error, and counts
// those records that an answer says are rejected as one too.
type answers struct {
	*http.Transport
	now func() time.Time
}

// RoundTrip implements http.RoundTripper.
func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := a.Transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if err := judge(response, a.now()); err != nil {
		_, _ = io.CopyN(io.Discard, response.Body, maxAnswer)
		return nil, errors.Join(err, response.Body.Close())
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, errors.New("the answer breaks off")
	}
	response.Body = io.NopCloser(bytes.NewReader(nil))
	var said collogpb.ExportLogsServiceResponse
	if proto.Unmarshal(body, &said) != nil {
		return response, nil // it is no message of OTLP, and says that all is well
	}
	if err := rejected(&said); err != nil {
		return nil, err
	}
	return response, nil
}

// rejected returns a refusal where some records are rejected.
func rejected(said *collogpb.ExportLogsServiceResponse) error {
	if n := said.GetPartialSuccess().GetRejectedLogRecords(); n > 0 {
		return &refusal{text: fmt.Sprintf("the receiver rejects %d events", n), blame: theEvents}
	}
	return nil
}

func newGRPCExporter(endpoint *url.URL, extra map[string]string, config *tls.Config) (sdklog.Exporter, error) {
	options := []otlploggrpc.Option{
		otlploggrpc.WithEndpoint(endpoint.Host), otlploggrpc.WithHeaders(extra), otlploggrpc.WithTimeout(requestWithin),
		otlploggrpc.WithRetry(otlploggrpc.RetryConfig{}), otlploggrpc.WithCompressor("gzip"),
		otlploggrpc.WithDialOption(grpc.WithUnaryInterceptor(judgeCall)),
	}
	if endpoint.Scheme == "http" {
		options = append(options, otlploggrpc.WithInsecure())
	} else {
		options = append(options, otlploggrpc.WithTLSCredentials(credentials.NewTLS(config)))
	}
	return otlploggrpc.New(context.Background(), options...)
}

// judgeCall turns an answer of gRPC into a refusal, as answers does for HTTP.
func judgeCall(ctx context.Context, method string, request, reply any, c *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	err := invoke(ctx, method, request, reply, c, options...)
	if said, ok := reply.(*collogpb.ExportLogsServiceResponse); ok && err == nil {
		err = rejected(said)
		said.PartialSuccess = nil
		return err
	}
	return fromStatus(err)
}

// fromStatus returns what a status means. What only the receiver can have said is not shown.
func fromStatus(err error) error {
	s, ok := status.FromError(err)
	if err == nil || !ok {
		return err
	}
	r := &refusal{text: "the answer is " + s.Code().String()}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.RetryInfo); ok {
			r.after = info.GetRetryDelay().AsDuration()
		}
	}
	switch s.Code() {
	case codes.Unavailable:
		return err // mostly said by our own side: no connection, and why
	case codes.InvalidArgument, codes.OutOfRange:
		r.blame = theEvents
	case codes.Unauthenticated, codes.PermissionDenied, codes.NotFound, codes.Unimplemented, codes.FailedPrecondition:
		r.blame = ours
	}
	return r
}
