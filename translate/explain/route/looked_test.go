package route_test

import (
	"fmt"
	"strings"
	"testing"

	corsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/cors/v3"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/explain/route"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// TestLookedSaysWhyRoutesAreNotTaken holds the first condition of each that fails, in the words of a person, and that no
// more are told than are asked for.
func TestLookedSaysWhyRoutesAreNotTaken(t *testing.T) {
	table := table(t, `
virtualHosts:
- name: h
  domains: ["*"]
  routes:
  - {name: path, match: {prefix: /x}, route: {cluster: c}}
  - {match: {prefix: /, headers: [{name: x-user, stringMatch: {exact: alice}}]}, route: {cluster: c}}
  - {name: query, match: {prefix: /, runtimeFraction: {defaultValue: {numerator: 20}}, queryParameters: [{name: token, stringMatch: {exact: a}}]}, route: {cluster: c}}
  - {name: share, match: {prefix: /, runtimeFraction: {defaultValue: {numerator: 20}}}, route: {cluster: c}}
  - {name: all, match: {prefix: /}, route: {cluster: c}}
  - {name: behind, match: {prefix: /}, route: {cluster: c}}
`)
	s := stream(t, "GET http://h/a?token=secret", "x-user: bob")
	var got []string
	for _, l := range table.Looked(s, 100) {
		got = append(got, fmt.Sprintf("%d.%d %s: %s; %s wants %s, saw %s", l.HostIndex, l.RouteIndex, l.Rule, l.Matched, l.Clause, l.Wants, l.Saw))
	}
	want := []string{
		"0.0 path: fails; Match.Prefix wants path begins with /x, saw /a",
		`0.1 h route 1: fails; Match.Headers[0] wants header x-user is "alice", saw bob`,
		`0.2 query: fails; Match.QueryParameters[0] wants query parameter token is "a", saw another value, which is not shown`,
		"0.3 share: the request is one of the 20 in 100 that are drawn; Match.RuntimeFraction wants the request is one of the 20 in 100 that are drawn, saw a draw that is not known",
		"0.4 all: holds;  wants , saw ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(- want, + got):\n%s", diff)
	}
	if got := table.Looked(s, 2); len(got) != 2 {
		t.Errorf("%d of 2", len(got))
	}
}

