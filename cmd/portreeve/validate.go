package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/diag"
)

func validateCommand() *cobra.Command {
	var flags compileFlags
	var format formatFlag
	c := &cobra.Command{
		Use:   "validate PATH...",
		Short: "Check policy files",
		Long:  "Check policy files and directories as serve would. Findings are printed as file:line:col: severity CODE: message. The exit code is 1 when one of them is an error.",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			program, err := compile(args, flags.settings())
			if err != nil {
				return err
			}
			findings := append(diag.List{}, program.Diags...)
			err = format.print(c.OutOrStdout(), findings, func(w io.Writer) error {
				printFindings(w, findings)
				return nil
			})
			if err == nil && findings.HasErrors() {
				return errFindings
			}
			return err
		},
	}
	flags.register(c)
	format.register(c, "text", "text", "json", "yaml")
	return c
}
