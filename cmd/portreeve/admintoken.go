package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/admin/role"
)

// adminToken is what the verb prints: a token that is kept nowhere, and what --admin-roles holds of it.
type adminToken struct {
	Token string         `json:"token"`
	Entry adminRoleEntry `json:"entry"`
}

// adminRoleEntry is an entry under tokens in --admin-roles.
type adminRoleEntry struct {
	Name string `json:"name"`
	Role string `json:"role"`
	Hash string `json:"hash"`
}

func adminTokenCommand() *cobra.Command {
	var format formatFlag
	var name string
	c := &cobra.Command{
		Use:   "admin-token NAME",
		Short: "Make a token for the admin interface",
		Long: "Make a bearer token for the admin interface, and print it with the entry that --admin-roles needs of it. The token is kept nowhere and cannot be had again: " +
			"keep it in a file that only its user reads, and name that with --admin-token-file.",
		Example: "  portreeve admin-token alice --role operator",
		Args:    exactly("the token's owner: portreeve admin-token alice", 1),
		RunE: func(c *cobra.Command, args []string) error {
			of, err := role.Parse(name)
			if err != nil {
				return fmt.Errorf("--role: %w", err)
			}
			made, err := role.NewToken(args[0])
			if err != nil {
				return err
			}
			out := adminToken{made.String(), adminRoleEntry{made.Name, of.String(), made.Hash}}
			return format.print(c.OutOrStdout(), out, func(w io.Writer) error {
				_, err := fmt.Fprintf(w, "token, shown this once: %s\nunder tokens in the file of --admin-roles:\n- {name: %s, role: %s, hash: \"%s\"}\n", out.Token, out.Entry.Name, out.Entry.Role, out.Entry.Hash)
				return err
			})
		},
	}
	format.register(c, "text", "text", "json", "yaml")
	c.Flags().StringVar(&name, "role", "viewer", "What the token may.")
	takes(c, "role", oneOf(role.Viewer.String(), role.Operator.String()))
	return c
}