// TestFiltersAreToldByTheNarrowest holds what filters are told, by the route, its virtual host or all.
func TestFiltersAreToldByTheNarrowest(t *testing.T) {
	const cors = `{"@type": type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy, allowMethods: %s}`
	const wrapped = `{"@type": type.googleapis.com/envoy.config.route.v3.FilterConfig, %s}`
	named := func(name string) string { return fmt.Sprintf(cors, name) }
	wrap := func(what string) string { return fmt.Sprintf(wrapped, what) }
	table := table(t, `
typedPerFilterConfig: {all: `+named("all")+`, both: `+named("all")+`, off: `+wrap("disabled: true")+`}
virtualHosts:
- name: h
  domains: ["*"]
  typedPerFilterConfig: {both: `+wrap("config: "+named("host"))+`, kept: `+named("host")+`, off: `+wrap("config: {}")+`}
  routes:
  - {name: own, match: {path: /own}, route: {cluster: c}, typedPerFilterConfig: {both: `+named("route")+`, kept: `+wrap("config: {}")+`, off: `+wrap("disabled: true")+`}}
  - {name: plain, match: {prefix: /}, route: {cluster: c}}
`)
	for path, want := range map[string]string{
		"/own":   "all: all on; both: route on; kept: host on; off: - off",
		"/plain": "all: all on; both: host on; kept: host on; off: - on",
	} {
		c := taken(t, table, stream(t, "GET http://h"+path))
		var got []string
		for _, name := range []string{"all", "both", "kept", "off"} {
			told, ok := c.Filter(name)
			if !ok {
				t.Errorf("%s is told nothing", name)
			}
			got = append(got, name+": "+methods(told)+map[bool]string{true: " off", false: " on"}[told.Disabled])
		}
		if got := strings.Join(got, "; "); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	if _, ok := (route.Candidate{}).Filter("all"); ok {
		t.Error("where no route is taken a filter is told something")
	}
	visited := 0
	if err := table.EachFilter(func(string, *anypb.Any) error { visited++; return nil }); err != nil || visited != 4 {
		t.Errorf("%d are visited, want 4 (%v)", visited, err)
	}
}

func methods(c route.FilterConfig) string {
	if c.Config == nil {
		return "-"
	}
	cors := &corsv3.CorsPolicy{}
	if err := c.Config.UnmarshalTo(cors); err != nil {
		return err.Error()
	}
	return cors.GetAllowMethods()
}

// TestWhatIsNotUnderstoodIsAnError holds that nothing which could change a request's way is passed over.
func TestWhatIsNotUnderstoodIsAnError(t *testing.T) {
	const host = `virtualHosts: [{name: h, domains: ["*"], routes: [{match: {prefix: /%s}, route: {cluster: c%s}%s}]%s}]`
	for name, c := range map[string]struct{ text, want string }{
		"configuration": {"vhds: {}", "vhds of envoy.config.route.v3.RouteConfiguration"},
		"virtual host":  {fmt.Sprintf(host, "", "", "", ", matcher: {}"), "matcher of envoy.config.route.v3.VirtualHost"},
		"route":         {fmt.Sprintf(host, "", "", ", nonForwardingAction: {}", ""), "non_forwarding_action"},
		"match":         {fmt.Sprintf(host, ", filterState: [{}]", "", "", ""), "virtual_hosts[0].routes[0].match.filter_state: the field filter_state of envoy.config.route.v3.RouteMatch"},
		"header":        {fmt.Sprintf(host, ", headers: [{name: x, exactMatch: y}]", "", "", ""), "match.headers[0]"},
		"expression":    {fmt.Sprintf(host, "", ", regexRewrite: {pattern: {regex: '('}}", "", ""), "missing closing )"},
		"substitution":  {fmt.Sprintf(host, "", `, regexRewrite: {pattern: {regex: "a"}, substitution: '\1'}`, "", ""), "refers to no group"},
		"operator":      {fmt.Sprintf(host, "", "", `, requestHeadersToAdd: [{header: {key: x, value: "50%"}}]`, ""), "begins no operator"},
	} {
		var from any
		if err := yaml.Unmarshal([]byte(c.text), &from); err != nil {
			t.Fatal(err)
		}
		if name == "route" { // one action alone can be set
			from = map[string]any{"virtualHosts": []any{map[string]any{"name": "h", "domains": []any{"*"}, "routes": []any{map[string]any{"match": map[string]any{"prefix": "/"}, "nonForwardingAction": map[string]any{}}}}}}
		}
		if _, err := route.New(decoded(t, from)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// BenchmarkChoose walks the last of 1,000 routes, and finds one of 1,000 hosts.
func BenchmarkChoose(b *testing.B) {
	var routes, hosts strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&routes, "  - {match: {prefix: /api/v%d/, headers: [{name: x-user, stringMatch: {exact: alice}}]}, route: {cluster: c}}\n", i)
		fmt.Fprintf(&hosts, "- {name: h%d, domains: [h%d.example.org], routes: [{match: {prefix: /}, route: {cluster: c}}]}\n", i, i)
	}
	table := table(b, "virtualHosts:\n- name: h\n  domains: [\"*.h\"]\n  routes:\n"+routes.String()+hosts.String())
	for name, s := range map[string]*traffic.Stream{
		"routes":   stream(b, "GET http://x.h/api/v999/x", "x-user: alice"),
		"hosts":    stream(b, "GET http://h999.example.org/"),
		"no route": stream(b, "GET http://x.h/"),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				table.Choose(s)[0].Outcome(s)
			}
		})
	}
}
