package test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/explain/token"
	"github.com/portreeve/portreeve/translate/explain/traffic"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// tokenWorld is one Envoy that has, on a port for each set of rules, the filter which a policy with
// them renders, and nothing but a backend behind it. The filters of explain stand beside.
type tokenWorld struct {
	addresses map[string]string
	filters   map[string]*token.Filter
	clients   map[string]net.Conn
}

// tokenRequest is what is asked: lines are headers, name and value in turn, which are sent as they are.
type tokenRequest struct {
	method, path string
	lines        []string
}

// tokenAnswer is what can be compared: of a refusal all, else what the backend got.
type tokenAnswer struct {
	status                   int
	body, details, challenge string
	url, metadata            string
	headers                  []string
}

const tokenPolicy = `apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: istio-system}
spec:
  jwtRules:
`

// newTokenWorld takes rules by the name of their set, as they stand below jwtRules. Under the name
// with " as Istio" is Istio's shape of them.
func newTokenWorld(t *testing.T, rules map[string]string) *tokenWorld {
	t.Helper()
	configs := map[string]*jwtauthnv3.JwtAuthentication{}
	for name, text := range rules {
		ours, istio := renderedJWT(t, tokenPolicy+text)
		configs[name] = ours
		if !proto.Equal(ours, istio) {
			configs[name+" as Istio"] = istio
		}
	}
	return runTokenWorld(t, configs)
}

// runTokenWorld takes filters by the name of their rules.
func runTokenWorld(t *testing.T, configs map[string]*jwtauthnv3.JwtAuthentication) *tokenWorld {
	t.Helper()
	envoytest.Require(t)
	w := &tokenWorld{addresses: map[string]string{}, filters: map[string]*token.Filter{}, clients: map[string]net.Conn{}}
	t.Cleanup(func() {
		for _, conn := range w.clients {
			_ = conn.Close()
		}
	})
	backend := envoytest.RunBackend(t)
	var listeners []any
	for name, config := range configs {
		filter, err := token.New("envoy.filters.http.jwt_authn", config)
		must(t, err)
		w.filters[name] = filter
		listeners = append(listeners, tokenListener(t, name, config))
	}
	bootstrap := map[string]any{
		"admin": map[string]any{"address": socketAddress(0)},
		"static_resources": map[string]any{"listeners": listeners, "clusters": []any{map[string]any{
			"name": "backend", "load_assignment": map[string]any{"cluster_name": "backend", "endpoints": []any{map[string]any{
				"lb_endpoints": []any{map[string]any{"endpoint": map[string]any{"address": socketAddress(backend.Port())}}},
			}}},
		}}},
	}
	content, err := json.Marshal(bootstrap)
	must(t, err)
	e := envoytest.Run(t, envoytest.Options{Bootstrap: content, Concurrency: 1})
	for name := range configs {
		w.addresses[name] = e.MustListener(t, name)
	}
	return w
}

func socketAddress(port int) any {
	return map[string]any{"socket_address": map[string]any{"address": "127.0.0.1", "port_value": port}}
}

func tokenListener(t *testing.T, name string, config *jwtauthnv3.JwtAuthentication) any {
	t.Helper()
	text, err := protojson.Marshal(config)
	must(t, err)
	filter := map[string]any{"@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"}
	must(t, json.Unmarshal(text, &filter))
	router := map[string]any{"@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router", "suppress_envoy_headers": true}
	route := map[string]any{"match": map[string]any{"prefix": ""}, "route": map[string]any{"cluster": "backend"}, "request_headers_to_add": []any{
		map[string]any{"header": map[string]any{"key": "metadata", "value": "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%"}},
	}}
	manager := map[string]any{
		"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": name,
		"local_reply_config": map[string]any{"body_format": map[string]any{"text_format_source": map[string]any{"inline_string": "%LOCAL_REPLY_BODY%\n%RESPONSE_CODE_DETAILS%"}}},
		"route_config":       map[string]any{"virtual_hosts": []any{map[string]any{"name": "all", "domains": []any{"*"}, "routes": []any{route}}}},
		"http_filters":       []any{map[string]any{"name": "envoy.filters.http.jwt_authn", "typed_config": filter}, map[string]any{"name": "router", "typed_config": router}},
	}
	return map[string]any{"name": name, "address": socketAddress(0), "filter_chains": []any{map[string]any{
		"filters": []any{map[string]any{"name": "http", "typed_config": manager}},
	}}}
}

