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

func page(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	b.WriteString(`# Findings

<!-- Generated from translate/diag/codetable.go: go test ./translate/diag -run Documentation -update -->

` + "`portreeve validate`" + ` prints a finding as ` + "`file:line:col: severity CODE: message (what to do)`" + `; on a terminal the line
of the file follows with a mark under the place. An error keeps the new policy from every gateway that it can
reach; those keep what they have. A warning keeps nothing: the policy has a meaning, but mostly another was meant.
` + "`portreeve validate --list-codes`" + ` prints this table, ` + "`-o json` or `-o yaml`" + ` for programs. Codes never change their meaning.
`)
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
