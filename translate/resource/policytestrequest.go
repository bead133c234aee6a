package resource

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/diag"
)

// TestURL is what the url of a request in a PolicyTest says.
type TestURL struct {
	// TLS says that the client speaks TLS, Connection that no request is sent.
	TLS, Connection bool
	// Authority is the host as written, with its port where that is; Host is without.
	Authority, Host string
	Port            uint32
	// Path is as written, with its query and fragment; "/" where there is none.
	Path string
}

// ReadTestURL reads the url of a request. The path is taken as it is, so that malformed ones can be
// tested too. The error says what is wrong with it.
func ReadTestURL(text string) (TestURL, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	ports := map[string]uint32{"http": 80, "https": 443, "tcp": 0, "tls": 443}
	port, known := ports[scheme]
	if !ok || !known {
		return TestURL{}, errors.New("it does not begin with http://, https://, tcp:// or tls://")
	}
	out := TestURL{TLS: scheme == "https" || scheme == "tls", Connection: scheme == "tcp" || scheme == "tls", Port: port, Path: "/"}
	out.Authority = rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		out.Authority, out.Path = rest[:i], rest[i:]
	}
	if out.Path[0] != '/' {
		out.Path = "/" + out.Path
	}
	u, err := url.Parse("//" + out.Authority)
	switch {
	case err != nil || u.User != nil:
		return TestURL{}, fmt.Errorf("%q is not a host", out.Authority)
	case u.Hostname() == "" && !out.Connection:
		return TestURL{}, errors.New("it has no host")
	case out.Connection && out.Path != "/":
		return TestURL{}, errors.New("a connection has no path")
	}
	out.Host = u.Hostname()
	if u.Port() != "" {
		n, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil || n == 0 {
			return TestURL{}, fmt.Errorf("%s is not a port", u.Port())
		}
		out.Port = uint32(n)
	}
	if out.Port == 0 {
		return TestURL{}, errors.New("it has no port")
	}
	return out, nil
}

// tokenReference stands for a token in the url and the headers of a request.
var tokenReference = regexp.MustCompile(`\$\{([^}]*)\}?`)

// FillTokens replaces each ${token.NAME} of a text by what value says of NAME.
func FillTokens(text string, value func(name string) string) string {
	return tokenReference.ReplaceAllStringFunc(text, func(reference string) string {
		return value(strings.TrimSuffix(strings.TrimPrefix(reference, "${token."), "}"))
	})
}

func (c policyTestChecker) request(path Path, r *portreevev1alpha1.TestRequest) {
	c.url(path, r)
	if name := r.GetToken(); name != "" {
		c.token(path.Field("token"), name)
	}
	for _, name := range slices.Sorted(maps.Keys(r.GetHeaders())) {
		at := path.Field("headers", name)
		c.headerName(at, name)
		c.tokenReferences(at, r.GetHeaders()[name])
	}
	for i, h := range r.GetFurtherHeaders() {
		at := path.Field("furtherHeaders", i)
		c.headerName(c.deepest(at, "name"), h.GetName())
		c.tokenReferences(at.Field("value"), h.GetValue())
	}
	if _, err := netip.ParseAddr(r.GetClientIp()); err != nil && r.GetClientIp() != "" {
		c.add(diag.CodeTestValue, path.Field("clientIP"), "%q is not an IP address", r.GetClientIp()).WithHint("for example 203.0.113.7")
	}
	for _, provider := range slices.Sorted(maps.Keys(r.GetAssume())) {
		if answer := r.GetAssume()[provider]; answer != "allow" && answer != "deny" {
			c.add(diag.CodeTestValue, path.Field("assume", provider), "%q is not what an authorizer answers", answer).WithHint("allow or deny")
		}
	}
}

func (c policyTestChecker) url(path Path, r *portreevev1alpha1.TestRequest) {
	if r.GetUrl() == "" {
		c.addMissing(diag.CodeTestMissing, c.deepest(path, "url"), "%s has no url", path).WithHint("for example http://shop.example/orders")
		return
	}
	at := path.Field("url")
	u, err := ReadTestURL(r.GetUrl())
	if err != nil {
		c.add(diag.CodeTestValue, at, "%q is not where a request goes: %v", r.GetUrl(), err).WithHint("for example http://shop.example:8080/orders?page=1, or tcp://:5432")
		return
	}
	c.tokenReferences(at, r.GetUrl())
	if u.Connection && (r.GetMethod() != "" || r.GetToken() != "" || len(r.GetHeaders())+len(r.GetFurtherHeaders()) > 0) {
		c.add(diag.CodeTestValue, at, "a connection, of which no request is read, has no method, token or headers").WithHint("take them out, or write http:// or https://")
	}
}

func (c policyTestChecker) headerName(path Path, name string) {
	if !isHeaderKey(name) || strings.HasPrefix(name, ":") || strings.EqualFold(name, "host") {
		c.add(diag.CodeHeaderName, path, "%q is not the name of a header that a request can give", name).WithHint("letters, digits, - and _; host, path and method stand in url and method")
	}
}

func (c policyTestChecker) tokenReferences(path Path, text string) {
	for _, found := range tokenReference.FindAllStringSubmatch(text, -1) {
		name, ok := strings.CutPrefix(found[1], "token.")
		if !ok || !strings.HasSuffix(found[0], "}") {
			c.add(diag.CodeTestUnknown, path, "%q stands for nothing", found[0]).WithHint("${token.NAME} stands for a token")
			continue
		}
		c.token(path, name)
	}
}

// token checks that there is a token of a name.
func (c policyTestChecker) token(path Path, name string) {
	if _, ok := c.spec.GetTokens()[name]; ok {
		return
	}
	hint := "define it in spec.tokens"
	if known := slices.Sorted(maps.Keys(c.spec.GetTokens())); len(known) > 0 {
		hint = choice(name, known)
	}
	c.add(diag.CodeTestUnknown, path, "there is no token %q", name).WithHint("%s", hint)
}
