package traffic

import "strings"

// Finding is what one rule, one provider of tokens, one route or one authorizer made of a request. All that
// were looked at leave one, those that decide and those that do not.
type Finding struct {
	// Filter is the name of the filter (envoy.filters.http.rbac.deny), Rule that of the rule in it: the key
	// of an RBAC policy, of a provider, the name of a route.
	Filter string `json:"filter"`
	Rule   string `json:"rule,omitempty"`
	Kind   Kind   `json:"kind"`
	// Matched says whether the rule matched; of a provider, whether it verified a token.
	Matched Condition `json:"-"`
	// Clause leads to the first condition of the rule that fails, or of one that may match to the first that
	// is not known to hold, as a path in its message: Permissions[0].AndRules.Rules[1],
	// Principals[0].AndIds.Ids[0].OrIds.Ids[2]. Of alternatives it follows the one of which most held; where
	// all ask for one thing, it leads to them together. It is empty where the rule matched.
	Clause string `json:"clause,omitempty"`
	// Wants says what that condition asks, as a person reads it: `path is one of /a, /b*`.
	Wants string `json:"wants,omitempty"`
	// Saw says what was there instead: `/c`, `claim groups is a boolean; only text and lists of text match`.
	Saw string `json:"saw,omitempty"`
	// Refuses says of a provider that a token of its own was there and is not valid.
	Refuses bool `json:"-"`
}

// NearMiss reports a rule that is about what was asked for, and failed by who asked: it is what most people
// who ask why look for. A rule's permissions are judged before its principals.
func (f Finding) NearMiss() bool {
	return f.Matched.Fails() && strings.HasPrefix(f.Clause, "Principals")
}

// Kind says what a rule does where it matches.
type Kind string

const (
	// Denies and Allows are the rules of filters that enforce.
	Denies Kind = "denies"
	Allows Kind = "allows"
	// WouldDeny, WouldAllow: dry run. Audits: action AUDIT.
	WouldDeny  Kind = "would deny"
	WouldAllow Kind = "would allow"
	Audits     Kind = "audits"
	// Asks are the rules by which an authorizer is asked; Answers is what it is taken to answer.
	Asks    Kind = "asks"
	Answers Kind = "answers"
	// Verifies are providers of tokens.
	Verifies Kind = "verifies"
	// Routes are routes that were looked at.
	Routes Kind = "routes"
)
