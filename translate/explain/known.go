package explain

import (
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portreeve/portreeve/translate/explain/fields"
)

// known lists what of Envoy's messages is read here, and what does not matter for an answer. All else is
// refused: what is added to a configuration later must not be passed over. Messages in an Any are held against
// the list when they are unpacked, those of rules, tokens and routes by the packages that read them.
func known() fields.Known {
	list := map[protoreflect.FullName]fields.Message{}
	for _, add := range []func(map[protoreflect.FullName]fields.Message){addListeners, addTLS, addManager, addFilters, addAuthorizers, addConnections} {
		add(list)
	}
	return fields.Of(list)
}

func addListeners(to map[protoreflect.FullName]fields.Message) {
	to["envoy.config.listener.v3.Listener"] = fields.Message{
		Read: "name address listener_filters filter_chains", Left: "traffic_direction access_log stat_prefix",
	}
	to["envoy.config.core.v3.Address"] = fields.Message{Read: "socket_address pipe"}
	to["envoy.config.core.v3.SocketAddress"] = fields.Message{Read: "address port_value"}
	to["envoy.config.core.v3.Pipe"] = fields.Message{Left: "path mode"}
	to["envoy.config.listener.v3.ListenerFilter"] = fields.Message{Left: "name typed_config"}
	to["envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector"] = fields.Message{}
	to["envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol"] = fields.Message{}
	to["envoy.config.listener.v3.FilterChain"] = fields.Message{
		Read: "name filter_chain_match filters transport_socket", Left: "transport_socket_connect_timeout",
	}
	to["envoy.config.listener.v3.FilterChainMatch"] = fields.Message{Read: "server_names transport_protocol"}
	to["envoy.config.core.v3.TransportSocket"] = fields.Message{Left: "name typed_config"}
	to["envoy.config.listener.v3.Filter"] = fields.Message{Read: "name", Left: "typed_config config_discovery"}
}

func addTLS(to map[protoreflect.FullName]fields.Message) {
	to["envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"] = fields.Message{Read: "common_tls_context require_client_certificate"}
	to["envoy.extensions.transport_sockets.tls.v3.CommonTlsContext"] = fields.Message{
		// Which versions, certificates and authorities there are is not looked at: a handshake that
		// fails reaches no rule.
		Left: "combined_validation_context validation_context validation_context_sds_secret_config " +
			"tls_params tls_certificate_sds_secret_configs alpn_protocols",
	}
}

func addManager(to map[protoreflect.FullName]fields.Message) {
	const manager = "envoy.extensions.filters.network.http_connection_manager.v3."
	to[manager+"HttpConnectionManager"] = fields.Message{
		Read: "http_filters upgrade_configs normalize_path merge_slashes path_with_escaped_slashes_action strip_trailing_host_dot " +
			"xff_num_trusted_hops forward_client_cert_details append_x_forwarded_port generate_request_id",
		Left: "stat_prefix codec_type rds route_config server_name server_header_transformation access_log tracing " +
			"set_current_client_cert_details stream_idle_timeout use_remote_address",
	}
	to[manager+"HttpConnectionManager.UpgradeConfig"] = fields.Message{Read: "upgrade_type"}
	to[manager+"HttpFilter"] = fields.Message{Read: "name", Left: "typed_config config_discovery disabled"}
	const chain = "envoy.extensions.filters.http.filter_chain.v3."
	to[chain+"FilterChainConfig"] = fields.Message{Read: "default_filter_chain"}
	to[chain+"FilterChain"] = fields.Message{Read: "filters"}
	to["envoy.config.core.v3.TypedExtensionConfig"] = fields.Message{Left: "name typed_config"}
}

