package resource

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/source"
)

// TestEnvoyTakesEveryOperator starts Envoy with a log of every operator in the table, by
// itself and as the example that a finding shows.
func TestEnvoyTakesEveryOperator(t *testing.T) {
	var all []string
	for _, o := range operators() {
		if o.argument == "" {
			all = append(all, "%"+o.name+"%")
			continue
		}
		all = append(all, o.example)
		if o.cut {
			all = append(all, strings.TrimSuffix(o.example, "%")+":10%")
		}
	}
	format := strings.Join(all, " ")
	c := logFormatChecker{valueChecker{&reporter{origin: Origin{Document: source.Document{Root: &yaml.Node{}}}}}}
	if c.logText(Path{"accessLogFormat"}, format); len(c.diags) > 0 {
		t.Fatalf("the table refuses itself: %v", c.diags)
	}
	text, err := json.Marshal(format)
	if err != nil {
		t.Fatal(err)
	}
	e := envoytest.Run(t, envoytest.Options{Bootstrap: []byte(fmt.Sprintf(`
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
  - name: log
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: log
          route_config: {}
          http_filters: [{name: envoy.filters.http.router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
          access_log:
          - name: envoy.access_loggers.stdout
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog
              log_format:
                text_format_source: {inline_string: %s}
                formatters: [{name: envoy.formatter.req_without_query, typed_config: {"@type": type.googleapis.com/envoy.extensions.formatter.req_without_query.v3.ReqWithoutQuery}}]
`, text))})
	e.MustListener(t, "log")
}
