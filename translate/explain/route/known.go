package route

import (
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portreeve/portreeve/translate/explain/fields"
)

// understood holds that a route configuration has nothing that this package would pass over: what sends a
// request elsewhere, or says who may, must not be ignored.
func understood(config *routev3.RouteConfiguration) error {
	known := map[protoreflect.FullName]fields.Message{}
	addHosts(known)
	addMatches(known)
	addActions(known)
	return fields.Of(known).Check(config)
}

const (
	headerOperations = "request_headers_to_add request_headers_to_remove response_headers_to_add response_headers_to_remove"
	// What filters are told is held against the lists of those who read it.
	perFilter = "typed_per_filter_config"
)

func addHosts(to map[protoreflect.FullName]fields.Message) {
	to["envoy.config.route.v3.RouteConfiguration"] = fields.Message{
		Read: "name virtual_hosts ignore_port_in_host_matching most_specific_header_mutations_wins " + headerOperations,
		Left: "validate_clusters max_direct_response_body_size_bytes request_mirror_policies " + perFilter,
	}
	to["envoy.config.route.v3.VirtualHost"] = fields.Message{
		Read: "name domains routes require_tls " + headerOperations,
		// Attempts are told in headers of Envoy's own.
		Left: "include_request_attempt_count include_attempt_count_in_response include_is_timeout_retry_header " +
			"retry_policy hedge_policy request_mirror_policies virtual_clusters per_request_buffer_limit_bytes metadata " + perFilter,
	}
	to["envoy.config.route.v3.Route"] = fields.Message{
		Read: "name match route redirect direct_response " + headerOperations,
		Left: "stat_prefix decorator tracing metadata per_request_buffer_limit_bytes " + perFilter,
	}
	to["envoy.config.core.v3.HeaderValueOption"] = fields.Message{Read: "header append_action keep_empty_value"}
	to["envoy.config.core.v3.HeaderValue"] = fields.Message{Read: "key value"}
}

func addMatches(to map[protoreflect.FullName]fields.Message) {
	to["envoy.config.route.v3.RouteMatch"] = fields.Message{
		Read: "prefix path safe_regex connect_matcher path_separated_prefix case_sensitive runtime_fraction query_parameters grpc tls_context",
		// The package matchers holds these against what it knows.
		Left: "path_match_policy headers dynamic_metadata",
	}
	to["envoy.config.route.v3.RouteMatch.ConnectMatcher"] = fields.Message{}
	to["envoy.config.route.v3.RouteMatch.GrpcRouteMatchOptions"] = fields.Message{}
	to["envoy.config.route.v3.RouteMatch.TlsContextMatchOptions"] = fields.Message{Read: "presented validated"}
	to["envoy.config.route.v3.QueryParameterMatcher"] = fields.Message{Read: "name present_match", Left: "string_match"}
	to["envoy.type.matcher.v3.RegexMatcher"] = fields.Message{Read: "regex"}
	to["envoy.config.core.v3.RuntimeFractionalPercent"] = fields.Message{Read: "default_value runtime_key"}
	to["envoy.type.v3.FractionalPercent"] = fields.Message{Read: "numerator denominator"}
}

func addActions(to map[protoreflect.FullName]fields.Message) {
	to["envoy.config.route.v3.RouteAction"] = fields.Message{
		Read: "cluster weighted_clusters prefix_rewrite regex_rewrite host_rewrite_literal host_rewrite_header " +
			"host_rewrite_path_regex append_x_forwarded_host",
		Left: "timeout idle_timeout flush_timeout retry_policy request_mirror_policies hash_policy priority hedge_policy " +
			"max_stream_duration max_grpc_timeout grpc_timeout_offset cluster_not_found_response_code",
	}
	to["envoy.config.route.v3.WeightedCluster"] = fields.Message{Read: "clusters"}
	to["envoy.config.route.v3.WeightedCluster.ClusterWeight"] = fields.Message{
		Read: "name weight host_rewrite_literal " + headerOperations,
	}
	to["envoy.config.route.v3.RedirectAction"] = fields.Message{
		Read: "host_redirect port_redirect response_code strip_query https_redirect scheme_redirect path_redirect prefix_rewrite regex_rewrite",
	}
	to["envoy.config.route.v3.DirectResponseAction"] = fields.Message{Read: "status body"}
	to["envoy.config.core.v3.DataSource"] = fields.Message{Read: "inline_string inline_bytes filename environment_variable"}
	to["envoy.type.matcher.v3.RegexMatchAndSubstitute"] = fields.Message{Read: "pattern substitution"}
}
