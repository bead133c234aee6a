package diag_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate/diag"
)

var update = flag.Bool("update", false, "rewrite docs/diagnostics.md")

// blocks are the first four characters of codes, in order, and what the codes are about.
var blocks = [][2]string{
	{"PR01", "Files and YAML"},
	{"PR02", "Every object"},
	{"PR03", "RequestAuthentication"},
	{"PR04", "AuthorizationPolicy"},
	{"PR05", "Gateway"},
	{"PR06", "VirtualService"},
	{"PR07", "ServiceEntry, WorkloadEntry, and Kubernetes Service"},
	{"PR08", "JWTPolicy"},
	{"PR09", "Objects together"},
	{"PR10", "Mesh configuration"},
	{"PR11", "Certificates"},
	{"PR12", "DestinationRule"},
	{"PR13", "Access logs"},
	{"PR14", "GatewayIdentity"},
	{"PR15", "PolicyTest"},
	{"PR16", "AuditAlert"},
}

// TestDocumentation holds docs/diagnostics.md to the table of codes.
func TestDocumentation(t *testing.T) {
	const path = "../../docs/diagnostics.md"
	got := page(t)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("docs/diagnostics.md is not current; run go test ./translate/diag -run Documentation -update (-want +got):\n%s", d)
	}
}

// switchingOff is the section about warnings that are known and meant.
const switchingOff = `
## Warnings that are meant

A warning that is known and meant is switched off in ` + "`validate`" + `, all of a code by ` + "`--off CODE,…`" + `, or one by a comment in the file:

    # portreeve:ignore PR0424 because both halves of the rule are meant
    - from: [{source: {ipBlocks: [10.0.0.0/8]}}]
      when: [{key: source.ip, values: [10.1.0.0/16]}]   # portreeve:ignore PR0424, PR0923 because …

| the comment stands | and is about |
|---|---|
| behind something, on its line | findings at this line |
| alone on its line | findings at the next line that is no comment; a blank line ends it |
| above all that a document holds, before or behind its ` + "`---`" + ` | findings anywhere in the document: all of the object, or all items of a ` + "`List`" + ` |

- It needs a code and, behind ` + "`because`" + `, a reason. One without, with a code that there is not, or about nothing that was found is a warning itself (PR0112, PR0114) and hides nothing.
- **An error is never hidden**: not by a comment (PR0113), not by ` + "`--off`" + `, which ends with exit code 2 then. What ` + "`--error CODE,…`" + ` makes an error is one here too.
- ` + "`serve`, `render`, `explain`, `test`" + ` and the admin pages do not look at such comments: what they say, and what gateways get, is the same with and without. PR0112 to PR0114 are of ` + "`validate`" + ` alone.
- A text in quotes or in a block (` + "`|`" + `) is no comment, whatever it says. In a document that cannot be read there are no comments, nor in JSON; where lines end other than with a line feed a comment is about nothing.
- The closing line counts what is left out (` + "`1 ignored by comments, 2 off`" + `), and SARIF has it with its reason. 1,000 comments a file count.

[ci.md](ci.md) has the rest of what CI needs.
`

func page(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(`# Findings

<!-- Generated from translate/diag/codetable.go: go test ./translate/diag -run Documentation -update -->

` + "`portreeve validate`" + ` prints a finding as ` + "`file:line:col: severity CODE: message (what to do)`" + `; on a terminal the line
of the file follows with a mark under the place. An error keeps the new policy from every gateway that it can
reach; those keep what they have. A warning keeps nothing: the policy has a meaning, but mostly another was meant.
` + "`portreeve validate --list-codes`" + ` prints this table, ` + "`-o json` or `-o yaml`" + ` for programs. Codes never change their meaning.
` + switchingOff)
	listed := 0
	for _, block := range blocks {
		fmt.Fprintf(&b, "\n## %s: %s\n\n| Code | Severity | What is wrong | What is accepted |\n|---|---|---|---|\n", block[0]+"xx", block[1])
		for _, i := range diag.Codes() {
			if strings.HasPrefix(string(i.Code), block[0]) {
				listed++
				fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", i.Code, i.Severity, cell(i.Summary), cell(i.Accepted))
			}
		}
	}
	if listed != len(diag.Codes()) {
		t.Errorf("%d of %d codes stand in a block: name the new block in this test", listed, len(diag.Codes()))
	}
	return b.String()
}

// cell keeps a text from ending its cell or being read as markup.
func cell(s string) string { return strings.NewReplacer("|", `\|`, "*", `\*`, "<", `\<`).Replace(s) }
