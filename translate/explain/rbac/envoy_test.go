package rbac_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/explain/rbac"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// trial is an RBAC filter in JSON, and requests that Envoy is asked with it: a path and lines of headers.
type trial struct {
	filter   string
	requests []string
}

// left is what a filter before leaves: the claims of a token, and the filter state "x".
const left = `{"payload":{"text":"a","list":["b",5,true,null,["c"],{"d":"e"}],"empty":[],"number":5,"true":true,"null":null,"object":{"text":"a","list":["z"]},"a.b":"c"}}`

// rule is a filter with one rule that allows where a permission matches.
func allows(permission string) string {
	return `{"rules":{"policies":{"a rule":{"permissions":[` + permission + `],"principals":[{"any":true}]}}}}`
}

func header(matcher string) string { return allows(`{"header":` + matcher + `}`) }

func trials() map[string]trial {
	users := []string{"/", "/\nX: a", "/\nX: b", "/\nX: a\nX: b", "/\nX: b\nX: a", "/\nX: a,b", "/\nX:", "/\nX: a\nX: a"}
	paths := []string{"/", "/a", "/a/", "/a/b", "/a?b", "/a?x=/b", "/a%20b", "/a;b", "/a/b/c.html", "/a=b", "/a*b", "/a//b", "/A", "/ab/c", "/a|b", "/a/.html", "/x/[y]"}
	bytes := []string{"/\nX: \xff", "/\nX: a", "/\nX: \xc3\xa9", "/\nX: \xed\xa0\x80", "/\nX: \xe0\x80\x80", "/\nX: \xf4\x90\x80\x80", "/\nX: \xf0\x80\x80\x80", "/\nX: \xc0\x80", "/\nX: \xf5\x80\x80\x80", "/\nX: a\xc3", "/\nX: \xef\xbf\xbd", "/\nX: \xf4\x8f\xbf\xbf"}
	return map[string]trial{
		"bytes and a dot":                    {header(`{"name":"x","stringMatch":{"safeRegex":{"regex":".+"}}}`), bytes},
		"bytes and a class":                  {header(`{"name":"x","stringMatch":{"safeRegex":{"regex":"[^b]+"}}}`), bytes},
		"bytes and a class without a letter": {header(`{"name":"x","stringMatch":{"safeRegex":{"regex":"[^\u00e9]+"}}}`), bytes},
		"bytes one by one":                   {header(`{"name":"x","stringMatch":{"safeRegex":{"regex":".."}}}`), bytes},
		"a letter of two bytes":              {header(`{"name":"x","stringMatch":{"safeRegex":{"regex":"\u00e9?"}}}`), append(bytes, "/\nX: \xc3")},
		"a letter in any case":               {header(`{"name":"x","stringMatch":{"safeRegex":{"regex":"(?i)\u00e9"}}}`), append(bytes, "/\nX: \xc3\x89")},
		"a class of letters":                 {header(`{"name":"x","stringMatch":{"safeRegex":{"regex":"\\pL+"}}}`), append(bytes, "/\nX: \xe9\xe8")},
		"template by character":              {allows(`{"uriTemplate":` + templateOf("/*") + `}`), characters()},
		"template of all by character":       {allows(`{"uriTemplate":` + templateOf("/**") + `}`), characters()},
		"bytes and any":                      {header(`{"name":"x","stringMatch":{"safeRegex":{"regex":"(?s).*"}}}`), bytes},
		"path":                               {allows(`{"urlPath":{"path":{"exact":"/a"}}}`), paths},
		"path prefix":                        {allows(`{"urlPath":{"path":{"prefix":"/a"}}}`), paths},
		"path regex":                         {allows(`{"urlPath":{"path":{"safeRegex":{"regex":"/.*b"}}}}`), paths},
		"path header":                        {header(`{"name":":path","stringMatch":{"exact":"/a?b"}}`), paths},
		"template":                           {allows(`{"uriTemplate":` + templateOf("/*") + `}`), paths},
		"template in between":                {allows(`{"uriTemplate":` + templateOf("/a/*/c.html") + `}`), paths},
		"template of all":                    {allows(`{"uriTemplate":` + templateOf("/**") + `}`), paths},
		"template below":                     {allows(`{"uriTemplate":` + templateOf("/a/**") + `}`), paths},
		"template with a suffix":             {allows(`{"uriTemplate":` + templateOf("/a/**.html") + `}`), paths},
		"method":                             {header(`{"name":":method","stringMatch":{"exact":"GET"}}`), paths[:1]},
		"host":                               {header(`{"name":":authority","stringMatch":{"suffix":".EXAMPLE","ignoreCase":true}}`), paths[:1]},
		"scheme":                             {header(`{"name":":scheme","stringMatch":{"exact":"http"}}`), paths[:1]},
		"source IP":                          {`{"rules":{"policies":{"a":{"permissions":[{"any":true}],"principals":[{"directRemoteIp":{"addressPrefix":"127.0.0.0","prefixLen":8}}]}}}}`, paths[:1]},
		"source IP of the other version":     {`{"rules":{"policies":{"a":{"permissions":[{"any":true}],"principals":[{"directRemoteIp":{"addressPrefix":"::","prefixLen":0}}]}}}}`, paths[:1]},
		"source IP, bits too many":           {`{"rules":{"policies":{"a":{"permissions":[{"any":true}],"principals":[{"directRemoteIp":{"addressPrefix":"127.0.0.9"}}]}}}}`, paths[:1]},
		"remote IP":                          {`{"rules":{"action":"DENY","policies":{"a":{"permissions":[{"any":true}],"principals":[{"remoteIp":{"addressPrefix":"127.0.0.1","prefixLen":32}}]}}}}`, paths[:1]},
		"destination IP":                     {allows(`{"destinationIp":{"addressPrefix":"127.0.0.1","prefixLen":32}}`), paths[:1]},
		"destination port":                   {allows(`{"destinationPort":1}`), paths[:1]},
		"destination ports":                  {allows(`{"destinationPortRange":{"start":1,"end":65536}}`), paths[:1]},
		"server name":                        {allows(`{"requestedServerName":{"exact":"a"}}`), paths[:1]},
		"no server name":                     {allows(`{"requestedServerName":{"exact":""}}`), paths[:1]},
		"any is not read":                    {allows(`{"any":true}`), paths[:1]},
		"not any":                            {allows(`{"notRule":{"any":true}}`), paths[:1]},
		"authenticated":                      {`{"rules":{"policies":{"a":{"permissions":[{"any":true}],"principals":[{"authenticated":{}}]}}}}`, paths[:1]},
		"authenticated by nothing":           {`{"rules":{"policies":{"a":{"permissions":[{"any":true}],"principals":[{"authenticated":{"principalName":{"exact":""}}}]}}}}`, paths[:1]},
		"filter state":                       {`{"rules":{"policies":{"a":{"permissions":[{"any":true}],"principals":[{"filterState":{"key":"x","stringMatch":{"exact":"a"}}}]}}}}`, append(users[:3:3], "/\nX: a,b")},
		"no metadata":                        {allows(`{"sourcedMetadata":{"metadataMatcher":{"filter":"x","path":[{"key":"y"}],"value":{"stringMatch":{"exact":"a"}}}}}`), paths[:1]},
		"no metadata, inverted":              {allows(`{"sourcedMetadata":{"metadataMatcher":{"filter":"x","path":[{"key":"y"}],"value":{"stringMatch":{"exact":"a"}},"invert":true}}}`), paths[:1]},
		"no metadata, present":               {allows(`{"metadata":{"filter":"x","path":[{"key":"y"}],"value":{"presentMatch":true}}}`), paths[:1]},
		"no metadata, null":                  {allows(`{"metadata":{"filter":"x","path":[{"key":"y"}],"value":{"nullMatch":{}}}}`), paths[:1]},
		"no metadata, absent":                {allows(`{"metadata":{"filter":"x","path":[{"key":"y"}],"value":{"presentMatch":false}}}`), paths[:1]},
		"empty rules":                        {`{"rules":{}}`, paths[:1]},
		"empty rules that deny":              {`{"rules":{"action":"DENY"}}`, paths[:1]},
		"rules that log":                     {`{"rules":{"action":"LOG"}}`, paths[:1]},
		"order and spaces":                   {`{"rules":{"action":"DENY","policies":{"b":` + everything + `,"B  b\t\u00e9\u00a0":` + everything + `,"a":` + everything + `}}}`, paths[:1]},
		"order of bytes":                     {`{"rules":{"action":"DENY","policies":{"\u00e9":` + everything + `,"z":` + everything + `}}}`, paths[:1]},
		"shadow":                             {`{"shadowRules":{"action":"ALLOW"}}`, paths[:1]},
		"rules beside a tree":                {`{"rules":{},"matcher":{"onNoMatch":` + act("ALLOW") + `}}`, paths[:1]},
		"an empty tree":                      {`{"matcher":{}}`, paths[:1]},
		"exact map":                          {`{"matcher":{"matcherTree":{"input":` + headerIn("x") + `,"exactMatchMap":{"map":{"a":` + act("ALLOW") + `,"a,b":` + act("DENY") + `,"":` + act("ALLOW") + `}}},"onNoMatch":` + act("DENY") + `}}`, users},
		"prefix map":                         {`{"matcher":{"matcherTree":{"input":` + headerIn(":path") + `,"prefixMatchMap":{"map":{"/":` + act("ALLOW") + `,"/a":` + act("DENY") + `,"/a/":{"matcher":{"matcherTree":{"input":` + headerIn(":path") + `,"exactMatchMap":{"map":{"/a/b":` + act("ALLOW") + `}}}}}}}}}}`, paths},
		"list": {`{"matcher":{"matcherList":{"matchers":[{"predicate":{"andMatcher":{"predicate":[` + single("x", `{"exact":"a"}`) + `,{"notMatcher":` + single(":path", `{"prefix":"/a"}`) + `}]}},"onMatch":{"matcher":{"matcherTree":{"input":` + headerIn("y") + `,"exactMatchMap":{"map":{"1":` + act("DENY") + `}}}}}},` +
			`{"predicate":{"orMatcher":{"predicate":[` + single("x", `{"prefix":"A","ignoreCase":true}`) + `,` + single("x", `{"safeRegex":{"regex":"b","googleRe2":{}}}`) + `]}},"onMatch":` + act("ALLOW") + `}]}}}`, append(users, "/\nX: a\nY: 1", "/a\nX: a\nY: 1")},
		"addresses": {`{"matcher":{"matcherTree":{"input":` + networkIn("DirectSourceIPInput") + `,"customMatch":{"name":"ip","typedConfig":{"@type":"type.googleapis.com/xds.type.matcher.v3.IPMatcher","rangeMatchers":[` +
			`{"ranges":[{"addressPrefix":"127.0.0.0","prefixLen":8},{"addressPrefix":"::","prefixLen":0}],"onMatch":` + act("ALLOW") + `},{"ranges":[{"addressPrefix":"127.0.0.1","prefixLen":32}],"onMatch":{"matcher":{"matcherTree":{"input":` + headerIn("x") + `,"exactMatchMap":{"map":{"a":` + act("DENY") + `}}}}}}]}}}}}`, users},
		"no server name in a tree":  {`{"matcher":{"matcherTree":{"input":` + networkIn("ServerNameInput") + `,"prefixMatchMap":{"map":{"a":` + act("ALLOW") + `}}},"onNoMatch":` + act("DENY") + `}}`, users[:3]},
		"filter state in a tree":    {`{"matcher":{"matcherTree":{"input":` + stateIn("x") + `,"exactMatchMap":{"map":{"a":` + act("ALLOW") + `}}},"onNoMatch":` + act("DENY") + `}}`, users[:3]},
		"a text that is empty":      {`{"matcher":{"matcherTree":{"input":` + stateIn("x") + `,"exactMatchMap":{"map":{"":` + act("DENY") + `}}},"onNoMatch":` + act("ALLOW") + `}}`, append(users, "/\nX: -")},
		"header":                    {header(`{"name":"x","stringMatch":{"exact":"a"}}`), users},
		"header joined":             {header(`{"name":"x","stringMatch":{"exact":"a,b"}}`), users},
		"header inverted":           {header(`{"name":"x","stringMatch":{"exact":"a"},"invertMatch":true}`), users},
		"header or empty":           {header(`{"name":"x","stringMatch":{"exact":""},"treatMissingHeaderAsEmpty":true}`), users},
		"header or empty, inverted": {header(`{"name":"x","stringMatch":{"exact":"a"},"treatMissingHeaderAsEmpty":true,"invertMatch":true}`), users},
		"present":                   {header(`{"name":"x","presentMatch":true}`), users},
		"present or empty":          {header(`{"name":"x","presentMatch":true,"treatMissingHeaderAsEmpty":true}`), users},
		"present inverted":          {header(`{"name":"x","presentMatch":true,"invertMatch":true}`), users},
		"present or empty inverted": {header(`{"name":"x","presentMatch":true,"invertMatch":true,"treatMissingHeaderAsEmpty":true}`), users},
		"absent":                    {header(`{"name":"x","presentMatch":false}`), users},
		"absent inverted":           {header(`{"name":"x","presentMatch":false,"invertMatch":true}`), users},
		"absent or empty":           {header(`{"name":"x","presentMatch":false,"treatMissingHeaderAsEmpty":true}`), users},
		"lines that Envoy joins":    {header(`{"name":"user-agent","stringMatch":{"exact":"a,b"}}`), []string{"/\nUser-Agent: a\nUser-Agent: b", "/\nuser-agent: a", "/\nUser-Agent: a\nX: y\nUser-Agent:\nUser-Agent: b", "/\nUser-Agent:\nUser-Agent: a,b"}},
		"lines of an address":       {header(`{"name":"x-forwarded-for","stringMatch":{"exact":"1.1.1.1,2.2.2.2"}}`), []string{"/\nX-Forwarded-For: 1.1.1.1\nX-Forwarded-For: 2.2.2.2"}},
		"lines of authorization":    {header(`{"name":"authorization","stringMatch":{"exact":"a,b"}}`), []string{"/\nAuthorization: a\nAuthorization: b"}},
		"cookies":                   {header(`{"name":"cookie","stringMatch":{"exact":"a; b"}}`), []string{"/\nCookie: a\nCookie: b", "/\nCookie: a; b"}},
		"cookies with comma":        {header(`{"name":"cookie","stringMatch":{"exact":"a,b"}}`), []string{"/\nCookie: a\nCookie: b", "/\nCookie: a,b"}},
		"a cookie":                  {header(`{"name":"cookie","stringMatch":{"exact":"a"}}`), []string{"/\nCookie: a\nCookie: b", "/\nCookie: a,b"}},
		"range":                     {header(`{"name":"x","rangeMatch":{"start":"-1","end":"5"}}`), []string{"/\nX: -1", "/\nX: 5", "/\nX: +4", "/\nX:  4 ", "/\nX: 4.0", "/\nX:", "/", "/\nX: 0x1", "/\nX: 1_0", "/\nX: 9\nX: 4"}},
		"no specifier":              {header(`{"name":"x"}`), users},
	}
}