func addFilters(to map[protoreflect.FullName]fields.Message) {
	to["envoy.extensions.filters.http.header_mutation.v3.HeaderMutation"] = fields.Message{Read: "mutations"}
	to["envoy.extensions.filters.http.header_mutation.v3.Mutations"] = fields.Message{Read: "request_mutations"}
	to["envoy.config.common.mutation_rules.v3.HeaderMutation"] = fields.Message{Read: "remove remove_on_match"}
	to["envoy.config.common.mutation_rules.v3.HeaderMutation.RemoveOnMatch"] = fields.Message{Left: "key_matcher"}
	to["envoy.extensions.filters.http.set_filter_state.v3.Config"] = fields.Message{Read: "clear_route_cache on_request_headers"}
	to["envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue"] = fields.Message{Read: "object_key factory_key format_string skip_if_empty"}
	to["envoy.config.core.v3.SubstitutionFormatString"] = fields.Message{Read: "text_format_source omit_empty_values"}
	to["envoy.config.core.v3.DataSource"] = fields.Message{Read: "inline_string"}
	to["envoy.extensions.common.matching.v3.ExtensionWithMatcher"] = fields.Message{Left: "extension_config xds_matcher"}
	const toMetadata = "envoy.extensions.filters.http.header_to_metadata.v3.Config"
	to[toMetadata] = fields.Message{Read: "request_rules"}
	to[toMetadata+".Rule"] = fields.Message{Read: "header on_header_present"}
	to[toMetadata+".KeyValuePair"] = fields.Message{Read: "metadata_namespace key regex_value_rewrite"}
	to["envoy.type.matcher.v3.RegexMatchAndSubstitute"] = fields.Message{Read: "pattern"}
	to["envoy.type.matcher.v3.RegexMatcher"] = fields.Message{Read: "regex"}
	to["envoy.extensions.filters.http.router.v3.Router"] = fields.Message{Left: "suppress_envoy_headers"}
	to["envoy.extensions.filters.http.grpc_web.v3.GrpcWeb"] = fields.Message{}
	to["envoy.extensions.filters.http.dynamic_forward_proxy.v3.FilterConfig"] = fields.Message{Left: "dns_cache_config allow_dynamic_host_from_filter_state"}
	to["envoy.extensions.filters.http.dynamic_forward_proxy.v3.PerRouteConfig"] = fields.Message{Left: "host_rewrite_literal"}
	to["envoy.extensions.filters.http.fault.v3.HTTPFault"] = fields.Message{Read: "delay abort"}
	to["envoy.extensions.filters.http.fault.v3.FaultAbort"] = fields.Message{Read: "http_status grpc_status percentage"}
	to["envoy.extensions.filters.common.fault.v3.FaultDelay"] = fields.Message{Read: "fixed_delay percentage"}
	to["envoy.type.v3.FractionalPercent"] = fields.Message{Read: "numerator denominator"}
	to["envoy.extensions.filters.http.cors.v3.Cors"] = fields.Message{}
	to["envoy.extensions.filters.http.cors.v3.CorsPolicy"] = fields.Message{
		Read: "allow_methods allow_headers expose_headers max_age allow_credentials forward_not_matching_preflights filter_enabled",
		Left: "allow_origin_string_match",
	}
	to["envoy.config.core.v3.RuntimeFractionalPercent"] = fields.Message{Read: "default_value"}
}

func addAuthorizers(to map[protoreflect.FullName]fields.Message) {
	const authorizer = "envoy.extensions.filters.http.ext_authz.v3."
	to[authorizer+"ExtAuthz"] = fields.Message{
		Read: "http_service grpc_service failure_mode_allow status_on_error clear_route_cache",
		// What the authorizer is told is its own matter.
		Left: "transport_api_version filter_enabled_metadata with_request_body allowed_headers",
	}
	to[authorizer+"HttpService"] = fields.Message{Read: "server_uri authorization_response", Left: "path_prefix authorization_request"}
	to[authorizer+"AuthorizationResponse"] = fields.Message{
		Read: "allowed_upstream_headers", Left: "allowed_client_headers allowed_client_headers_on_success",
	}
	to["envoy.type.matcher.v3.ListStringMatcher"] = fields.Message{Left: "patterns"}
	to["envoy.config.core.v3.HttpUri"] = fields.Message{Read: "cluster", Left: "uri timeout"}
	to["envoy.config.core.v3.GrpcService"] = fields.Message{Read: "envoy_grpc", Left: "timeout"}
	to["envoy.config.core.v3.GrpcService.EnvoyGrpc"] = fields.Message{Read: "cluster_name", Left: "authority"}
	to["envoy.type.v3.HttpStatus"] = fields.Message{Read: "code"}
	to["envoy.extensions.filters.network.ext_authz.v3.ExtAuthz"] = fields.Message{
		Read: "grpc_service failure_mode_allow", Left: "stat_prefix transport_api_version filter_enabled_metadata",
	}
}

func addConnections(to map[protoreflect.FullName]fields.Message) {
	const proxy = "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
	to[proxy] = fields.Message{
		Read: "cluster weighted_clusters",
		Left: "stat_prefix access_log tunneling_config idle_timeout max_connect_attempts hash_policy max_downstream_connection_duration",
	}
	to[proxy+".WeightedCluster"] = fields.Message{Read: "clusters"}
	to[proxy+".WeightedCluster.ClusterWeight"] = fields.Message{Read: "name weight"}
	to["envoy.extensions.filters.network.sni_dynamic_forward_proxy.v3.FilterConfig"] = fields.Message{Left: "dns_cache_config port_value"}
}
