package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/authority"
)

func caList(flags *caFlags) *cobra.Command {
	var format formatFlag
	c := &cobra.Command{
		Use:   "list",
		Short: "List the certificates that were issued",
		Example: `  portreeve ca list
  portreeve ca list -o json | jq '.certificates[] | select(.daysLeft < 14)'`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			listing, err := authority.List(authority.Options{Dir: flags.dir})
			if err != nil {
				return err
			}
			return format.print(c.OutOrStdout(), listing, func(w io.Writer) error { return printListing(w, listing) })
		},
	}
	format.register(c, "text", "text", "json", "yaml")
	return c
}

func printListing(w io.Writer, l authority.Listing) error {
	fmt.Fprintf(w, "authority of the trust domain %s, until %s (%d days left)\n", l.TrustDomain, l.NotAfter.Format(time.DateOnly), l.DaysLeft)
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "STATE\tDAYS LEFT\tENDS\tSERIAL\tOF\tPLACE")
	for _, c := range l.Certificates {
		fmt.Fprintf(table, "%s\t%d\t%s\t%s\t%s\t%s\n", c.State, c.DaysLeft, c.NotAfter.Format(time.RFC3339), c.Serial, c.Who(), c.Place)
	}
	return table.Flush()
}