// claims are rules about them: paths and matchers of values, each with each, and all of that inverted.
func claims() []string {
	a := `{"stringMatch":{"exact":"a"}}`
	any := `{"stringMatch":{"safeRegex":{"regex":".+"}}}`
	either := func(v string) string {
		return `{"orMatch":{"valueMatchers":[{"listMatch":{"oneOf":` + v + `}},` + v + `]}}`
	}
	values := []string{
		a, any, either(any), either(`{"orMatch":{"valueMatchers":[` + a + `,{"stringMatch":{"exact":"b"}}]}}`),
		`{"nullMatch":{}}`, `{"boolMatch":true}`, `{"boolMatch":false}`, `{"presentMatch":true}`, `{"presentMatch":false}`,
		`{"doubleMatch":{"exact":5}}`, `{"doubleMatch":{"range":{"start":1,"end":5}}}`, `{"listMatch":{"oneOf":{"doubleMatch":{"exact":5}}}}`,
		`{"listMatch":{"oneOf":{"nullMatch":{}}}}`, `{"listMatch":{"oneOf":{"listMatch":{"oneOf":{"stringMatch":{"exact":"c"}}}}}}`,
		`{"listMatch":{"oneOf":{"presentMatch":true}}}`, `{"orMatch":{"valueMatchers":[{"stringMatch":{"exact":"b"}},` + a + `]}}`, `{"orMatch":{"valueMatchers":[{"listMatch":{"oneOf":{"stringMatch":{"exact":"b"}}}},` + a + `]}}`,
	}
	var out []string
	for _, path := range []string{"text", "list", "empty", "number", "true", "null", "object", "object/text", "object/list", "text/text", "list/d", "a.b", "none", "none/none"} {
		for _, value := range values {
			segments := `{"key":"payload"}`
			for _, key := range strings.Split(path, "/") {
				segments += `,{"key":"` + key + `"}`
			}
			for _, inverted := range []string{"false", "true"} {
				out = append(out, allows(`{"sourcedMetadata":{"metadataMatcher":{"filter":"envoy.filters.http.jwt_authn","path":[`+segments+`],"value":`+value+`,"invert":`+inverted+`}}}`))
			}
		}
	}
	return out

}

