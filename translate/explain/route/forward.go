package route

import (
	"slices"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// cluster is a cluster that a route leads to.
type cluster struct {
	name   string
	weight uint32
	// request is what is done to headers before all that the route does; authority is what it sets.
	request   operations
	authority string
}

// forward is what a route does to a request that it sends on.
type forward struct {
	clusters []cluster
	host     hostRewrite
	path     *rewrite
}

func forwarding(r *routev3.Route, a *routev3.RouteAction) (action, error) {
	path, err := rewriteOf(r.GetMatch(), a.GetPrefixRewrite(), a.GetRegexRewrite())
	if err != nil {
		return nil, err
	}
	host, err := hostRewriteOf(a)
	if err != nil {
		return nil, err
	}
	f := forward{host: host, path: path}
	if f.clusters, err = clustersOf(a); err != nil {
		return nil, err
	}
	return f.outcome, nil
}

func clustersOf(a *routev3.RouteAction) ([]cluster, error) {
	if a.GetWeightedClusters() == nil {
		return []cluster{{name: a.GetCluster()}}, nil
	}
	var out []cluster
	for _, w := range a.GetWeightedClusters().GetClusters() {
		request, err := operationsOf(w.GetRequestHeadersToAdd(), w.GetRequestHeadersToRemove())
		if err != nil {
			return nil, err
		}
		if w.GetWeight().GetValue() > 0 { // one of weight 0 is never chosen
			out = append(out, cluster{w.GetName(), w.GetWeight().GetValue(), request, w.GetHostRewriteLiteral()})
		}
	}
	return out, nil
}

func (f forward) outcome(e *entry, s *traffic.Stream) Outcome {
	var out Outcome
	for _, c := range f.clusters {
		b, notKnown := f.backend(e, s, c)
		out.Backends = append(out.Backends, b)
		for _, n := range notKnown {
			if !slices.Contains(out.NotKnown, n) {
				out.NotKnown = append(out.NotKnown, n)
			}
		}
	}
	return out
}

// backend is what a cluster sees, in the order in which Envoy does things: headers for the cluster, its
// host, headers of route, virtual host and configuration, the host, the path.
func (f forward) backend(e *entry, s *traffic.Stream, c cluster) (Backend, []string) {
	headers := s.Headers.Copy()
	read := reading{s, &headers, e}
	notKnown := c.request.apply(&headers, read)
	if c.authority != "" {
		headers.Set(":authority", c.authority)
	}
	for _, o := range e.request {
		notKnown = append(notKnown, o.apply(&headers, read)...)
	}
	notKnown = append(notKnown, f.host.apply(&headers)...)
	if f.path != nil {
		notKnown = append(notKnown, f.path.apply(&headers)...)
	}
	out := Backend{Cluster: c.name, Weight: c.weight, Headers: headers}
	out.Authority, _ = headers.First(":authority")
	out.Path, _ = headers.First(":path")
	return out, notKnown
}

// hostRewrite says which host a backend is asked for.
type hostRewrite struct {
	literal, header string
	path            *substitution
	// tells says that the backend is told in x-forwarded-host what the client asked for.
	tells bool
}

func hostRewriteOf(a *routev3.RouteAction) (hostRewrite, error) {
	out := hostRewrite{literal: a.GetHostRewriteLiteral(), header: lower(a.GetHostRewriteHeader()), tells: a.GetAppendXForwardedHost()}
	var err error
	if m := a.GetHostRewritePathRegex(); m != nil {
		out.path, err = substitutionOf(m)
	}
	return out, err
}

// apply rewrites the host in the headers. What it returns is not known afterwards, and taken out.
func (r hostRewrite) apply(headers *traffic.Headers) []string {
	to, notKnown := r.host(headers)
	switch {
	case notKnown != "":
		headers.Remove(func(name string) bool { return name == ":authority" })
		if r.tells {
			headers.Hide("x-forwarded-host")
		}
		return []string{notKnown}
	case to == "":
		return nil
	}
	out := r.tell(headers)
	headers.Set(":authority", to)
	return out
}

// host is the one that the backend is asked for, empty where that is the client's, or what is not known of it.
func (r hostRewrite) host(headers *traffic.Headers) (to, notKnown string) {
	switch {
	case r.literal != "":
		return r.literal, ""
	case r.header != "":
		value, known := headers.First(r.header)
		if !known && headers.Unsaid(r.header) {
			return "", "the host, which is that of the header " + r.header
		}
		return value, ""
	case r.path != nil:
		path, _ := headers.First(":path")
		if host, ok := r.path.replace(matchers.PathOnly(path)); ok {
			return host, ""
		}
		return "", "the host, which is made of the path"
	default:
		return "", ""
	}
}

// tell adds the host that is replaced to x-forwarded-host, unless it stands there last.
func (r hostRewrite) tell(headers *traffic.Headers) []string {
	asked, _ := headers.First(":authority")
	if !r.tells || asked == "" {
		return nil
	}
	values, known := headers.Values("x-forwarded-host")
	if !known {
		return []string{"header x-forwarded-host"}
	}
	told := strings.Join(values, ",")
	hosts := slices.DeleteFunc(strings.Split(told, ","), func(h string) bool { return strings.TrimSpace(h) == "" })
	if len(hosts) > 0 && hosts[len(hosts)-1] == asked {
		return nil
	}
	if told != "" {
		asked = told + "," + asked
	}
	headers.Set("x-forwarded-host", asked)
	return nil
}
