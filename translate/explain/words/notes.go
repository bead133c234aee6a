package words

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portreeve/portreeve/translate/explain"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// Scene is what notes are made of.
type Scene struct {
	Request     explain.Request
	Answer      explain.Answer
	Authorizers []Authorizer
}

// Notes say what people who ask why most often do not know, where it has a part in this answer.
func Notes(s Scene) []string {
	return slices.Concat(s.closed(), s.tokens(), s.rules(), s.renamed(), s.dryRuns(), s.authorizers(), s.addresses(), s.ports())
}

// of returns the reasons of a kind.
func (s Scene) of(kind traffic.Kind) []explain.Reason {
	var out []explain.Reason
	for _, r := range s.Answer.Reasons {
		if r.Kind == kind {
			out = append(out, r)
		}
	}
	return out
}

func anyHolds(all []explain.Reason) bool {
	return slices.ContainsFunc(all, func(r explain.Reason) bool { return r.Matched.Holds() })
}

func allFail(all []explain.Reason) bool {
	return !slices.ContainsFunc(all, func(r explain.Reason) bool { return !r.Matched.Fails() })
}

// deniedBy reports whether the details of the refusal begin so.
func (s Scene) deniedBy(prefix string) bool {
	return s.Answer.Verdict == explain.Denied && strings.HasPrefix(s.Answer.Details, prefix)
}

// closed says why no server takes the connection.
func (s Scene) closed() []string {
	m, known := Details(s.Answer.Details)
	if s.Answer.Verdict != explain.Closed || !known {
		return nil
	}
	return []string{strings.TrimSuffix(m.Says+"; "+m.WayOut, "; ")}
}

func (s Scene) tokens() []string {
	providers := s.of(traffic.Verifies)
	if len(providers) == 0 {
		return nil
	}
	var out []string
	if len(providers) > 1 {
		out = append(out, fmt.Sprintf("%d token rules add up here, whatever policy they stand in: %s", len(providers), names(providers)))
	}
	switch {
	case s.Answer.Verdict == explain.Allowed && allFail(providers):
		out = append(out, "no token was verified, and nothing asks this request for one: RequestAuthentication alone lets requests without a token pass; an AuthorizationPolicy with requestPrincipals, or presence: REQUIRED, asks for one")
	case s.deniedBy(ruleDetails) && allFail(providers) && s.preflight():
		out = append(out, "browsers send a preflight without a token; let it pass: notMethods: [OPTIONS] in the DENY rule, or an ALLOW rule with methods: [OPTIONS]")
	case s.deniedBy(ruleDetails) && allFail(providers):
		out = append(out, "without a token jwt_authn lets the request pass; the 403 is that of an AuthorizationPolicy. presence: REQUIRED answers 401 in its place")
	case s.deniedBy(tokenDetails):
		out = append(out, s.refusedToken(providers)...)
	case s.Answer.Verdict == explain.Allowed && anyHolds(providers) && s.lostToken():
		out = append(out, "the backend does not see the Authorization header: it is taken away once its token is verified (forwardOriginalToken: true keeps it)")
	}
	return out
}

// preflight reports a request by which a browser asks whether it may send another.
func (s Scene) preflight() bool {
	asks := func(h traffic.Header) bool { return strings.EqualFold(h.Name, "access-control-request-method") }
	return s.Request.Method == "OPTIONS" && slices.ContainsFunc(s.Request.Headers, asks)
}

// refusedToken says what a refusal of a token means.
func (s Scene) refusedToken(providers []explain.Reason) []string {
	var out []string
	if m, ok := Details(s.Answer.Details); ok {
		out = append(out, strings.TrimSuffix(m.Says+"; "+m.WayOut, "; "))
	}
	if strings.Contains(s.Answer.Details, "issuer_is_not_configured") || strings.Contains(s.Answer.Details, "not_in_the_form") {
		out = append(out, "tokens in their places are claimed by "+names(providers)+" on every path, public ones too")
	}
	return out
}

// lostToken reports whether the client sent an Authorization header that the backend does not get.
func (s Scene) lostToken() bool {
	is := func(h traffic.Header) bool { return strings.EqualFold(h.Name, "authorization") }
	return s.Answer.Destination != nil && slices.ContainsFunc(s.Request.Headers, is) && !slices.ContainsFunc(s.Answer.Destination.Headers, is)
}

