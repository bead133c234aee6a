package resource_test

import (
	"strings"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

func virtualServiceRows() map[string]routingRow {
	vs := func(more string) string { return "{hosts: [a.example], gateways: [gw], " + more + "}" }
	route := "route: [{destination: {host: b.example}}]"
	match := func(m string) string { return vs("http: [{match: [{" + m + "}], " + route + "}]") }
	to := func(d string) string { return vs("http: [{route: [{destination: {" + d + "}}]}]") }
	bound := func(g string) string { return "{hosts: [a.example], gateways: [" + g + "], http: [{" + route + "}]}" }
	hosts := func(h string) string { return "{hosts: [" + h + "], gateways: [gw], http: [{" + route + "}]}" }
	retries := func(r string) string { return vs("http: [{retries: {" + r + "}, " + route + "}]") }
	sni := func(m string) string { return vs("tls: [{match: [{" + m + "}], " + route + "}]") }
	return map[string]routingRow{
		"a Gateway whose name has a dot":          {resource.VirtualService, bound("‸ns/a.b"), diag.CodeVirtualService},
		"the older form":                          {resource.VirtualService, bound("gw.ns.svc.cluster.local., gw.ns"), ""},
		"a host with a wildcard in a part":        {resource.VirtualService, hosts(`"*shop.example", "*-b.other"`), ""},
		"a host that is a mistaken address":       {resource.VirtualService, hosts("‸1.2.3.256"), diag.CodeHost},
		"a host that is an address":               {resource.VirtualService, hosts("1.2.3.4"), ""},
		"a destination that is an address":        {resource.VirtualService, to("host: ‸1.2.3.4"), diag.CodeHost},
		"a destination with a wildcard":           {resource.VirtualService, to(`host: "*b.example"`), ""},
		"a subset in capitals":                    {resource.VirtualService, to("host: b.example, subset: V1"), ""},
		"a subset with a dot":                     {resource.VirtualService, to("host: b.example, subset: ‸v1.2"), diag.CodeVirtualService},
		"a label's key with a space":              {resource.VirtualService, match(`sourceLabels: {‸"a b": c}`), diag.CodeSelectorLabel},
		"a label's value with a space":            {resource.VirtualService, match(`sourceLabels: {a: ‸"b c"}`), diag.CodeSelectorLabel},
		"a label of a connection":                 {resource.VirtualService, sni(`sniHosts: [a.example], sourceLabels: {‸"a b": c}`), diag.CodeSelectorLabel},
		"a regular expression that is long":       {resource.VirtualService, match("uri: {regex: ‸" + strings.Repeat("a", 1025) + "}"), diag.CodeVirtualService},
		"one that is nearly":                      {resource.VirtualService, match("uri: {regex: " + strings.Repeat("a", 1024) + "}"), ""},
		"a space among the conditions of a retry": {resource.VirtualService, retries(`attempts: 1, retryOn: ‸"5xx, reset"`), diag.CodeRetry},
		"a comma too many":                        {resource.VirtualService, retries(`attempts: 1, retryOn: ‸"5xx,"`), diag.CodeRetry},
		"no conditions and no retries":            {resource.VirtualService, retries(`attempts: 0, retryOn: ""`), ""},
		"conditions and no retries":               {resource.VirtualService, retries(`attempts: 0, ‸retryOn: "5xx"`), diag.CodeRetry},
		"port 0 of a connection":                  {resource.VirtualService, sni("sniHosts: [a.example], port: 0"), ""},
		"an address as sniHosts":                  {resource.VirtualService, sni("sniHosts: [10.1.2.3, a.example]"), ""},
	}
}

func destinationRuleRows() map[string]routingRow {
	policy := func(p string) string { return "{host: a, trafficPolicy: {" + p + "}}" }
	hash := func(h string) string { return policy("loadBalancer: {consistentHash: {useSourceIp: true, " + h + "}}") }
	subset := func(s string) string { return "{host: a, subsets: [{" + s + "}]}" }
	selected := func(to string) string {
		return "{host: a, workloadSelector: {matchLabels: {app: a}}, exportTo: [" + to + "]}"
	}
	return map[string]routingRow{
		"two subsets of one name":          {resource.DestinationRule, "{host: a, subsets: [{name: v1}, {name: ‸v1}]}", diag.CodeDestinationRule},
		"the name of a subset with a dot":  {resource.DestinationRule, subset("name: ‸v1.2"), diag.CodeDestinationRule},
		"a long name of a subset":          {resource.DestinationRule, subset("name: ‸" + strings.Repeat("a", 64)), diag.CodeDestinationRule},
		"the name of a subset in capitals": {resource.DestinationRule, subset("name: V1"), ""},
		"a key that no label has":          {resource.DestinationRule, subset(`name: v1, labels: {‸"a b": c}`), diag.CodeSelectorLabel},
		"a value that no label has":        {resource.DestinationRule, subset(`name: v1, labels: {a: ‸b c}`), diag.CodeSelectorLabel},
		"labels of Kubernetes":             {resource.DestinationRule, subset(`name: v1, labels: {app.kubernetes.io/version: "1.2_3", empty: ""}`), ""},
		"a host that is an address":        {resource.DestinationRule, "{host: ‸1.2.3.4}", diag.CodeHost},
		"a host with a wildcard":           {resource.DestinationRule, `{host: "*b.example"}`, ""},
		"a port without settings":          {resource.DestinationRule, policy("portLevelSettings: [‸{port: {number: 80}}]"), diag.CodeDestinationRule},
		"a connect timeout in nanoseconds": {resource.DestinationRule, policy("connectionPool: {tcp: {connectTimeout: ‸2.000000005s}}"), diag.CodeDestinationRule},
		"no idle timeout of requests":      {resource.DestinationRule, policy("connectionPool: {http: {idleTimeout: ‸0s}}"), diag.CodeDestinationRule},
		"no idle timeout of connections":   {resource.DestinationRule, policy("connectionPool: {tcp: {idleTimeout: 0s}}"), ""},
		"an interval in nanoseconds":       {resource.DestinationRule, policy("outlierDetection: {interval: ‸2.000000005s}"), diag.CodeDestinationRule},
		"no local failures":                {resource.DestinationRule, policy("outlierDetection: {consecutiveLocalOriginFailures: 0}"), ""},
		"a table without a size":           {resource.DestinationRule, hash("maglev: {}"), ""},
		"a table that is too large":        {resource.DestinationRule, hash("maglev: {tableSize: ‸5000011}"), diag.CodeDestinationRule},
		"two sizes of a ring":              {resource.DestinationRule, hash("‸minimumRingSize: 8, ringHash: {minimumRingSize: 8}"), diag.CodeOneOf},
		"a namespace twice":                {resource.DestinationRule, "{host: a, exportTo: [b, ‸b]}", diag.CodeExportTo},
		"its own namespace twice":          {resource.DestinationRule, "{host: a, exportTo: [., ‸home]}", diag.CodeExportTo},
		"no namespace":                     {resource.DestinationRule, `{host: a, exportTo: [‸"~"]}`, diag.CodeExportTo},
		"gateways of all namespaces":       {resource.DestinationRule, selected(`‸"*"`), diag.CodeDestinationRule},
		"gateways of another namespace":    {resource.DestinationRule, selected("., ‸other"), diag.CodeDestinationRule},
		"gateways of its namespace":        {resource.DestinationRule, selected("home"), ""},
	}
}

func serviceEntryRows() map[string]routingRow {
	entry := func(more string) string {
		return "{hosts: [a.example], ports: [{number: 80, name: http, protocol: HTTP}], " + more + "}"
	}
	port := func(p string) string {
		return "{hosts: [a.example], ports: [{number: 80, " + p + "}], resolution: STATIC, endpoints: [{address: 10.1.2.3}]}"
	}
	two := func(more string) string { return "{hosts: [a.example, b.example], " + more + "}" }
	named := func(host string) string {
		return "{hosts: [" + host + "], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DYNAMIC_DNS}"
	}
	workload := func(w string) string { return "{address: 10.1.2.3, " + w + "}" }
	return map[string]routingRow{
		"a port's name with _":              {resource.ServiceEntry, port("name: ‸a_b, protocol: HTTP"), diag.CodeServiceEntry},
		"a port's name in capitals":         {resource.ServiceEntry, port("name: HTTP, protocol: HTTP"), ""},
		"a block, by DNS":                   {resource.ServiceEntry, entry("addresses: [‸10.0.0.0/8], resolution: DNS"), diag.CodeServiceEntry},
		"a block, static":                   {resource.ServiceEntry, entry("addresses: [10.0.0.0/8], resolution: STATIC"), ""},
		"names, without a wildcard":         {resource.ServiceEntry, named("‸a.example"), diag.CodeServiceEntry},
		"names that end with a dot":         {resource.ServiceEntry, named(`‸"*.a.example."`), diag.CodeServiceEntry},
		"names that can be addresses":       {resource.ServiceEntry, named(`‸"*.0x7f"`), diag.CodeServiceEntry},
		"names":                             {resource.ServiceEntry, named(`"*.a.EXAMPLE"`), ""},
		"several hosts of TCP":              {resource.ServiceEntry, two("ports: [{number: 80, name: tcp, protocol: ‸TCP}], resolution: DNS"), diag.CodeServiceEntry},
		"several hosts of nobody knows":     {resource.ServiceEntry, two("ports: [‸{number: 80, name: any}], resolution: DNS"), diag.CodeServiceEntry},
		"several hosts of TLS":              {resource.ServiceEntry, two("ports: [{number: 443, name: tls, protocol: tls}], resolution: DNS"), ""},
		"several hosts of TCP, to anywhere": {resource.ServiceEntry, two("ports: [{number: 80, name: tcp, protocol: TCP}], resolution: NONE"), ""},
		"a label that is none":              {resource.ServiceEntry, entry(`resolution: STATIC, endpoints: [{address: 10.1.2.3, labels: {‸"a b": c}}]`), diag.CodeSelectorLabel},
		"an address that is a number":       {resource.ServiceEntry, entry(`resolution: DNS, endpoints: [{address: ‸"2130706433"}]`), diag.CodeServiceEntry},
		"a mistaken address":                {resource.ServiceEntry, entry(`resolution: DNS, endpoints: [{address: ‸1.2.3.256}]`), diag.CodeServiceEntry},
		"a host that is an address":         {resource.ServiceEntry, "{hosts: [‸1.2.3.4], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC}", diag.CodeHost},
		"a wildcard that DNS cannot find":   {resource.ServiceEntry, `{hosts: [‸"*.example"], ports: [{number: 80, name: http}], workloadSelector: {labels: {a: b}}, resolution: DNS}`, diag.CodeServiceEntry},
		"no ports":                          {resource.ServiceEntry, "{hosts: [a.example], resolution: STATIC, endpoints: [{address: 10.1.2.3}]}", ""},
		"every workload":                    {resource.ServiceEntry, entry("workloadSelector: {}, resolution: STATIC"), ""},
		"a namespace twice":                 {resource.ServiceEntry, entry("resolution: STATIC, exportTo: [b, ‸b]"), diag.CodeExportTo},
		"no namespace":                      {resource.ServiceEntry, entry(`resolution: STATIC, exportTo: ["~"]`), ""},
		"a workload's label":                {resource.WorkloadEntry, workload(`labels: {a: ‸b c}`), diag.CodeSelectorLabel},
		"a workload's port":                 {resource.WorkloadEntry, workload(`ports: {‸"@": 80}`), diag.CodeWorkloadEntry},
		"a workload's mistaken address":     {resource.WorkloadEntry, "{address: ‸10.1.2.300}", diag.CodeWorkloadEntry},
	}
}

func telemetryRows() map[string]routingRow {
	override := func(o string) string { return "{metrics: [{overrides: [{" + o + "}]}]}" }
	tag := func(t string) string { return "{tracing: [{customTags: {" + t + "}}]}" }
	return map[string]routingRow{
		"a provider of metrics without a name": {resource.Telemetry, `{metrics: [{providers: [‸{name: ""}]}]}`, diag.CodeEmptyValue},
		"a provider of traces without a name":  {resource.Telemetry, `{tracing: [{providers: [‸{name: ""}]}]}`, diag.CodeEmptyValue},
		"a metric without a name":              {resource.Telemetry, override(`match: {customMetric: ‸""}`), diag.CodeEmptyValue},
		"a tag that is set to nothing":         {resource.Telemetry, override("tagOverrides: {‸a: {operation: UPSERT}}"), diag.CodeOneOf},
		"a tag that is removed to something":   {resource.Telemetry, override("tagOverrides: {‸a: {operation: REMOVE, value: b}}"), diag.CodeOneOf},
		"a tag that is set, one removed":       {resource.Telemetry, override("tagOverrides: {a: {value: b}, c: {operation: REMOVE}}"), ""},
		"more than all traces":                 {resource.Telemetry, "{tracing: [{randomSamplingPercentage: ‸101}]}", diag.CodeWrongType},
		"a tag of an empty text":               {resource.Telemetry, tag(`‸a: {literal: {value: ""}}`), diag.CodeEmptyValue},
		"a tag of no header":                   {resource.Telemetry, tag(`‸a: {header: {defaultValue: b}}`), diag.CodeEmptyValue},
		"tags":                                 {resource.Telemetry, tag("a: {literal: {value: b}}, c: {header: {name: d}}, e: {environment: {name: F}}"), ""},
	}
}
