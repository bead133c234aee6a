package resource

import (
	"maps"
	"slices"
	"strings"

	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
)

// headerOperationsChecker checks which headers an HTTP route changes.
type headerOperationsChecker struct{ valueChecker }

// headerOperations checks what a route does to headers. Envoy refuses all routes of a port
// for one that it cannot do.
func (c headerOperationsChecker) headerOperations(path Path, h *networkingv1alpha3.Headers) {
	c.operationsOf(path.Field("request"), h.GetRequest())
	c.operationsOf(path.Field("response"), h.GetResponse())
	c.oneAuthority(path[:len(path)-1], h)
}

func (c headerOperationsChecker) operationsOf(path Path, o *networkingv1alpha3.Headers_HeaderOperations) {
	for field, values := range map[string]map[string]string{"set": o.GetSet(), "add": o.GetAdd()} {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			at := path.Field(field, name)
			if path[len(path)-1] != "request" || !IsAuthority(name) {
				c.changedHeader(at, name)
			}
			c.headerValue(at, values[name])
		}
	}
	for i, name := range o.GetRemove() {
		c.changedHeader(path.Field("remove", i), name)
	}
}

// IsAuthority reports whether a header is the one that names the host, which routes change
// by a rewrite of the host.
func IsAuthority(name string) bool {
	return strings.EqualFold(name, ":authority") || strings.EqualFold(name, "host")
}

func (c headerOperationsChecker) changedHeader(path Path, name string) {
	switch {
	case strings.EqualFold(name, "host") || strings.HasPrefix(name, ":"):
		c.addKey(diag.CodeHeaderOperation, path, "a route cannot change the header %s here", name).WithHint("in request, set Host, or use rewrite")
	case !isHeaderToken(name):
		c.addKey(diag.CodeHeaderOperation, path, "%q is not the name of a header", name).WithHint("letters, digits and -")
	}
}

// maxHeaderValue is what Envoy's API takes.
const maxHeaderValue = 16384

func (c headerOperationsChecker) headerValue(path Path, value string) {
	if len(value) > maxHeaderValue {
		c.add(diag.CodeHeaderOperation, path, "the value has %d bytes", len(value)).WithHint("at most %d", maxHeaderValue)
		return
	}
	if slices.ContainsFunc([]byte(value), func(b byte) bool { return b < ' ' && b != '\t' || b == 0x7F }) {
		c.add(diag.CodeHeaderOperation, path, "the value has a control character").WithHint("write it on one line")
		return
	}
	logFormatChecker(c).commandOperators(diag.CodeHeaderOperation, path, value)
}

// oneAuthority holds that the host is written once, by rewrite or by one header.
func (c headerOperationsChecker) oneAuthority(route Path, h *networkingv1alpha3.Headers) {
	count := 0
	if c.written(route.Field("rewrite", "authority")) {
		count++
	}
	for _, values := range []map[string]string{h.GetRequest().GetSet(), h.GetRequest().GetAdd()} {
		for name := range values {
			if IsAuthority(name) {
				count++
			}
		}
	}
	if count > 1 {
		c.addKey(diag.CodeHeaderOperation, route.Field("headers", "request"), "the host is written more than once").WithHint("keep rewrite.authority, or one of Host and :authority")
	}
}
