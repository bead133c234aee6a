package policy

import (
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/envoy/match"
)

// MalformedPath is the name of the rule that refuses a path which a backend may resolve to
// another than the one that rules saw.
const MalformedPath = "malformed-path"

// malformedPaths are expressions for a whole path without its query, after Envoy has brought it
// to its form: characters that need no escape are plain there, %2f and %5c are slashes, and
// plain dot segments are resolved. What is left over, a backend resolves by itself or not at
// all. Each is below 100 instructions of RE2, which is Envoy's own limit.
func malformedPaths() []string {
	return []string{
		// A segment . or .. with parameters, /..;a=b/, also escaped once or more often. Envoy
		// resolves ..; itself where the dots were written plainly, but not %2e%2e;.
		`(?is).*/\.\.?(;|%(25)*3b).*`,
		// A segment of parameters alone before others, /;a=b/: without them it is empty, and
		// Envoy would have merged the slashes.
		`(?is).*/(;|%(25)*3b)[^/]*/.*`,
		// A dot, a slash or a backslash escaped twice or more often, and so any character that
		// needs no escape, of which nobody's encoder makes that.
		`(?is).*%(25)+(2[def]|3[0-9]|4[1-9a-f]|5[0-9acf]|6[1-9a-f]|7[0-9ae]).*`,
		// UTF-8 longer than need be, such as %c0%ae for a dot, and %u002e.
		`(?is).*%(25)*(c[01]|e0%(25)*[89]|f[08c]%(25)*8|u00).*`,
	}
}

func pathPart() requestPart {
	return requestPart{
		name: PathFilter, rule: MalformedPath, malformed: malformedPathRules,
		fields: func(o *securityv1beta1.Operation) [][]string { return [][]string{o.GetPaths(), o.GetNotPaths()} },
		header: pseudoHeader(":path"),
	}
}

func malformedPathRules() []*rbacv3.Permission {
	var out []*rbacv3.Permission
	for _, expression := range malformedPaths() {
		out = append(out, urlPath(match.Regex(expression)))
	}
	return out
}