// characters are paths with each of the characters that can be printed.
func characters() []string {
	var out []string
	for c := byte('!'); c <= '~'; c++ {
		if c != '#' { // no path has one
			out = append(out, "/"+string(c)+"x")
		}
	}
	return out
}

const everything = `{"permissions":[{"any":true}],"principals":[{"any":true}]}`

func act(action string) string {
	return `{"action":{"name":"action","typedConfig":{"@type":"type.googleapis.com/envoy.config.rbac.v3.Action","name":"an action","action":"` + action + `"}}}`
}

func headerIn(name string) string {
	return `{"name":"in","typedConfig":{"@type":"type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput","headerName":"` + name + `"}}`
}

func stateIn(name string) string {
	return `{"name":"in","typedConfig":{"@type":"type.googleapis.com/envoy.extensions.matching.common_inputs.network.v3.FilterStateInput","key":"` + name + `"}}`
}

func networkIn(name string) string {
	return `{"name":"in","typedConfig":{"@type":"type.googleapis.com/envoy.extensions.matching.common_inputs.network.v3.` + name + `"}}`
}

func single(header, matcher string) string {
	return `{"singlePredicate":{"input":` + headerIn(header) + `,"valueMatch":` + matcher + `}}`
}

func templateOf(path string) string {
	return `{"name":"template","typedConfig":{"@type":"type.googleapis.com/envoy.extensions.path.match.uri_template.v3.UriTemplateMatchConfig","pathTemplate":"` + path + `"}}`
}

