package optimize_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/optimize"
	"github.com/portreeve/portreeve/translate/policy"
)

// everyForm has every set take the forms of large ones.
func everyForm(rules ...string) optimize.Options {
	o := optimize.Standard()
	o.Thresholds = optimize.Thresholds{Index: 1, Fold: 1, Issuers: 1}
	if len(rules) > 0 {
		o.Rules = rules
	}
	return o
}

// TestTreesDecideAsRulesDo asks a real Envoy the same of sets of rules in both forms.
func TestTreesDecideAsRulesDo(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test that can be repeated
	var listeners []*listenerv3.Listener
	const sets = 48
	trees := map[int]bool{}
	for i := range sets {
		p := randomSet(random, i%2 == 0)
		o := everyForm()
		if i >= sets/2 {
			o = everyForm(someOf(random, optimize.Names())...)
		}
		optimized := optimize.Policy(p, o, nil)
		trees[i] = len(optimized.HTTP) > 1
		listeners = append(listeners, listening(fmt.Sprint("rules-", i), p), listening(fmt.Sprint("tree-", i), optimized))
	}
	envoy := envoytest.Run(t, envoytest.Options{Concurrency: 1, Bootstrap: binary(t, listeners), Extension: ".pb"})
	told := 0 // sets that are trees and let some requests pass and others not
	for i := range sets {
		byRules, byTree := connect(t, envoy.MustListener(t, fmt.Sprint("rules-", i))), connect(t, envoy.MustListener(t, fmt.Sprint("tree-", i)))
		passed, denied := 0, 0
		for range 200 {
			request := randomRequest(random)
			want, got := byRules.ask(request), byTree.ask(request)
			if want != got {
				t.Errorf("set %d, %q: %d by the tree, %d by rules", i, request, got, want)
			}
			if want == http.StatusForbidden {
				denied++
			} else {
				passed++
			}
		}
		if trees[i] && passed > 0 && denied > 0 {
			told++
		}
	}
	if log := envoy.Log(); strings.Contains(log, "work-in-progress") || strings.Contains(strings.ToLower(log), "deprecated field") {
		t.Error("Envoy warns of a form:", log)
	}
	if told < sets/3 {
		t.Errorf("%d of %d sets tell trees from what is none", told, sets)
	}
}

func someOf(random *rand.Rand, names []string) []string {
	names = slices.DeleteFunc(slices.Clone(names), func(string) bool { return random.IntN(2) == 0 })
	return append(names, "exact-paths")
}

func oneOf[T any](random *rand.Rand, of ...T) T { return of[random.IntN(len(of))] }

// randomSet has rules about few values, so that several match a request.
func randomSet(random *rand.Rand, deny bool) policy.Policy {
	rules, values := map[string]*rbacv3.Policy{}, paths()
	if random.IntN(4) > 0 {
		values = values[:len(values)/2]
	}
	for i := range 1 + random.IntN(6) {
		one := &rbacv3.Policy{}
		for range 1 + random.IntN(2) {
			one.Permissions = append(one.Permissions, randomPermission(random, deny, values...))
		}
		one.Principals = append(one.Principals, randomPrincipal(random))
		rules[fmt.Sprintf("rule-%d", i)] = one
	}
	f := policy.Filter{Name: policy.AllowFilter, Config: &rbachttpv3.RBAC{Rules: &rbacv3.RBAC{Policies: rules}}}
	if deny {
		f = policy.Filter{Name: policy.DenyFilter, Config: &rbachttpv3.RBAC{Rules: &rbacv3.RBAC{Action: rbacv3.RBAC_DENY, Policies: rules}}}
	}
	return policy.Policy{HTTP: []policy.Filter{f}}
}

// paths are values of paths; those of the first half begin with a text.
func paths() []string {
	return []string{"/a", "/a/b", "/a/b/c", "/b", "/a/*", "/a/b*", "/a/b/*", "/u@h/b", "/a/bb", "*.php", "*.tar.gz", "*b", "*.b", "/a/{*}/c", "*/x", "*b/c"}
}

