package resource

import (
	"maps"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/durationpb"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"

	"github.com/portreeve/portreeve/translate/diag"
)

// meshProviderChecker checks the extension providers of a mesh configuration.
type meshProviderChecker struct{ valueChecker }

// extensionProviders checks the providers that policies refer to by name.
func (c meshProviderChecker) extensionProviders(providers []*meshv1alpha1.MeshConfig_ExtensionProvider) {
	first := map[string]int{}
	for i, p := range providers {
		path := Path{"extensionProviders", i}
		c.providerName(path, p.GetName())
		if before, again := first[p.GetName()]; !again {
			first[p.GetName()] = i
		} else if p.GetName() != "" {
			c.add(diag.CodeMeshName, path.Field("name"), "extensionProviders[%d] is named %q too", before, p.GetName()).WithHint("give each provider its own name")
		}
		switch kind := p.GetProvider().(type) {
		case nil:
			c.addMissing(diag.CodeMeshAuthorizer, path, "%s does not say what it is", path).WithHint("for example envoyExtAuthzHttp: {service: …, port: …}")
		case *meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyExtAuthzHttp:
			c.httpAuthorizer(path.Field("envoyExtAuthzHttp"), kind.EnvoyExtAuthzHttp)
		case *meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyExtAuthzGrpc:
			c.grpcAuthorizer(path.Field("envoyExtAuthzGrpc"), kind.EnvoyExtAuthzGrpc)
		default:
			if !c.logProvider(path, p) {
				c.idleProvider(path, p)
			}
		}
	}
}

// providerName holds a name to what the names of filters and rules can carry.
func (c meshProviderChecker) providerName(path Path, name string) {
	switch {
	case name == "":
		c.addMissing(diag.CodeMeshName, c.deepest(path, "name"), "%s has no name", path).WithHint("1 to 63 lower-case letters, digits and -")
	case !isLabel(name):
		c.add(diag.CodeMeshName, path.Field("name"), "%q is not the name of a provider", name).WithHint("1 to 63 lower-case letters, digits and -, no - first or last")
	}
}

// idleProvider warns of a provider of traces or metrics, which no gateway here has.
func (c meshProviderChecker) idleProvider(path Path, p *meshv1alpha1.MeshConfig_ExtensionProvider) {
	for _, name := range setFields(p) {
		if name != "name" {
			meshChecker(c).idle(path.Field(name))
		}
	}
}

func (c meshProviderChecker) httpAuthorizer(path Path, p *meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationHttpProvider) {
	c.authorizer(path, p)
	switch prefix := p.GetPathPrefix(); {
	case prefix == "":
	case !strings.HasPrefix(prefix, "/"):
		c.add(diag.CodeMeshAuthorizer, path.Field("pathPrefix"), "the path prefix %q does not begin with /", prefix).WithHint("/%s", prefix)
	case !isRequestPath(prefix):
		c.add(diag.CodeMeshAuthorizer, path.Field("pathPrefix"), "the path prefix %q cannot stand in a request", prefix).WithHint("escape other characters as %%20")
	}
	//nolint:staticcheck // the older name of includeRequestHeadersInCheck is still in use
	c.headerPatterns(path, "includeHeadersInCheck", p.GetIncludeHeadersInCheck())
	c.headerPatterns(path, "includeRequestHeadersInCheck", p.GetIncludeRequestHeadersInCheck())
	c.headerPatterns(path, "headersToUpstreamOnAllow", p.GetHeadersToUpstreamOnAllow())
	c.headerPatterns(path, "headersToDownstreamOnDeny", p.GetHeadersToDownstreamOnDeny())
	c.headerPatterns(path, "headersToDownstreamOnAllow", p.GetHeadersToDownstreamOnAllow())
	for _, name := range slices.Sorted(maps.Keys(p.GetIncludeAdditionalHeadersInCheck())) {
		c.additionalHeader(path.Field("includeAdditionalHeadersInCheck", name), name, p.GetIncludeAdditionalHeadersInCheck()[name])
	}
}

func (c meshProviderChecker) grpcAuthorizer(path Path, p *meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationGrpcProvider) {
	c.authorizer(path, p)
}

