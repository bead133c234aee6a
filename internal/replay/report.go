package replay

// Report is what a replay found.
type Report struct {
	// Lines are all of the log; Requests those about which both configurations were asked, connections
	// whose requests nobody reads among them.
	Lines    int `json:"lines"`
	Requests int `json:"requests"`
	// Each request is one of these three. Depends are those of which it cannot be told, because the log
	// lacks what decides.
	Unchanged int `json:"unchanged"`
	Changed   int `json:"changed"`
	Depends   int `json:"depends"`
	// Changes are the changed requests by what decides, the most frequent first. What more there are than
	// the report has room for is in MoreChanges.
	Changes     []Change `json:"changes"`
	MoreChanges int      `json:"moreChanges,omitempty"`
	// DependsOn is on what answers depend, and of how many requests.
	DependsOn []Fact `json:"dependsOn"`
	// Skipped are lines without a request that could be asked about, by why.
	Skipped []Fact `json:"skipped,omitempty"`
	// Broken are lines that could not be read.
	Broken Broken `json:"broken"`
	// Unlike are requests whose logged answer is not the one that the old configuration gives: the log is
	// of another one, or what it lacks decided.
	Unlike Unlike `json:"unlike"`
}

// Rule is what decides about a request.
type Rule struct {
	// Name is the key of an RBAC rule, the name of a provider or a route, or Envoy's response code details.
	Name   string `json:"name"`
	Filter string `json:"filter,omitempty"`
	// At is where it is written, empty where nobody wrote it.
	At string `json:"at,omitempty"`
}

// Change is how many requests get one answer in place of another by the same rules.
type Change struct {
	// From and To are the answers: `allowed`, `denied 403`.
	From string `json:"from"`
	To   string `json:"to"`
	// Was and Is are the rules that decide, before and after.
	Was   Rule `json:"was"`
	Is    Rule `json:"is"`
	Count int  `json:"count"`
	// Rate is the share of all requests.
	Rate float64 `json:"rate"`
	// Examples are the first few.
	Examples []Example `json:"examples"`
}

// Example is a line.
type Example struct {
	Line      int    `json:"line"`
	Method    string `json:"method,omitempty"`
	Authority string `json:"authority,omitempty"`
	// Path is without its query.
	Path string `json:"path,omitempty"`
}

// Fact is how many requests something is true of.
type Fact struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// Broken are lines that could not be read.
type Broken struct {
	Count    int          `json:"count"`
	Examples []BrokenLine `json:"examples,omitempty"`
}

// BrokenLine says why a line could not be read. The line itself is not shown: it can hold a secret.
type BrokenLine struct {
	Line int    `json:"line"`
	Why  string `json:"why"`
}

// Unlike are requests whose logged answer is not the one that the old configuration gives.
type Unlike struct {
	Count    int       `json:"count"`
	Examples []Example `json:"examples,omitempty"`
}

// Outcome is what was found of one request.
type Outcome struct {
	Line   int    `json:"line"`
	Result Result `json:"result"`
	// From and To are the answers, as in a Change; `depends` where that is not known.
	From string `json:"from"`
	To   string `json:"to"`
	// DependsOn are the facts by which the result is not known.
	DependsOn []string `json:"dependsOn,omitempty"`
}

// Result says whether a request would get another answer.
type Result string

const (
	Unchanged Result = "unchanged"
	Changed   Result = "changed"
	Depends   Result = "depends"
)
