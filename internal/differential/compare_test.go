package differential

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// difference is what explain and Envoy do not agree on.
type difference struct {
	of                  string
	explained, answered string
}

func (d difference) String() string {
	return fmt.Sprintf("%s: explain says %q, Envoy %q", d.of, d.explained, d.answered)
}

// differences compares an answer with what Envoy did.
func differences(a *explain.Answer, o *outcome, method string) []difference {
	if a.Disagreement != "" {
		return []difference{{"both forms", a.Disagreement, fmt.Sprint(o.status, " ", o.details)}}
	}
	if len(a.Ends) != 1 {
		return []difference{{"verdict", fmt.Sprintf("%s: %q %v", a.Verdict, a.DependsOn, a.Ends), fmt.Sprint(o.status, " ", o.details)}}
	}
	end := a.Ends[0]
	var out []difference
	differ := func(of string, explained, answered any) {
		if fmt.Sprint(explained) != fmt.Sprint(answered) {
			out = append(out, difference{of, fmt.Sprint(explained), fmt.Sprint(answered)})
		}
	}
	if end.Verdict == explain.Allowed {
		differ("details", "via_upstream", o.details)
		if len(out) == 0 {
			out = append(out, arrivals(a.Destination, o, method)...)
		}
		return out
	}
	differ("status", end.Status, o.status)
	if o.status == 0 {
		return out // the log tells of requests, and there was none
	}
	differ("details", end.Details, o.details)
	if len(out) > 0 {
		return out
	}
	if method != http.MethodHead && o.details != "ext_authz_denied" {
		differ("body", end.Body, o.body)
	}
	differ("flags", end.Flags, strings.TrimPrefix(o.flags, "-"))
	for _, h := range end.Headers {
		differ("answer's header "+h.Name, h.Value, strings.Join(o.header.Values(h.Name), ","))
	}
	for _, name := range []string{"location", "www-authenticate", "access-control-allow-origin", "access-control-allow-methods", "access-control-allow-headers", "access-control-max-age", "access-control-allow-credentials"} {
		said := slices.ContainsFunc(end.Headers, func(h traffic.Header) bool { return h.Name == name })
		if got := o.header.Values(name); len(got) > 0 && !said {
			differ("answer's header "+name, "", strings.Join(got, ","))
		}
	}
	return out
}

// arrivals compares where a request came to, and what the backend saw of it.
func arrivals(d *explain.Destination, o *outcome, method string) []difference {
	if d == nil {
		return []difference{{"destination", "none", o.cluster}}
	}
	var out []difference
	if !slices.ContainsFunc(d.Clusters, func(c explain.WeightedCluster) bool { return c.Name == o.cluster }) {
		out = append(out, difference{"cluster", fmt.Sprint(d.Clusters), o.cluster})
	}
	if d.Route != strings.TrimPrefix(o.route, "-") {
		out = append(out, difference{"route", d.Route, o.route})
	}
	if method == http.MethodHead {
		return out // its answer has no body, in which the backend tells what it saw
	}
	head := strings.Split(strings.TrimSuffix(o.body, "\r\n"), "\r\n")
	if want := method + " " + d.Path + " HTTP/1.1"; head[0] != want {
		out = append(out, difference{"path", want, head[0]})
	}
	seen := map[string]string{}
	for _, line := range head[1:] {
		name, value, _ := strings.Cut(line, ":")
		seen[name] = joined(seen, name, strings.TrimSpace(value))
	}
	if seen["host"] != d.Authority {
		out = append(out, difference{"authority", d.Authority, seen["host"]})
	}
	return append(out, headerDifferences(d.Headers, seen)...)
}

func joined(of map[string]string, name, value string) string {
	if before, ok := of[name]; ok {
		return before + " | " + value
	}
	return value
}

// headerDifferences compares the headers that the backend saw, but for those that Envoy adds for itself.
func headerDifferences(headers []traffic.Header, seen map[string]string) []difference {
	said := map[string]string{}
	for _, h := range headers {
		said[h.Name] = joined(said, h.Name, h.Value)
	}
	var out []difference
	for _, from := range []map[string]string{said, seen} {
		for name := range from {
			if said[name] != seen[name] && !envoys(name) {
				out = append(out, difference{"backend's header " + name, said[name], seen[name]})
			}
		}
	}
	slices.SortFunc(out, func(a, b difference) int { return strings.Compare(a.of, b.of) })
	return slices.Compact(out)
}

// envoys reports whether a header is one that Envoy adds for itself, which Destination.Headers leaves out. The
// value of x-forwarded-client-cert holds the certificate, which nobody who explains a request has.
func envoys(name string) bool {
	return strings.HasPrefix(name, "x-envoy-") || strings.HasPrefix(name, ":") ||
		slices.Contains([]string{"host", "x-request-id", "x-forwarded-proto", "x-forwarded-for", "content-length", "transfer-encoding", "connection", "te", "expect", "x-forwarded-client-cert"}, name)
}
