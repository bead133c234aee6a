package main

import "github.com/spf13/cobra"

func auditCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Read and verify the record of what happened to policy",
		Long: "Read and verify what serve wrote with --audit-log: who changed which policy, what gateways were given and when, what was refused.\n\n" +
			"FILE is the name that --audit-log has; the files that it was rotated into are found beside it.",
		Args: cobra.NoArgs,
	}
	c.AddCommand(auditVerifyCommand(), auditListCommand(), auditShowCommand())
	return c
}
