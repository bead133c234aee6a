package bootstrap

import (
	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/config/metrics/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// statistics says how the gateway counts: what a configuration names (hosts, addresses, routes, secrets) becomes
// a label of a metric and never part of its name, so that a dashboard that is written once holds for all.
//
// Envoy asks each expression once for every statistic that comes into being, not for each request. What is taken
// out is the first group, and the label's value the second. Envoy's own tags take names to end at the
// first dot; those are replaced here, and the others are named one by one, since of two tags of one name the gateway
// warns.
func statistics() *metricsv3.StatsConfig {
	out := &metricsv3.StatsConfig{UseAllDefaultTags: wrapperspb.Bool(false)}
	for _, t := range tags() {
		tag := &metricsv3.TagSpecifier{TagName: t.name}
		if t.regex != "" {
			tag.TagValue = &metricsv3.TagSpecifier_Regex{Regex: t.regex}
		}
		out.StatsTags = append(out.StatsTags, tag)
	}
	return out
}

// tag is a label of metrics; without an expression it is found as Envoy does by itself.
type tag struct{ name, regex string }

// tags are the labels. The names that package translate/envoy gives clusters and TCP proxies end with ";".
func tags() []tag {
	return []tag{
		{"envoy.cluster_name", `^cluster\.((outbound\|[^;]+|[^.;|]+);?\.)`},
		{"envoy.tcp_prefix", `^tcp\.(([^;]+);\.)`},
		{"envoy.http_conn_manager_prefix", `^(?:listener\..+?\.)?http\.((outbound_[0-9a-fA-F_.\[\]]+?_\d+|[^.]+)\.)`},
		// Not what a filter counts, which the last two labels are of.
		{"envoy.extension_config", `^extension_config_discovery\.\w+\.((.+)\.)(?:(?:config|update)_\w+|init_fetch_timeout|version|version_text)$`},
		{"envoy.rds_route_config", `^http\..+?\.rds\.((.+)\.)[^.]+$`},
		{"envoy.secret", `^sds\.((.+)\.)[^.]+$`},
		{"envoy.tls_certificate", `^(?:listener|cluster)\..+\.ssl\.certificate\.((.+)\.)[^.]+$`},
		{"envoy.ssl_cipher", `^(?:listener|cluster)\..+\.ssl\.ciphers(\.([\w-]+))$`},
		{"envoy.dns_cache", `^dns_cache\.((.+)\.)[^.]+$`},
		{"envoy.virtual_host", `^vhost\.((.+)\.)route\.`},
		{"envoy.route", `^vhost\..+\.route\.(([^.]+)\.)`},
		{"envoy.listener_address", ""},
		{"envoy.response_code", ""},
		{"envoy.response_code_class", ""},
		{"envoy.ssl_curve", ""},
		{"envoy.ssl_sigalg", ""},
		{"envoy.ssl_version", ""},
		{"envoy.worker_id", ""},
		// Envoy 1.39 counts what the filters of policy do below the resource that they come in, and not below the listener:
		// extension_config_discovery.http_filter.portreeve.policy.rbac.denied. Without both it is http.rbac.denied, so that
		// what is asked of either version has an answer.
		{"envoy.policy_scope", `^((extension_config_discovery)\.)http_filter\.portreeve\.policy\.\w+\..`},
		{"envoy.policy_resource", `^extension_config_discovery\.http(_filter\.(portreeve\.policy))\.\w+\..`},
	}
}
