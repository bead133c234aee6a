package main

import "github.com/spf13/cobra"

func auditCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "audit",
		Example: "  portreeve audit list audit.log --since 12h\n  portreeve audit verify audit.log",
		Short:   "Read and verify the record of what happened to policy",
		Long: "Read and verify what serve wrote with --audit-log: who changed which policy, what gateways were given and when, what was refused.\n\n" +
			"FILE is the name that --audit-log has; the files that it was rotated into are found beside it.",
	}
	return family(c, auditVerifyCommand(), auditListCommand(), auditShowCommand())
}