// randomPermission asks for some of the paths, or, without any, of all that there are.
func randomPermission(random *rand.Rand, deny bool, of ...string) *rbacv3.Permission {
	if len(of) == 0 {
		of = paths()
	}
	var parts []*rbacv3.Permission
	if random.IntN(30) > 0 {
		var values []string
		for range 1 + random.IntN(3) {
			values = append(values, oneOf(random, of...))
		}
		if random.IntN(40) == 0 { // which match almost all, and hide what others do
			values = append(values, oneOf(random, "/*", "/a*", "*"))
		}
		parts = append(parts, pathsOf(deny, values...))
	}
	for _, one := range []*rbacv3.Permission{
		orRules(headerIs(match.Header(":method", "GET"))), orRules(headerIs(match.Header(":method", "POST")), headerIs(match.Header(":method", "P*"))),
		orRules(headerIs(match.Host("a.example"))), orRules(headerIs(match.Host("*.EXAMPLE"))), headerIs(match.Host("*")),
		notRule(orRules(headerIs(match.Header(":method", "GET")))), notRule(pathsOf(false, "/a/b")), notRule(pathsOf(!deny, "/a/b*")), notRule(pathsOf(false, "*.php")),
		{Rule: &rbacv3.Permission_DestinationPort{DestinationPort: 1}}, notRule(&rbacv3.Permission{Rule: &rbacv3.Permission_DestinationPort{DestinationPort: 1}}),
		{Rule: &rbacv3.Permission_RequestedServerName{RequestedServerName: match.String("*")}}, notRule(&rbacv3.Permission{Rule: &rbacv3.Permission_RequestedServerName{RequestedServerName: match.String("*")}}),
		{Rule: &rbacv3.Permission_DestinationIp{DestinationIp: match.CIDR("127.0.0.0/8")}}, notRule(&rbacv3.Permission{Rule: &rbacv3.Permission_Any{Any: true}}),
	} {
		if random.IntN(20) == 0 {
			parts = append(parts, one)
		}
	}
	if len(parts) == 0 {
		return pathsOf(deny, "/a/b")
	}
	return andRules(parts...)
}

func notRule(p *rbacv3.Permission) *rbacv3.Permission {
	return &rbacv3.Permission{Rule: &rbacv3.Permission_NotRule{NotRule: p}}
}

func headerIs(h *routev3.HeaderMatcher) *rbacv3.Permission {
	return &rbacv3.Permission{Rule: &rbacv3.Permission_Header{Header: h}}
}

func randomPrincipal(random *rand.Rand) *rbacv3.Principal {
	if random.IntN(3) > 0 {
		return everybody()
	}
	return oneOf(random,
		&rbacv3.Principal{Identifier: &rbacv3.Principal_DirectRemoteIp{DirectRemoteIp: match.CIDR("127.0.0.0/8")}},
		&rbacv3.Principal{Identifier: &rbacv3.Principal_NotId{NotId: &rbacv3.Principal{Identifier: &rbacv3.Principal_RemoteIp{RemoteIp: match.CIDR("127.0.0.1")}}}},
		&rbacv3.Principal{Identifier: &rbacv3.Principal_RemoteIp{RemoteIp: match.CIDR("127.0.0.0/31")}},
		&rbacv3.Principal{Identifier: &rbacv3.Principal_DirectRemoteIp{DirectRemoteIp: match.CIDR("::/0")}},
		&rbacv3.Principal{Identifier: &rbacv3.Principal_Header{Header: match.Header("x-user", "a")}},
		&rbacv3.Principal{Identifier: &rbacv3.Principal_Header{Header: match.Header(":method", "GET")}})
}

