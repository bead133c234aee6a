package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/findings"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// validation is what validate is told beside the files.
type validation struct {
	compileFlags
	gatewayFlags
	formatFlag
	rulesFlags
	listCodes, lenient bool
	secrets            string
}

// Where the credentials are that are not in the files, as --secrets says it.
const (
	secretsHere      = "here"
	secretsElsewhere = "elsewhere"
)

func validateCommand() *cobra.Command {
	var v validation
	c := &cobra.Command{
		Use:   "validate PATH...",
		Short: "Check policy files",
		Long: "Check policy files and directories, or with - what stands on stdin, as serve would. Findings are printed as file:line:col: severity CODE: message, errors first; on a terminal the line of the file follows. " +
			"The exit code is 1 when one of them is an error, or with --fail-on warning when there is any. A warning is left out by --off, or one by a comment, # portreeve:ignore CODE because REASON. What the files become is held against the rules of Envoy's API for every gateway that they speak of, " +
			"by the selectors of Gateways and policies, the namespaces of the files, and GatewayIdentity objects. With --namespace or --labels it is that gateway instead, which need not be in the files, " +
			"and policies are held against it too. --list-codes explains every code instead.",
		Example: `  portreeve validate policy
  portreeve validate policy --mesh-config mesh.yaml --gateways gateways.yaml -o json
  portreeve validate policy --fail-on warning -o sarif > findings.sarif
  portreeve validate --list-codes`,
		Args:              v.args,
		ValidArgsFunction: byEnding(policyEndings()...),
		RunE:              v.run,
	}
	f := c.Flags()
	f.BoolVar(&v.listCodes, "list-codes", false, "List the codes of all findings, with what would be accepted.")
	f.BoolVar(&v.lenient, "lenient", false, "Leave files of a directory out, with a note, that are no manifests at all, such as values.yaml, Chart.yaml and docker-compose.yaml; serve never does.")
	f.StringVar(&v.secrets, "secrets", secretsHere, "Where credentials are that Gateways and DestinationRules name: in the files, or elsewhere, so that one which is not in the files is a note and no error; serve needs them all.")
	takes(c, "secrets", oneOf(secretsHere, secretsElsewhere))
	v.compileFlags.register(c)
	v.gatewayFlags.register(c)
	v.rulesFlags.register(c)
	v.formatFlag.register(c, "text", "text", "json", "yaml", "github", "sarif", "junit")
	return c
}

func (v *validation) args(_ *cobra.Command, args []string) error {
	switch {
	case v.listCodes && len(args) > 0:
		return errors.New("--list-codes takes no PATH")
	case !v.listCodes && len(args) == 0:
		return errors.New("name a file or directory of policy, such as portreeve validate policy; or - for stdin, or --list-codes")
	}
	return nil
}

func (v *validation) run(c *cobra.Command, args []string) error {
	if v.listCodes {
		if !slices.Contains([]string{"text", "json", "yaml"}, v.format) {
			return fmt.Errorf("--list-codes has no output format %q", v.format)
		}
		return v.print(c.OutOrStdout(), diag.Codes(), printCodes)
	}
	rules, err := v.rules()
	if err != nil {
		return err
	}
	if v.lenient {
		v.notes = c.ErrOrStderr()
	}
	program, in, err := compileInputs(args, v.compileFlags, v.named(c))
	if err != nil {
		return err
	}
	found := v.noted(c.ErrOrStderr(), slices.Concat(program.Diags, v.unservable(c, program)).Sorted().ErrorsFirst())
	if identities, known := program.Identities(); known && len(identities) > 0 {
		fmt.Fprintf(c.ErrOrStderr(), "note: %d GatewayIdentity objects: serve gives nothing then to a connection that proves nothing, by a client certificate or as a mapped user on a Unix socket\n", len(identities))
	}
	return v.report(c, rules.Report(found, findings.Input{Files: in.files, Objects: program.Documents(), NotRead: in.left}))
}

// unservable returns what would be refused only when it is rendered for a gateway: for the one that
// the flags name, or else for those that the files speak of.
func (v *validation) unservable(c *cobra.Command, program *translate.Program) diag.List {
	g := v.named(c)
	if g == nil {
		progress := v.progress()
		defer progress.End()
		progress.Say("rendering what gateways get")
		return program.Unservable()
	}
	resources, refused := program.For(*g)
	opens := func(r *resource.Resource) bool { return r.Kind == resource.Gateway }
	if len(refused) == 0 && len(resources.Listeners) == 0 && slices.ContainsFunc(program.Resources, opens) {
		fmt.Fprintf(c.ErrOrStderr(), "note: no Gateway in the files selects the gateway that --namespace and --labels name: it opens no port\n")
	}
	return refused
}

// noted returns the findings without those about credentials that are elsewhere, which it notes.
func (v *validation) noted(w io.Writer, findings diag.List) diag.List {
	out := diag.List{}
	for _, d := range findings {
		if v.secrets == secretsElsewhere && d.Code == diag.CodeCredential {
			fmt.Fprintf(w, "note: %s: %s: %s; it is taken to be elsewhere (%s)\n", d.Pos, d.Code, d.Message, d.Hint)
			continue
		}
		out = append(out, d)
	}
	return out
}

// readSource returns a file that findings stand in; without it they have no excerpt.
func readSource(path string) []byte {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return content
}

// printCodes prints the table of codes in columns.
func printCodes(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "CODE\tSEVERITY\tSUMMARY\tACCEPTED")
	for _, i := range diag.Codes() {
		accepted := i.Accepted
		if accepted == "" {
			accepted = "-"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", i.Code, i.Severity, i.Summary, accepted)
	}
	return table.Flush()
}
