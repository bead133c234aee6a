package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/diag"
)

func validateCommand() *cobra.Command {
	var flags compileFlags
	var format formatFlag
	var listCodes, lenient bool
	c := &cobra.Command{
		Use:   "validate PATH...",
		Short: "Check policy files",
		Long: "Check policy files and directories as serve would. Findings are printed as file:line:col: severity CODE: message; on a terminal the line of the file follows. " +
			"The exit code is 1 when one of them is an error. --list-codes explains every code instead.",
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case listCodes && len(args) > 0:
				return errors.New("--list-codes takes no PATH")
			case !listCodes && len(args) == 0:
				return errors.New("name a file or directory, or --list-codes")
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if listCodes {
				return format.print(c.OutOrStdout(), diag.Codes(), printCodes)
			}
			if lenient {
				flags.notes = c.ErrOrStderr()
			}
			return validate(c.OutOrStdout(), args, flags, format)
		},
	}
	c.Flags().BoolVar(&listCodes, "list-codes", false, "List the codes of all findings, with what would be accepted.")
	c.Flags().BoolVar(&lenient, "lenient", false, "Leave files of a directory out, with a note, that are no manifests at all, such as values.yaml, Chart.yaml and docker-compose.yaml; serve never does.")
	flags.register(c)
	format.register(c, "text", "text", "json", "yaml")
	return c
}

// validate prints the findings about the files; errFindings says that one is an error.
func validate(w io.Writer, paths []string, flags compileFlags, format formatFlag) error {
	program, err := compile(paths, flags)
	if err != nil {
		return err
	}
	findings := append(diag.List{}, program.Diags...)
	err = format.print(w, findings, func(w io.Writer) error {
		if isTerminal(w) {
			return findings.WriteText(w, readSource)
		}
		printFindings(w, findings)
		return nil
	})
	if err == nil && findings.HasErrors() {
		return errFindings
	}
	return err
}

// isTerminal reports whether a person reads along; scripts get one line a finding.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
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