// TestRulesDecideAsEnvoyDoes asks Envoy and the filter the same.
func TestRulesDecideAsEnvoyDoes(t *testing.T) {
	all := trials()
	maps.Copy(all, indexes())
	var listeners []string
	for name, c := range all {
		listeners = append(listeners, listener(name, c.filter, `{"match":{"prefix":"/"},"direct_response":{"status":200}}`))
	}
	envoy := envoytest.Run(t, envoytest.Options{Concurrency: 1, Bootstrap: bootstrap(listeners...)})
	for name, c := range all {
		t.Run(name, func(t *testing.T) {
			address := envoy.MustListener(t, name)
			filter := httpFilter(t, c.filter)
			for _, request := range c.requests {
				want := ask(t, address, request)
				got := decide(t, filter, address, request)
				if got != want {
					t.Errorf("%q: %s, Envoy says %s", request, got, want)
				}
			}
		})
	}
}

// TestClaimsAreReadAsByEnvoy asks Envoy and the filter about the claims that are left, a route for each rule.
func TestClaimsAreReadAsByEnvoy(t *testing.T) {
	rules := claims()
	var routes []string
	for i, rule := range rules {
		routes = append(routes, fmt.Sprintf(`{"match":{"path":"/%d"},"direct_response":{"status":200},"typed_per_filter_config":{"envoy.filters.http.rbac":{
"@type":"type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBACPerRoute","rbac":%s}}}`, i, rule))
	}
	envoy := envoytest.Run(t, envoytest.Options{Concurrency: 1, Bootstrap: bootstrap(listener("claims", `{"rules":{}}`, routes...))})
	address := envoy.MustListener(t, "claims")
	for i, rule := range rules {
		request := fmt.Sprintf("/%d", i)
		want := ask(t, address, request)
		if got := decide(t, httpFilter(t, rule), address, request); got != want {
			t.Errorf("%s: %s, Envoy says %s", rule, got, want)
		}
	}
}

