package policytest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	portreevev1alpha1 "github.com/portreeve/portreeve/proto/portreeve/v1alpha1"
	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
	"github.com/portreeve/portreeve/translate/resource"
)

// Expectation is what has to become of a request. What is empty is not looked at.
type Expectation struct {
	Verdict explain.Verdict
	Status  uint32
	// Rule is as it is written.
	Rule          string
	Destination   string
	Body, Details string
	// Headers are what the backend sees, Absent what it does not, and Response those of the gateway's own
	// answer. Names are in lower case.
	Headers, Response map[string]string
	Absent            []string
}

func (m maker) expectation(e *portreevev1alpha1.TestExpectation) Expectation {
	out := Expectation{
		Verdict: explain.Verdict(e.GetVerdict()), Status: e.GetStatus(), Rule: e.GetRule(), Destination: e.GetDestination(),
		Body: e.GetBody(), Details: e.GetDetails(), Headers: m.headers(e.GetHeaders()), Response: m.headers(e.GetResponseHeaders()),
	}
	for _, name := range e.GetAbsentHeaders() {
		out.Absent = append(out.Absent, strings.ToLower(name))
	}
	return out
}

func (m maker) headers(headers map[string]string) map[string]string {
	out := make(map[string]string, len(headers))
	for name, value := range headers {
		out[strings.ToLower(name)] = m.filled(value)
	}
	return out
}

// faults returns in what an answer is not as expected; none where it is. An answer that depends on what
// the request does not say is never as expected.
func (e Expectation) faults(a explain.Answer, decided, namespace string, objects *Objects) []string {
	if a.Verdict == explain.Depends {
		return []string{"it depends on " + strings.Join(a.DependsOn, ", and on ")}
	}
	var out differences
	out.text("verdict", string(e.Verdict), string(a.Verdict))
	if e.Status != 0 && e.Status != a.Status {
		out.add("status", e.Status, statusText(a))
	}
	out.rule(e.Rule, a, decided, namespace, objects)
	out.text("body", e.Body, a.Body)
	out.text("details", e.Details, a.Details)
	for _, name := range slices.Sorted(maps.Keys(e.Response)) {
		out.header("header "+name+" of the answer", e.Response[name], a.Headers, name)
	}
	out.backend(e, a)
	return out
}

// differences are what was expected and what came.
type differences []string

func (d *differences) add(what string, want, got any) {
	*d = append(*d, resource.WithoutTokens(fmt.Sprintf("%s: expected %v, got %v", what, want, got)))
}

// text compares where something is expected.
func (d *differences) text(what, want, got string) {
	switch {
	case want == "" || want == got:
	case got == "":
		d.add(what, want, "none")
	default:
		d.add(what, want, got)
	}
}

func statusText(a explain.Answer) string {
	switch {
	case a.Status != 0:
		return fmt.Sprint(a.Status)
	case a.Verdict == explain.Allowed:
		return "the backend's, as it is allowed"
	default:
		return "none"
	}
}

// rule compares the rule that decides.
func (d *differences) rule(written string, a explain.Answer, decided, namespace string, objects *Objects) {
	if written == "" {
		return
	}
	want, got := readRule(written, namespace), ruleName{object: decided}
	if nothingAllows(a) {
		got = ruleName{object: noRule}
	}
	switch missing := objects.unknown(want); {
	case missing != "":
		*d = append(*d, "rule: "+missing)
	case !want.matches(got.object):
		d.add("decided by", want, shown(got.String()))
	}
}

// nothingAllows reports whether a request was refused because no rule allows it.
func nothingAllows(a explain.Answer) bool {
	return a.Verdict == explain.Denied && strings.HasPrefix(a.Details, "rbac_access_denied_matched_policy[none]")
}

func shown(rule string) string {
	if rule == "" {
		return "no rule"
	}
	return rule
}

// backend compares where a request goes, and what of it arrives there.
func (d *differences) backend(e Expectation, a explain.Answer) {
	if e.Destination == "" && len(e.Headers)+len(e.Absent) == 0 {
		return
	}
	if a.Verdict != explain.Allowed || a.Destination == nil {
		*d = append(*d, "it reaches no backend")
		return
	}
	if e.Destination != "" && !goesTo(a.Destination, e.Destination) {
		d.add("destination", e.Destination, clustersText(a.Destination))
	}
	seen := slices.Concat([]traffic.Header{{Name: ":authority", Value: a.Destination.Authority}, {Name: ":path", Value: a.Destination.Path}}, withoutPseudo(a.Destination.Headers))
	// What is not known is never as expected, also where it is expected not to be there.
	for _, name := range slices.Concat(slices.Sorted(maps.Keys(e.Headers)), e.Absent) {
		if a.Destination.Unsure(name) {
			*d = append(*d, "header "+name+" at the backend: it is not known, since not all clusters of the route see the same, or an authorizer or the gateway alone knows it")
			return
		}
	}
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		d.header("header "+name+" at the backend", e.Headers[name], seen, name)
	}
	for _, name := range e.Absent {
		if got, there := valueOf(seen, name); there {
			d.add("header "+name+" at the backend", "none", quoted(got))
		}
	}
}

// withoutPseudo leaves out those that stand in fields of their own.
func withoutPseudo(headers []traffic.Header) []traffic.Header {
	return slices.DeleteFunc(slices.Clone(headers), func(h traffic.Header) bool { return h.Name == ":authority" || h.Name == ":path" })
}

func (d *differences) header(what, want string, in []traffic.Header, name string) {
	got, there := valueOf(in, name)
	switch {
	case !there:
		d.add(what, quoted(want), "none")
	case got != want:
		d.add(what, quoted(want), quoted(got))
	}
}

// valueOf returns the value of a header; several lines are joined as a backend would.
func valueOf(headers []traffic.Header, name string) (string, bool) {
	var values []string
	for _, h := range headers {
		if h.Name == name {
			values = append(values, h.Value)
		}
	}
	return strings.Join(values, ","), len(values) > 0
}

// maxShown bounds what is shown of a value; a token is never shown.
const maxShown = 200

func quoted(value string) string {
	if strings.Count(value, ".") >= 2 && strings.Contains(value, "eyJ") {
		return "a token, or what holds one"
	}
	if len(value) > maxShown {
		value = value[:maxShown] + "…"
	}
	return fmt.Sprintf("%q", value)
}

// goesTo reports whether a destination is that of a name: a cluster, or the host of a service, with its
// port or without; of a service of Kubernetes also by its short name.
func goesTo(d *explain.Destination, name string) bool {
	return len(d.Clusters) > 0 && slices.ContainsFunc(d.Clusters, func(c explain.WeightedCluster) bool { return isCluster(c.Name, name) })
}

func isCluster(cluster, name string) bool {
	parts := strings.Split(cluster, "|") // direction|port|subset|host
	if cluster == name || len(parts) != 4 {
		return cluster == name
	}
	host, port := parts[3], parts[1]
	short, _, local := strings.Cut(host, ".svc.")
	bare, _, _ := strings.Cut(short, ".")
	for _, known := range []string{host, short, bare} {
		if (local || known == host) && (name == known || name == known+":"+port) {
			return true
		}
	}
	return false
}

func clustersText(d *explain.Destination) string {
	var names []string
	for _, c := range d.Clusters {
		names = append(names, c.Name)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " or ")
}