// externalAuthorizer is what the two kinds of authorizers have in common.
type externalAuthorizer interface {
	GetService() string
	GetPort() uint32
	GetTimeout() *durationpb.Duration
	GetStatusOnError() string
	GetIncludeRequestBodyInCheck() *meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyExternalAuthorizationRequestBody
}

func (c meshProviderChecker) authorizer(path Path, p externalAuthorizer) {
	if !isProviderService(p.GetService()) {
		at := c.deepest(path, "service")
		c.addMissing(diag.CodeMeshService, at, "%q is not a service", p.GetService()).WithHint("host or namespace/host, as in ext-authz.auth.svc.cluster.local")
	}
	if port := p.GetPort(); port == 0 || port > 65535 {
		c.addMissing(diag.CodePort, c.deepest(path, "port"), "%s: %d is not a port", path, port).WithHint("1 to 65535")
	}
	c.timeoutBetween(path.Field("timeout"), p.GetTimeout(), longest)
	if status := p.GetStatusOnError(); status != "" && !isStatus(status) {
		c.add(diag.CodeMeshStatus, path.Field("statusOnError"), "%q is not an HTTP status that Envoy can answer with", status).WithHint(`a number such as "403" or "503"`)
	}
	if body := p.GetIncludeRequestBodyInCheck(); body != nil && body.GetMaxRequestBytes() == 0 {
		at := path.Field("includeRequestBodyInCheck")
		c.addMissing(diag.CodeMeshAuthorizer, c.deepest(at, "maxRequestBytes"), "%s needs a maxRequestBytes of at least 1", at).WithHint("for example maxRequestBytes: 8192")
	}
}

// isProviderService accepts [namespace/]host without wildcards: it names one service.
func isProviderService(s string) bool {
	namespace, host, qualified := strings.Cut(s, "/")
	if !qualified {
		_, err := netip.ParseAddr(s)
		return isHostName(s) || err == nil
	}
	return isLabel(namespace) && isHostName(host)
}

// isStatus reports the statuses that Envoy's definition of StatusCode lists, without those
// of 1xx, which are no answer.
func isStatus(s string) bool {
	code, err := strconv.Atoi(s)
	if err != nil || strconv.Itoa(code) != s {
		return false
	}
	for _, known := range [][2]int{{200, 208}, {226, 226}, {300, 305}, {307, 308}, {400, 417}, {421, 424}, {426, 426}, {428, 429}, {431, 431}, {500, 508}, {510, 511}} {
		if known[0] <= code && code <= known[1] {
			return true
		}
	}
	return false
}

// headerPatterns checks names of headers, of which one * first or last stands for anything.
// A lone * would hand the authorizer's or the client's every header on.
func (c meshProviderChecker) headerPatterns(path Path, field string, patterns []string) {
	for i, p := range patterns {
		at := path.Field(field, i)
		name := strings.TrimPrefix(p, "*")
		if name == p {
			name = strings.TrimSuffix(p, "*")
		}
		switch {
		case p == "*":
			c.add(diag.CodeMeshAuthorizer, at, "a lone * is not a pattern of header names").WithHint("list the names, or give the * a beginning or an end, as in x-*")
		case strings.Contains(name, "*") || !isHeaderKey(name):
			c.add(diag.CodeMeshAuthorizer, at, "%q is not a header name", p).WithHint("the name of a header; one * first or last")
		}
	}
}

// isRequestPath accepts what the line of a request can have: what url.Parse takes, in visible
// characters. A line break would let the prefix write headers of its own.
func isRequestPath(s string) bool {
	_, err := url.Parse(s)
	return err == nil && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// additionalHeader checks a header that is added to the check. Envoy refuses a
// configuration that sets Host or a pseudo-header, and no header can have a line break.
func (c meshProviderChecker) additionalHeader(path Path, name, value string) {
	switch {
	case strings.HasPrefix(name, ":") || !isHeaderKey(name) || strings.EqualFold(name, "host"):
		c.addKey(diag.CodeMeshAuthorizer, path, "%q cannot be added to the check", name).WithHint("a header name other than Host")
	case strings.ContainsAny(value, "\r\n"):
		c.add(diag.CodeMeshAuthorizer, path, "the value of the header %s has a line break", name).WithHint("one line")
	}
}