func randomRequest(random *rand.Rand) string {
	path := oneOf(random, "/a", "/a/b", "/a/b/c", "/b", "/ab", "/a/x.php", "/x.php", "/.php", "/a/x.tar.gz", "/gz", "/a/1/c", "/u@h/b", "/u%40h/b", "/A", "/", "/a/b/", "/x.b", "/a//b", "/a/bb")
	if random.IntN(3) == 0 {
		i := random.IntN(len(path)) + 1
		if next := strings.IndexByte(path[i:], '/'); random.IntN(2) == 0 {
			i = max(len(path)*oneOf(random, 0, 1), i+next) // behind a segment, or at the end
		}
		path = path[:i] + oneOf(random, ";x", "%3b", "%3Bx=1", ";", "%41", "%2541", "%", ";.php", ";\xff", "%3c", ";x%3by") + path[i:]
	}
	path += oneOf(random, "", "", "", "?q", "?a/b", "?x.php", ";", "?;%", "?\xff", "?\xff;/b", "#", "#x")
	lines := oneOf(random, "", "", "x-user: a\r\n", "x-user: b\r\n", "x-envoy-original-path: /none\r\n", "x-forwarded-for: 10.0.0.1\r\n")
	return oneOf(random, "GET", "GET", "GET", "POST", "PUT", "get") + " " + path + " HTTP/1.1\r\nHost: " + oneOf(random, "a.example", "A.EXAMPLE", "b.example", "c", "a.example:80") + "\r\n" + lines + "\r\n"
}

// listening serves what the filters let pass, which are one filter, as gateways have them.
func listening(name string, p policy.Policy) *listenerv3.Listener {
	manager := &hcmv3.HttpConnectionManager{
		StatPrefix: "http", NormalizePath: wrapperspb.Bool(true), MergeSlashes: true,
		PathWithEscapedSlashesAction: hcmv3.HttpConnectionManager_UNESCAPE_AND_FORWARD,
		RouteSpecifier: &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: &routev3.RouteConfiguration{VirtualHosts: []*routev3.VirtualHost{{
			Name: "all", Domains: []string{"*"}, Routes: []*routev3.Route{
				{Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_ConnectMatcher_{ConnectMatcher: &routev3.RouteMatch_ConnectMatcher{}}}, Action: passes()},
				{Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}}, Action: passes()},
			},
		}}}},
	}
	chain := &filterchainv3.FilterChain{}
	for _, f := range p.HTTP {
		chain.Filters = append(chain.Filters, &corev3.TypedExtensionConfig{Name: f.Name, TypedConfig: match.Any(f.Config)})
	}
	manager.HttpFilters = []*hcmv3.HttpFilter{
		{Name: "policy", ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: match.Any(&filterchainv3.FilterChainConfig{DefaultFilterChain: chain})}},
		{Name: "router", ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: match.Any(&routerv3.Router{})}},
	}
	return &listenerv3.Listener{
		Name:    name,
		Address: localhost(),
		FilterChains: []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{{
			Name: "http", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: match.Any(manager)},
		}}}},
	}
}

func passes() *routev3.Route_DirectResponse {
	return &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{Status: http.StatusOK}}
}

func localhost() *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{Address: "127.0.0.1", PortSpecifier: &corev3.SocketAddress_PortValue{}}}}
}

