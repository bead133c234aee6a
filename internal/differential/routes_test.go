package differential

func (g *generator) gateway() object {
	hosts := []any{"*"}
	if g.in(4) {
		hosts = []any{"*.example", "shop.example"}
	}
	servers := []any{server(8080, hosts)}
	if g.in(3) {
		servers = append(servers, server(8081, []any{"*"}))
		g.seen["listening"] = []string{"8081"}
	}
	if g.in(4) {
		servers = append(servers, g.secureServers()...)
		g.seen["secure"] = []string{"8443"}
	}
	return g.object("Gateway", object{"selector": object{"istio": "ingressgateway"}, "servers": servers})
}

func server(port int, hosts []any) object {
	name := "http-a"
	if port == 8081 {
		name = "http-b"
	}
	return object{"port": object{"number": port, "name": name, "protocol": "HTTP"}, "bind": "${ip}", "hosts": hosts}
}

// secureServers are two at which TLS ends, with names of which one may be wider than the other.
func (g *generator) secureServers() []any {
	var out []any
	for i, hosts := range [][]any{{"shop.example"}, {[]any{"*.shop.example", "*.example", "api.shop.example", "*"}[g.IntN(4)]}} {
		out = append(out, object{
			"port": object{"number": 8443, "name": []any{"https-a", "https-b"}[i], "protocol": "HTTPS"}, "bind": "${ip}", "hosts": hosts,
			"tls": object{"mode": g.pick("SIMPLE", "MUTUAL", "OPTIONAL_MUTUAL"), "credentialName": "secret-${n}"},
		})
	}
	return out
}

// secret is the certificate of the gateway.
func (g *generator) secret() object {
	out := g.object("Secret", nil)
	out["apiVersion"], out["metadata"].(object)["name"] = "v1", "secret-${n}"
	delete(out, "spec")
	out["type"], out["stringData"] = "kubernetes.io/tls", g.certificates.secret
	return out
}

func (g *generator) service(name string) object {
	return g.object("ServiceEntry", object{
		"hosts": []any{name + ".s${n}.example"}, "resolution": "STATIC",
		"ports": []any{object{"number": 80, "name": "http", "protocol": "HTTP", "targetPort": "${backend}"}}, "endpoints": []any{object{"address": "127.0.0.1"}},
	})
}

func (g *generator) authorizer() object {
	return g.object("ServiceEntry", object{
		"hosts": []any{"authz.s${n}.example"}, "resolution": "STATIC",
		"ports": []any{object{"number": 80, "name": "http", "protocol": "HTTP", "targetPort": "${authorizer}"}}, "endpoints": []any{object{"address": "127.0.0.1"}},
	})
}

func (g *generator) virtualService() object {
	hosts := g.of("authority", 2)
	if g.in(2) || g.n < 6 && g.in(2) {
		hosts = []string{"*"}
	}
	var http []any
	for range g.IntN(4) {
		http = append(http, g.httpRoute(true))
	}
	if len(http) == 0 || !g.in(3) {
		http = append(http, g.httpRoute(false))
	}
	return g.object("VirtualService", object{"hosts": hosts, "gateways": []any{"g-1"}, "http": http})
}

func (g *generator) httpRoute(matched bool) object {
	out := object{}
	if matched {
		var match []any
		for range 1 + g.IntN(2) {
			match = append(match, g.httpMatch())
		}
		out["match"] = match
	}
	if g.in(8) {
		out["corsPolicy"] = g.cors()
	}
	if g.in(8) {
		out["headers"] = object{"request": object{"set": object{"x-set": "a"}, "add": object{"x-a": "z"}, "remove": []any{"x-b"}}, "response": object{"set": object{"x-answer": "1"}}}
	}
	if g.in(12) {
		out["fault"] = object{"abort": object{"httpStatus": []int{418, 503}[g.IntN(2)], "percentage": object{"value": []int{0, 100}[g.IntN(2)]}}}
	}
	switch {
	case g.in(10):
		out["redirect"] = g.redirect()
	case g.in(10):
		out["directResponse"] = object{"status": []any{200, 204, 403, 503}[g.IntN(4)], "body": object{"string": g.pick("hello", "no")}}
	default:
		g.forwarding(out)
	}
	return out
}