// renderedJWT is the filter that a gateway is served for a policy, in our shape and in Istio's.
func renderedJWT(t *testing.T, policy string) (ours, istio *jwtauthnv3.JwtAuthentication) {
	t.Helper()
	files, err := source.Read(os.DirFS(newPolicyDir(t, map[string]string{"policy.yaml": routing(8080, 8081) + "---\n" + policy})))
	must(t, err)
	program := translate.Compile(files, model.DefaultSettings())
	gateway := model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}}
	static, refused := program.Static(gateway)
	if len(refused) > 0 {
		t.Fatalf("the policy is refused: %v", refused)
	}
	asIstio, _ := program.Istio(gateway)
	var listeners, extensions []proto.Message
	for _, l := range static.Listeners {
		listeners = append(listeners, l)
	}
	for _, c := range asIstio.ExtensionConfigs {
		extensions = append(extensions, c)
	}
	return findJWT(t, listeners), findJWT(t, extensions)
}

// findJWT is the one filter of tokens in messages.
func findJWT(t *testing.T, messages []proto.Message) *jwtauthnv3.JwtAuthentication {
	t.Helper()
	out := &jwtauthnv3.JwtAuthentication{}
	found := 0
	for _, m := range messages {
		must(t, protorange.Range(m.ProtoReflect(), func(p protopath.Values) error {
			if m, isMessage := p.Index(-1).Value.Interface().(protoreflect.Message); isMessage && m.Descriptor() == out.ProtoReflect().Descriptor() {
				found++
				proto.Merge(out, m.Interface())
			}
			return nil
		}))
	}
	if found != 1 {
		t.Fatalf("the filter was found %d times", found)
	}
	return out
}

