package fields_test

import (
	"strings"
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/explain/fields"
)

// TestNothingIsPassedOver holds that a field which is set and not known is an error, wherever it stands, that
// one which is left alone is not walked, and that values need no entry.
func TestNothingIsPassedOver(t *testing.T) {
	known := fields.Of(map[protoreflect.FullName]fields.Message{
		"envoy.config.route.v3.VirtualHost":  {Read: "name routes typed_per_filter_config", Left: "retry_policy"},
		"envoy.config.route.v3.Route":        {Read: "name match per_request_buffer_limit_bytes"},
		"envoy.config.route.v3.RouteMatch":   {Read: "prefix"},
		"envoy.config.route.v3.FilterConfig": {Read: "config"},
	})
	unknown := &routev3.Route{Name: "r"}
	unknown.ProtoReflect().SetUnknown(protowire.AppendVarint(protowire.AppendTag(nil, 9999, protowire.VarintType), 1))
	route := func(r *routev3.Route) *routev3.VirtualHost {
		return &routev3.VirtualHost{Routes: []*routev3.Route{{}, r}}
	}
	told := func(m proto.Message) *routev3.VirtualHost {
		return &routev3.VirtualHost{TypedPerFilterConfig: map[string]*anypb.Any{"f": match.Any(&routev3.FilterConfig{Config: match.Any(m)})}}
	}
	for name, c := range map[string]struct {
		m    proto.Message
		want string
	}{
		"known":            {m: route(&routev3.Route{Name: "r", PerRequestBufferLimitBytes: wrapperspb.UInt32(1)})}, //nolint:staticcheck // a value
		"left":             {m: &routev3.VirtualHost{RetryPolicy: &routev3.RetryPolicy{RetryOn: "5xx"}}},
		"by itself":        {m: &routev3.VirtualHost{RequireTls: routev3.VirtualHost_ALL}, want: "require_tls: the field require_tls of envoy.config.route.v3.VirtualHost is not understood"},
		"in a list":        {m: route(&routev3.Route{StatPrefix: "s"}), want: "routes[1].stat_prefix: the field stat_prefix of envoy.config.route.v3.Route is not understood"},
		"in a message":     {m: route(&routev3.Route{Match: &routev3.RouteMatch{Grpc: &routev3.RouteMatch_GrpcRouteMatchOptions{}}}), want: "routes[1].match.grpc: the field grpc of"},
		"in an Any":        {m: told(&routev3.Route{StatPrefix: "s"}), want: "typed_per_filter_config[f].config.stat_prefix: the field"},
		"another message":  {m: told(&routev3.RetryPolicy{}), want: "typed_per_filter_config[f].config: the message envoy.config.route.v3.RetryPolicy is not understood"},
		"an unknown type":  {m: &routev3.VirtualHost{TypedPerFilterConfig: map[string]*anypb.Any{"f": {TypeUrl: "type.googleapis.com/none"}}}, want: "typed_per_filter_config[f]: "},
		"an unknown field": {m: route(unknown), want: "routes[1]: envoy.config.route.v3.Route has a field that this program does not know"},
		"an unknown top":   {m: &routev3.RetryPolicy{}, want: "the message envoy.config.route.v3.RetryPolicy is not understood"},
	} {
		err := known.Check(c.m)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
