package differential

import "slices"

// vocabulary are the values of policies, by what they are values of. They are few, so that they meet.
func vocabulary() map[string][]string {
	addresses := []string{"127.0.0.1", "127.0.0.0/8", "127.0.0.2/31", "10.0.0.0/8", "127.9.0.0/16", "::/0", "0.0.0.0/0", "127.9.8.7"}
	texts := []string{"a", "b", "a*", "*b", "*", "a,b", "ab", "A"}
	return map[string][]string{
		"host":        {"shop.example", "*.example", "shop.example:8080", "shop*", "*", "SHOP.example", "api.shop.example", "*shop.example", "127.0.0.1", "*.shop.example", "api*"},
		"path":        {"/", "/*", "*", "/admin", "/admin/*", "/admin*", "*.html", "*/info", "/a/b", "/a%2fb", "/A", "/a;x", "/{*}", "/a/{*}", "/a/{**}", "/{**}/info", "/a/{*}/b", "/a/", "/%61", "//a", "/a.b", "/a/{*}/{**}"},
		"exact path":  {"/a", "/A", "/a/", "/a/b", "/admin", "/a.b", "/a;x", "/%61", "/b", "/x/y", "/a.html", "/"},
		"prefix path": {"/a*", "/a/*", "/admin*", "/a/b*", "/*", "/x/*", "/A*", "/ad*", "/a.*"},
		"suffix path": {"*.html", "*.b", "*/info", "*.b.html", "*b", "*/b", "*.HTML"},
		"template":    {"/{*}", "/a/{*}", "/a/{**}", "/{**}/info", "/a/{*}/b", "/{*}/b", "/a/{*}/{**}", "/{**}"},
		"number":      {"5", "7", "1.5", "true", "1", "0"},
		"method":      {"GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "*", "P*", "*T", "get"},
		"port":        {"8080", "8081", "80"},
		"principal":   {"*", "cluster.local/ns/a/sa/b", "*/b", "cluster.local/*", "cluster.local/ns/b/sa/c"},
		"requester":   {"*", "https://one.example/alice", "https://one.example/*", "*/bob", "two@example.org/*", "*example/alice", "https://one.example/a*", "https://three.example//carol", "*alice", "two@example.org/bob", "https://one.example", "https*", "*one.example/alice"},
		"namespace":   {"a", "a*", "*", "b"},
		"address":     addresses,
		"remote":      append([]string{"203.0.113.7", "203.0.113.0/24", "198.51.100.0/24", "2001:db8::/32", "2001:db8::1"}, addresses...),
		"destination": {"${ip}", "127.${network}.0.0/16", "10.0.0.0/8", "127.0.0.1", "::1"},
		"text":        texts,
		"cookie":      {"a=1", "*b=2", "a=1*", "session=*", "*"},
		"target":      {"/a", "/a*", "*x=1", "/admin?x=1", "*"},
		"claim":       {"admin", "user", "a*", "*r", "*", "dev", "red", "7", "true"},
		"scope":       {"read", "write", "re*", "*", "read write"},
		"audience":    {"shop", "other", "sh*", "*", "shop/"},
		"presenter":   {"app-1", "app*", "*"},
		"issuer":      {"https://one.example", "two@example.org", "https://*", "*"},
		"subject":     {"alice", "bob", "a*", "*", "team/dan"},
		"sni":         {"shop.example", "*.example", "*", "api.shop.example"},
		"header":      {"x-a", "x-b", "X-A", "x-c"},
		"prefix":      {"/", "/a", "/a/", "/admin", "/A"},
		"exact":       {"/", "/a", "/a/b", "/admin", "/admin/", "/A"},
		"regex":       {"/a.*", "/(a|b)", "/[a-z]+/b", ".*", "/a/?", "/.", "(?i)/a"},
		"parameter":   {"x", "y", "access_token"},
		"value":       {"1", "a", "", "a b", "ab"},
		"authority":   {"shop.example", "api.shop.example", "*.example", "*", "*.shop.example", "127.0.0.1"},
		"origin":      {"https://app.example", "https://evil.example"},
	}
}

// around returns a value that requests carry: one of the policies' own as it is or changed, or any.
func (g *generator) around(kind string) string {
	from := g.seen[kind]
	if len(from) == 0 || g.in(4) {
		from = vocabulary()[kind]
	}
	return g.instance(from[g.IntN(len(from))])
}

// instance puts something in the place of the wildcard at a value's begin or end, or lets it stand.
func (g *generator) instance(value string) string {
	if g.in(8) {
		return value
	}
	if value == "*" {
		return g.pick("a", "", "zz", "alice", "admin")
	}
	if rest, ok := cut(value, "*", -1); ok {
		return rest + g.pick("", "a", "x", ".example", "/b")
	}
	if rest, ok := cut(value, "*", 0); ok {
		return g.pick("", "a", "x", "shop", "/b", "b/") + rest
	}
	return value
}

// cut takes a character off a value's begin (0) or end (-1).
func cut(value, what string, at int) (string, bool) {
	b := []byte(value)
	switch {
	case len(b) == 0 || at == 0 && b[0] != what[0] || at < 0 && b[len(b)-1] != what[0]:
		return value, false
	case at == 0:
		return string(b[1:]), true
	default:
		return string(slices.Delete(b, len(b)-1, len(b))), true
	}
}