func bootstrap(listeners ...string) []byte {
	return []byte(`{"admin":{"address":{"socket_address":{"address":"127.0.0.1","port_value":0}}},"static_resources":{"listeners":[` + strings.Join(listeners, ",") + `]}}`)
}

func httpFilter(t testing.TB, config string) *rbac.Filter {
	t.Helper()
	m := &rbachttpv3.RBAC{}
	if err := protojson.Unmarshal([]byte(config), m); err != nil {
		t.Fatal(err)
	}
	f, err := rbac.HTTP("envoy.filters.http.rbac", m)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// listener answers what the filter lets pass, and says why it answers.
func listener(name, filter string, routes ...string) string {
	return fmt.Sprintf(`{"name":%q,"address":{"socket_address":{"address":"127.0.0.1","port_value":0}},"filter_chains":[{"filters":[{
"name":"http","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager","stat_prefix":"http",
"local_reply_config":{"mappers":[{"filter":{"status_code_filter":{"comparison":{"op":"GE","value":{"default_value":0,"runtime_key":"none"}}}},
"headers_to_add":[{"header":{"key":"x-details","value":"%%RESPONSE_CODE_DETAILS%%"}},{"header":{"key":"x-flags","value":"%%RESPONSE_FLAGS%%"}}]}]},
"http_filters":[{"name":"claims","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.set_metadata.v3.Config","metadata":[{"metadata_namespace":"envoy.filters.http.jwt_authn","value":%s}]}},
{"name":"state","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.set_filter_state.v3.Config","on_request_headers":[{"object_key":"x","factory_key":"envoy.string","format_string":{"text_format_source":{"inline_string":"%%REQ(X)%%"}}}]}},
{"name":"envoy.filters.http.rbac","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",%s},
{"name":"router","typed_config":{"@type":"type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
"route_config":{"virtual_hosts":[{"name":"all","domains":["*"],"routes":[%s]}]}}}]}]}`, name, left, filter[1:], strings.Join(routes, ","))
}

// lines returns the path and the headers of a request.
func lines(request string) (string, []traffic.Header) {
	parts := strings.Split(request, "\n")
	var out []traffic.Header
	for _, line := range parts[1:] {
		name, value, _ := strings.Cut(line, ":")
		out = append(out, traffic.Header{Name: name, Value: strings.TrimPrefix(value, " ")})
	}
	return parts[0], out
}

// ask sends a request to Envoy.
func ask(t *testing.T, address, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	path, headers := lines(request)
	out := "GET " + path + " HTTP/1.1\r\nHost: a.example\r\n"
	for _, h := range headers {
		out += h.Name + ": " + h.Value + "\r\n"
	}
	if _, err := c.Write([]byte(out + "\r\n")); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusOK {
		return "passes"
	}
	return fmt.Sprint(answer.StatusCode, " ", answer.Header.Get("x-details"), " ", strings.Trim(answer.Header.Get("x-flags"), "-"))
}

// object makes what encoding/json makes an Object.
func object(v any) any {
	fields, ok := v.(map[string]any)
	if !ok {
		return v
	}
	out := traffic.Object{Fields: map[string]any{}}
	for key, value := range fields {
		out.Fields[key] = object(value)
	}
	return out
}

// decide asks the filter.
func decide(t *testing.T, f *rbac.Filter, address, request string) string {
	t.Helper()
	to := netip.MustParseAddrPort(address)
	path, headers := lines(request)
	s := traffic.Stream{
		Connection: traffic.Connection{Destination: to, Direct: to, Remote: to},
		Headers: traffic.NewHeaders(append([]traffic.Header{
			{Name: ":method", Value: "GET"}, {Name: ":path", Value: path}, {Name: ":authority", Value: "a.example"}, {Name: ":scheme", Value: "http"},
		}, headers...), traffic.NoOthers),
	}
	s.State = map[string]traffic.Text{"x": {Value: "-"}}
	if x, there := s.Headers.First("x"); there {
		s.State["x"] = traffic.Text{Value: x}
	}
	var claims any
	if err := json.Unmarshal([]byte(left), &claims); err != nil {
		t.Fatal(err)
	}
	s.Metadata = map[string]traffic.Object{"envoy.filters.http.jwt_authn": object(claims).(traffic.Object)}
	e := f.Decide(&s)
	switch {
	case e.Stops.Open():
		return e.Stops.String()
	case e.Stops.Fails():
		return "passes"
	default:
		return fmt.Sprint(e.Reply.Status, " ", e.Reply.Details, " ", e.Reply.Flags)
	}
}
