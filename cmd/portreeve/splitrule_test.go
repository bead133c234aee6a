package main

import (
	"bytes"
	"strings"
	"testing"
)

// TestAnIgnoreCommentAboveASplitRuleIsCounted holds that the comment by which PR0424 is ignored is not itself the comment
// that makes it go away: else it would be about nothing, and one without a reason would do.
func TestAnIgnoreCommentAboveASplitRuleIsCounted(t *testing.T) {
	const policy = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: istio-system}\n" +
		"spec:\n  rules:\n  - from: [{source: {ipBlocks: [10.0.0.0/8]}}]\n"
	const second = "  - to: [{operation: {methods: [GET]}}]\n"
	for name, c := range map[string]struct {
		comment, want string
		code          int
	}{
		"a reason":       {"  # portreeve:ignore PR0424 because either is enough\n", "0 warnings, 1 ignored by comments", exitClean},
		"no reason":      {"  # portreeve:ignore PR0424\n", ":8:5: warning PR0424: ", exitFindings},
		"words":          {"  # Either is enough.\n", "0 warnings\n", exitClean},
		"words and both": {"  # Either is enough.\n  # portreeve:ignore PR0424 because either is enough\n", "warning PR0114: ", exitFindings},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newPolicyDir(t, map[string]string{"policy.yaml": policy + c.comment + second})
			var out bytes.Buffer
			if code := run(t.Context(), []string{"validate", "--fail-on", "warning", dir}, &out, &out); code != c.code || !strings.Contains(out.String(), c.want) {
				t.Errorf("exit %d, want %d and %q:\n%s", code, c.code, c.want, out.String())
			}
		})
	}
}
