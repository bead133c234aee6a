package route

import (
	"fmt"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/portreeve/portreeve/translate/explain/matchers"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// asked is a request of which all routes of a virtual host are asked.
type asked struct {
	*traffic.Stream
	// path is without query and fragment. A CONNECT request of HTTP/1 has none.
	path    string
	hasPath bool
}

func newAsked(s *traffic.Stream) *asked {
	path, ok := s.Headers.First(":path")
	return &asked{Stream: s, path: matchers.PathOnly(path), hasPath: ok}
}

// condition is one of a route's, made ready.
type condition struct {
	// clause is where it stands in the route's message, wants what it asks, as a person reads it.
	clause, wants string
	decide        func(a *asked) traffic.Condition
	// saw says what was there, where it does not hold.
	saw func(a *asked) string
}

// matches says whether the route takes the request: all conditions hold.
func (e *entry) matches(a *asked) traffic.Condition {
	out := traffic.Known(true)
	for _, c := range e.conditions {
		if out = out.And(c.decide(a)); out.Fails() {
			return out
		}
	}
	return out
}

// conditionsOf makes ready what a route asks. The path stands first: most routes are left by it.
func conditionsOf(m *routev3.RouteMatch) ([]condition, error) {
	path, err := pathCondition(m)
	if err != nil {
		return nil, fmt.Errorf("match: %w", err)
	}
	out := []condition{path}
	if f := m.GetRuntimeFraction(); f != nil {
		out = append(out, fractionCondition(f.GetDefaultValue()))
	}
	if m.GetGrpc() != nil {
		out = append(out, grpcCondition())
	}
	if c := m.GetTlsContext(); c != nil {
		out = append(out, certificateConditions(c)...)
	}
	for i, h := range m.GetHeaders() {
		ready, err := matchers.Header(h)
		if err != nil {
			return nil, fmt.Errorf("match.headers[%d]: %w", i, err)
		}
		out = append(out, fromMatcher(fmt.Sprintf("Match.Headers[%d]", i), ready))
	}
	for i, q := range m.GetQueryParameters() {
		ready, err := queryCondition(q)
		if err != nil {
			return nil, fmt.Errorf("match.query_parameters[%d]: %w", i, err)
		}
		ready.clause = fmt.Sprintf("Match.QueryParameters[%d]", i)
		out = append(out, ready)
	}
	for i, d := range m.GetDynamicMetadata() {
		ready, err := matchers.Metadata(d)
		if err != nil {
			return nil, fmt.Errorf("match.dynamic_metadata[%d]: %w", i, err)
		}
		out = append(out, fromMatcher(fmt.Sprintf("Match.DynamicMetadata[%d]", i), ready))
	}
	return out, nil
}

func fromMatcher(clause string, m matchers.Matcher) condition {
	return condition{
		clause: clause, wants: m.Wants,
		decide: func(a *asked) traffic.Condition { return m.Decide(a.Stream) },
		saw:    func(a *asked) string { return m.Saw(a.Stream) },
	}
}

// fractionCondition holds for a share of all requests. Envoy draws one number for a request, so equal shares
// take the same requests.
func fractionCondition(f *typev3.FractionalPercent) condition {
	whole := uint32(100)
	switch f.GetDenominator() {
	case typev3.FractionalPercent_TEN_THOUSAND:
		whole = 10_000
	case typev3.FractionalPercent_MILLION:
		whole = 1_000_000
	}
	wants := fmt.Sprintf("the request is one of the %d in %d that are drawn", f.GetNumerator(), whole)
	decided := traffic.DependsOn(wants)
	if f.GetNumerator() == 0 || f.GetNumerator() >= whole {
		decided = traffic.Known(f.GetNumerator() > 0)
	}
	return condition{
		clause: "Match.RuntimeFraction", wants: wants,
		decide: func(*asked) traffic.Condition { return decided },
		saw:    func(*asked) string { return "a draw that is not known" },
	}
}

// grpcCondition holds for requests of gRPC, which the type of their content shows.
func grpcCondition() condition {
	const wants = "header content-type is application/grpc, alone or with a + behind it"
	return condition{
		clause: "Match.Grpc", wants: wants,
		decide: func(a *asked) traffic.Condition {
			values, known := a.Headers.Values("content-type")
			if !known {
				return traffic.DependsOn(wants)
			}
			rest, ok := strings.CutPrefix(strings.Join(values, ","), "application/grpc")
			return traffic.Known(ok && a.hasPath && (rest == "" || rest[0] == '+'))
		},
		saw: func(*asked) string { return "content of another type" },
	}
}

// certificateConditions ask for a client's certificate. One that is shown counts as verified: others are
// not looked at.
func certificateConditions(c *routev3.RouteMatch_TlsContextMatchOptions) []condition {
	var out []condition
	if p := c.GetPresented(); p != nil {
		out = append(out, certificateCondition("Presented", p))
	}
	if v := c.GetValidated(); v != nil {
		out = append(out, certificateCondition("Validated", v))
	}
	return out
}

func certificateCondition(field string, want *wrapperspb.BoolValue) condition {
	wants, unknown := "the client has a certificate", traffic.DependsOn("the client has a certificate")
	if !want.GetValue() {
		wants, unknown = "the client has no certificate", unknown.Not()
	}
	return condition{
		clause: "Match.TlsContext." + field, wants: wants,
		decide: func(a *asked) traffic.Condition {
			if a.CertificateUnknown {
				return unknown
			}
			return traffic.Known(a.Mutual == want.GetValue())
		},
		saw: func(*asked) string { return "the opposite" },
	}
}