// envoy is what Envoy answers.
func (w *tokenWorld) envoy(t *testing.T, rules string, r tokenRequest) tokenAnswer {
	t.Helper()
	conn, open := w.clients[rules]
	if !open {
		var err error
		conn, err = (&net.Dialer{}).DialContext(context.Background(), "tcp", w.addresses[rules])
		must(t, err)
		w.clients[rules] = conn
	}
	must(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	text := r.method + " " + r.path + " HTTP/1.1\r\nhost: gateway.example\r\n"
	for i := 0; i < len(r.lines); i += 2 {
		text += r.lines[i] + ": " + r.lines[i+1] + "\r\n"
	}
	_, err := io.WriteString(conn, text+"\r\n")
	must(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	if resp.Close {
		_ = conn.Close()
		delete(w.clients, rules)
	}
	out := tokenAnswer{status: resp.StatusCode}
	if resp.StatusCode != http.StatusOK {
		out.body, out.details, _ = strings.Cut(string(body), "\n")
		out.challenge = resp.Header.Get("www-authenticate")
		return out
	}
	var got envoytest.Received
	must(t, json.Unmarshal(body, &got))
	out.url, out.metadata = got.URL, sameJSON(t, got.Header.Get("metadata"))
	for name, values := range got.Header {
		for _, v := range values {
			if name = strings.ToLower(name); strings.HasPrefix(name, "x-") && name != "x-request-id" && name != "x-forwarded-proto" || slices.Contains([]string{"authorization", "cookie"}, name) {
				out.headers = append(out.headers, name+": "+v)
			}
		}
	}
	slices.Sort(out.headers)
	return out
}

// explained is what explain answers, and how it explains that.
func (w *tokenWorld) explained(rules string, r tokenRequest, at time.Time) (tokenAnswer, []traffic.Finding) {
	lines := []traffic.Header{{Name: ":method", Value: r.method}, {Name: ":path", Value: r.path}, {Name: ":authority", Value: "gateway.example"}, {Name: ":scheme", Value: "http"}}
	for i := 0; i < len(r.lines); i += 2 {
		value := strings.Trim(r.lines[i+1], " \t")
		// Envoy holds this one in one line.
		if last := &lines[len(lines)-1]; strings.EqualFold(r.lines[i], "authorization") && strings.EqualFold(last.Name, r.lines[i]) {
			last.Value += "," + value
			continue
		}
		lines = append(lines, traffic.Header{Name: r.lines[i], Value: value})
	}
	s := &traffic.Stream{Headers: traffic.NewHeaders(lines, traffic.NoOthers), At: at}
	effect := w.filters[rules].Decide(s)
	switch {
	case effect.Stops.Open():
		return tokenAnswer{details: "depends on " + effect.Stops.String()}, s.Findings
	case effect.Stops.Holds():
		out := tokenAnswer{status: int(effect.Reply.Status), body: effect.Reply.Body, details: effect.Reply.Details}
		for _, h := range effect.Reply.Headers {
			out.challenge += h.Value
		}
		return out, s.Findings
	}
	for _, l := range s.Headers.Lines() {
		if strings.ContainsFunc(l.Value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			// What a claim may hold and a header may not: the router refuses that.
			text := "invalid header value for: " + l.Name
			return tokenAnswer{status: 503, body: text, details: "filter_removed_required_request_headers{" + strings.ReplaceAll(text, " ", "_") + "}"}, s.Findings
		}
	}
	out := tokenAnswer{status: http.StatusOK}
	out.url, _ = s.Headers.First(":path")
	out.metadata = metadataJSON(s)
	for _, l := range s.Headers.Lines() {
		if strings.HasPrefix(l.Name, "x-") || slices.Contains([]string{"authorization", "cookie"}, l.Name) {
			out.headers = append(out.headers, l.Name+": "+strings.Trim(l.Value, " "))
		}
	}
	slices.Sort(out.headers)
	return out, s.Findings
}

// sameJSON writes JSON in one way.
func sameJSON(t *testing.T, text string) string {
	t.Helper()
	var value any
	if text == "" {
		return ""
	}
	must(t, json.Unmarshal([]byte(text), &value))
	out, err := json.Marshal(value)
	must(t, err)
	return string(out)
}

// metadataJSON is what the filter left in the metadata.
func metadataJSON(s *traffic.Stream) string {
	o, there := s.Metadata["envoy.filters.http.jwt_authn"]
	if !there {
		return ""
	}
	var plain func(value any) any
	plain = func(value any) any {
		switch value := value.(type) {
		case traffic.Object:
			out := map[string]any{}
			for name, v := range value.Fields {
				out[name] = plain(v)
			}
			return out
		case []any:
			out := make([]any, 0, len(value))
			for _, v := range value {
				out = append(out, plain(v))
			}
			return out
		default:
			return value
		}
	}
	out, _ := json.Marshal(plain(o))
	return string(out)
}

// agree fails where the two differ, with all that is needed to see it again.
func (w *tokenWorld) agree(t *testing.T, rules string, r tokenRequest) {
	t.Helper()
	envoy := w.envoy(t, rules, r)
	explained, findings := w.explained(rules, r, time.Now())
	if diff := cmp.Diff(envoy, explained, cmp.AllowUnexported(tokenAnswer{})); diff != "" {
		reason, _ := json.MarshalIndent(findings, "", " ")
		t.Errorf("explain (+) is not Envoy (-):\n%s\nrules %s, %s %s\n%s\n%s", diff, rules, r.method, r.path, fmt.Sprintf("%q", r.lines), reason)
	}
}