func (s Scene) rules() []string {
	allows := s.of(traffic.Allows)
	switch {
	case s.deniedBy(ruleDetails + formRules):
		m, _ := Details(s.Answer.Details)
		return []string{strings.TrimSuffix(m.Says+"; "+m.WayOut, "; ")}
	case s.deniedBy(ruleDetails+"none]") && len(allows) > 0:
		return []string{"everything that no rule allows is refused here because an ALLOW policy applies: " + policyNames(allows)}
	case s.deniedBy(ruleDetails) && anyHolds(allows) && s.decidedBy(traffic.Denies):
		return []string{"an ALLOW policy takes the request too; DENY comes first, and ALLOW is no exception from it"}
	default:
		return nil
	}
}

// renamed says that the log has the name of another rule than the first that refuses the request.
func (s Scene) renamed() []string {
	logged, ok := strings.CutPrefix(s.Answer.Details, ruleDetails)
	if !ok || !s.decidedBy(traffic.Denies) || logged == s.Answer.Reasons[s.Answer.Decisive].Rule+"]" {
		return nil
	}
	return []string{"the log names " + strings.TrimSuffix(logged, "]") + ": several rules refuse this request, and a gateway with many rules reports the one that it comes upon first"}
}

func (s Scene) decidedBy(kind traffic.Kind) bool {
	d := s.Answer.Decisive
	return d >= 0 && d < len(s.Answer.Reasons) && s.Answer.Reasons[d].Kind == kind
}

func (s Scene) dryRuns() []string {
	var out []string
	for _, r := range s.of(traffic.WouldDeny) {
		if !r.Matched.Fails() {
			out = append(out, "dry run: "+nameOf(r)+" would deny this request"+ifOpen(r))
		}
	}
	allows := s.of(traffic.WouldAllow)
	switch {
	case len(allows) == 0:
	case allFail(allows):
		out = append(out, "dry run: no rule of "+policyNames(allows)+" would allow this request, so it would be denied")
	case anyHolds(allows):
		out = append(out, "dry run: a rule of "+policyNames(allows)+" would allow this request")
	}
	return out
}

func ifOpen(r explain.Reason) string {
	if r.Matched.Open() {
		return ", if " + r.If
	}
	return ""
}

func (s Scene) authorizers() []string {
	var out []string
	for _, r := range s.of(traffic.Answers) {
		for _, a := range s.Authorizers {
			if a.Filter == r.Filter {
				out = append(out, a.text(nameOf(r)))
			}
		}
	}
	return out
}

// addresses says which address each kind of rule sees, where a rule looks at one.
func (s Scene) addresses() []string {
	if !s.looks(" IP ") || s.Answer.Client == nil {
		return nil
	}
	return []string{fmt.Sprintf("ipBlocks and source.ip see %s, the connection's other end; remoteIpBlocks and remote.ip see %s", known(s.Answer.Client.Direct), known(s.Answer.Client.Remote))}
}

func known(address string) string {
	if address == "" {
		return "an address that is not known (--client-ip)"
	}
	return address
}

func (s Scene) ports() []string {
	if !s.looks("port") {
		return nil
	}
	return []string{fmt.Sprintf("ports and destination.port see the port of the listener, %d here, and not the one of the backend", s.Request.Port)}
}

// looks reports whether a rule did not match, or may not, by such a condition.
func (s Scene) looks(word string) bool {
	return slices.ContainsFunc(s.Answer.Reasons, func(r explain.Reason) bool { return strings.Contains(r.Wants, word) })
}

// maxNames bounds how many rules or policies a note names.
const maxNames = 5

func names(all []explain.Reason) string {
	var out []string
	for _, r := range all {
		at := ""
		if r.At != nil {
			at = " (" + r.At.String() + ")"
		}
		out = append(out, nameOf(r)+at)
	}
	return listed(out)
}

// policyNames are the policies of rules, each once, with the place of the first rule.
func policyNames(all []explain.Reason) string {
	var out []string
	seen := map[string]bool{}
	for _, r := range all {
		policy, _, _ := strings.Cut(r.Rule, "-rule[")
		if seen[policy] {
			continue
		}
		seen[policy] = true
		if r.At != nil {
			policy += " (" + r.At.String() + ")"
		}
		out = append(out, policy)
	}
	return listed(out)
}

func listed(all []string) string {
	if more := len(all) - maxNames; more > 0 {
		return strings.Join(all[:maxNames], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(all, ", ")
}
