package resource

import (
	"strings"

	"go.yaml.in/yaml/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
)

// splitRules warns of rules that come in pairs, one with only from and behind it one with only
// to. Rules are alternatives, so each of the two matches without the other; a - too many does
// that. Other rules beside them, the other order, or a comment above the second show that
// alternatives are meant.
func (c authorizationPolicyChecker) splitRules(rules []*securityv1beta1.Rule) {
	if len(rules) == 0 || len(rules)%2 != 0 {
		return
	}
	for i := 0; i < len(rules); i += 2 {
		from, to := rules[i], rules[i+1]
		whole := len(from.GetWhen()) > 0 || len(from.GetFrom()) == 0 || len(from.GetTo()) > 0 ||
			len(to.GetWhen()) > 0 || len(to.GetTo()) == 0 || len(to.GetFrom()) > 0
		if whole || c.commented(Path{"spec", "rules", i + 1}) {
			return
		}
	}
	c.add(diag.CodeSplitRule, Path{"spec", "rules", 1}, "rules[0] has only from and rules[1] only to: a request that satisfies either of them matches").
		WithHint("write from and to in one entry of rules if both have to be satisfied; if one is enough, say so in a comment above the second")
}

// commented reports whether a comment stands above the value at a path, or above its first field.
func (c authorizationPolicyChecker) commented(path Path) bool {
	node := c.origin.Document.Root
	for _, step := range path {
		if node = child(node, step); node == nil {
			return false
		}
	}
	return explained(node) || len(node.Content) > 0 && explained(node.Content[0])
}

// explained reports whether words for a reader stand above a node. A directive, # portreeve:ignore, is none of them:
// the finding that it names has to be there for it to count.
func explained(node *yaml.Node) bool {
	for line := range strings.Lines(node.HeadComment) {
		if words := strings.TrimSpace(strings.TrimLeft(line, "# \t")); words != "" && !strings.HasPrefix(words, "portreeve:ignore") {
			return true
		}
	}
	return false
}