func binary(t *testing.T, listeners []*listenerv3.Listener) []byte {
	t.Helper()
	out, err := proto.Marshal(&bootstrapv3.Bootstrap{
		Admin:           &bootstrapv3.Admin{Address: localhost()},
		StaticResources: &bootstrapv3.Bootstrap_StaticResources{Listeners: listeners},
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// client asks one listener, over one connection as long as it stays open.
type client struct {
	t       *testing.T
	address string
	conn    net.Conn
	reader  *bufio.Reader
}

func connect(t *testing.T, address string) *client {
	t.Helper()
	return &client{t: t, address: address}
}

// ask returns the status of the answer.
func (c *client) ask(request string) int {
	c.t.Helper()
	if c.conn == nil {
		conn, err := net.Dial("tcp", c.address)
		if err != nil {
			c.t.Fatal(err)
		}
		c.conn, c.reader = conn, bufio.NewReader(conn)
		c.t.Cleanup(func() { conn.Close() })
	}
	if err := c.conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		c.t.Fatal(err)
	}
	if _, err := c.conn.Write([]byte(request)); err != nil {
		c.t.Fatal(err)
	}
	method, _, _ := strings.Cut(request, " ")
	answer, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	if err != nil {
		c.t.Fatalf("%q: %v", request, err)
	}
	answer.Body.Close()
	if answer.Close || method == http.MethodConnect {
		c.conn.Close()
		c.conn = nil
	}
	return answer.StatusCode
}

// TestEverySpellingOfAPathIsFound holds which requests for a path are denied, in both forms.
func TestEverySpellingOfAPathIsFound(t *testing.T) {
	rules := map[string]*rbacv3.Policy{}
	for name, path := range map[string]string{"1": "/a/b", "2": "/c", "3": "/u@h", "4": "/p/q*", "5": "*.php", "6": "/x/"} {
		rules[name] = &rbacv3.Policy{Permissions: []*rbacv3.Permission{andRules(pathsOf(true, path))}, Principals: []*rbacv3.Principal{everybody()}}
	}
	p := denies(rules)
	envoy := envoytest.Run(t, envoytest.Options{
		Concurrency: 1, Extension: ".pb", Bootstrap: binary(t, []*listenerv3.Listener{listening("rules", p), listening("tree", optimize.Policy(p, everyForm(), nil))}),
	})
	byRules, byTree := connect(t, envoy.MustListener(t, "rules")), connect(t, envoy.MustListener(t, "tree"))
	long := strings.Repeat("x", 9000)
	for want, all := range map[int][]string{
		http.StatusForbidden: {
			"/a/b", "/a/b?", "/a/b?x;/c", "/a;x/b", "/a%3bx/b", "/a%3Bx/b%3b", "/a/b;", "/a/b;x;y", "/a;x%3by/b;z?q", "/a/./b", "/%61/b", "/c;" + long, "/c%3b" + long + "?" + long,
			"/u@h", "/u%40h", "/u@h;x", "/p/q", "/p/qr", "/p;x/qr", "/p/q" + long, "/p;x/q" + long, "/y.php", "/y.php;x", "/y;x.php", "/x/", "/x/;",
		},
		http.StatusOK:       {"/a", "/a/b/", "/a/bb", "/a;x", "/a/b/;", "/A/b", "/a%2541/b", "/c/", "/c%3c", "/cc;x", "/u%41h", "/p", "/p;x/r", "/y.phpx", "/y.php;x/z", "/x", "/x;/y", "/" + long},
		http.StatusNotFound: {"*"}, http.StatusBadRequest: {"/a/b?\xff", "/a/b#x"},
	} {
		for _, path := range all {
			request := "GET " + path + " HTTP/1.1\r\nHost: a.example\r\nx-envoy-original-path: /none\r\n\r\n"
			if path == "*" {
				request = "OPTIONS" + strings.TrimPrefix(request, "GET")
			}
			if rules, tree := byRules.ask(request), byTree.ask(request); rules != want || tree != want {
				t.Errorf("%.40q: %d by rules, %d by the tree, want %d", path, rules, tree, want)
			}
		}
	}
	for _, path := range []string{"/a/b?\xff", "/a/b?\xff;/c", "/a;\xff/b?\xfe"} { // bytes that are no text, which HTTP/1 refuses
		if rules, tree := askHTTP2(t, byRules.address, path), askHTTP2(t, byTree.address, path); rules != http.StatusForbidden || tree != rules {
			t.Errorf("%q of HTTP/2: %d by rules, %d by the tree", path, rules, tree)
		}
	}
	if rules, tree := byRules.ask("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"), byTree.ask("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"); rules != tree {
		t.Errorf("CONNECT: %d by rules, %d by the tree", rules, tree)
	}
}

// askHTTP2 asks for a path, byte by byte, by HTTP/2.
func askHTTP2(t *testing.T, address, path string) int {
	t.Helper()
	transport := &http.Transport{Protocols: &http.Protocols{}}
	transport.Protocols.SetUnencryptedHTTP2(true)
	defer transport.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	answer, err := transport.RoundTrip((&http.Request{
		Method: http.MethodGet, URL: &url.URL{Scheme: "http", Host: address, Opaque: path}, Host: "a.example", Header: http.Header{},
	}).WithContext(ctx))
	if err != nil {
		t.Fatalf("%q: %v", path, err)
	}
	answer.Body.Close()
	return answer.StatusCode
}