func (g *generator) forwarding(out object) {
	route := []any{destination(g.pick("one", "two"))}
	if g.in(6) {
		route = []any{destination("one"), destination("two")}
		weight := []int{0, 50, 100}[g.IntN(3)]
		route[0].(object)["weight"], route[1].(object)["weight"] = weight, 100-weight
	}
	out["route"] = route
	if g.in(6) {
		out["rewrite"] = []any{object{"uri": "/r"}, object{"authority": "other.example"}, object{"uri": "/", "authority": "other.example"}, object{"uriRegexRewrite": object{"match": "^/a", "rewrite": "/z"}}}[g.IntN(4)]
	}
}

func destination(name string) object {
	return object{"destination": object{"host": name + ".s${n}.example", "port": object{"number": 80}}}
}

func (g *generator) redirect() object {
	out := object{}
	if g.in(2) {
		out["uri"] = g.pick("/moved", "/")
	}
	if g.in(2) {
		out["authority"] = g.pick("new.example", "new.example:8443")
	}
	if g.in(3) {
		out["scheme"] = "https"
	}
	if g.in(4) {
		out["port"] = 8443
	}
	if g.in(2) {
		out["redirectCode"] = []any{301, 302, 303, 307, 308}[g.IntN(5)]
	}
	if len(out) == 0 {
		out["uri"] = "/moved"
	}
	return out
}

func (g *generator) cors() object {
	out := object{"allowOrigins": []any{[]any{object{"exact": "https://app.example"}, object{"prefix": "https://"}, object{"regex": ".*app.*"}}[g.IntN(3)]}}
	if g.in(2) {
		out["allowMethods"] = []any{"GET", "POST"}
	}
	if g.in(2) {
		out["allowHeaders"] = []any{"x-a"}
	}
	if g.in(3) {
		out["exposeHeaders"] = []any{"x-answer"}
	}
	if g.in(3) {
		out["maxAge"] = "10s"
	}
	if g.in(3) {
		out["allowCredentials"] = true
	}
	return out
}

// stringMatch matches a text of a kind.
func (g *generator) stringMatch(kind string) object {
	switch g.IntN(4) {
	case 0:
		return object{"prefix": g.instance(g.one(kind))}
	case 1:
		return object{"regex": g.pick("a.*", ".*b", "[a-z]+")}
	default:
		return object{"exact": g.instance(g.one(kind))}
	}
}

func (g *generator) uri() object {
	switch g.IntN(4) {
	case 0:
		return object{"exact": g.one("exact")}
	case 1:
		return object{"regex": g.one("regex")}
	default:
		return object{"prefix": g.one("prefix")}
	}
}

func (g *generator) httpMatch() object {
	out := object{}
	if !g.in(3) {
		out["uri"] = g.uri()
		if g.in(4) {
			out["ignoreUriCase"] = true
		}
	}
	if g.in(6) {
		out["method"] = g.stringMatch("method")
	}
	if g.in(8) {
		out["authority"] = g.stringMatch("authority")
	}
	if g.in(10) {
		out["scheme"] = object{"exact": g.pick("http", "https")}
	}
	if g.in(5) {
		out["headers"] = object{g.pick("x-a", "x-b", "cookie"): g.headerMatch()}
	}
	if g.in(8) {
		out["withoutHeaders"] = object{g.pick("x-a", "x-c"): g.headerMatch()}
	}
	if g.in(6) {
		out["queryParams"] = object{g.pick("x", "y"): g.headerMatch()}
	}
	if g.in(8) {
		out["port"] = []any{8080, 8081}[g.IntN(2)]
	}
	if g.in(8) {
		out["headers"] = object{g.pick("@request.auth.claims.role", "@request.auth.claims.sub", "@request.auth.claims[org][team]", "@request.auth.claims.groups"): g.stringMatch("claim")}
	}
	if len(out) == 0 {
		out["uri"] = g.uri()
	}
	return out
}

func (g *generator) headerMatch() object {
	if g.in(4) {
		return object{}
	}
	return g.stringMatch("text")
}
