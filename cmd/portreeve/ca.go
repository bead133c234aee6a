package main

import (
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/authority"
)

// caFlags say which authority is meant.
type caFlags struct{ dir string }

func caCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "ca",
		Short: "Make certificates for gateways and the control plane",
		Long: "Make certificates by which gateways and the control plane prove who they are, with an authority in a folder of this machine. " +
			"Whoever can read the authority's key, ca.key, can be every gateway: it never leaves the folder. Each command says which comes next.",
		Example: `  portreeve ca init
  portreeve ca issue gateway edge-1
  portreeve ca renew`,
	}
	flags := &caFlags{}
	c.PersistentFlags().StringVar(&flags.dir, "dir", "ca", "Folder of the authority.")
	takes(c, "dir", aDirectory())
	issue := family(&cobra.Command{
		Use: "issue", Short: "Make a certificate for a gateway or a control plane", Example: "  portreeve ca issue gateway edge-1\n  portreeve ca issue server --san plane.example",
	}, caIssueGateway(flags), caIssueServer(flags))
	return family(c, caInit(flags), issue, caRenew(flags), caRevoke(flags), caList(flags))
}

// path is the path of a file of the folder.
func (f *caFlags) path(name string) string { return filepath.Join(f.dir, name) }

// with opens the authority for one action.
func (f *caFlags) with(c *cobra.Command, o authority.Options, action func(*authority.Authority) error) error {
	o.Dir = f.dir
	a, err := authority.Open(c.Context(), o)
	if err != nil {
		return err
	}
	defer a.Close()
	return action(a)
}

// mostDays is how long a certificate is valid at most.
const mostDays = 3650

// validFlags say how long a certificate is valid.
type validFlags struct {
	days  int
	valid time.Duration
}

func (f *validFlags) register(c *cobra.Command) {
	c.Flags().IntVar(&f.days, "days", int(authority.DefaultValid/(24*time.Hour)), "How many days the certificate is valid, never longer than the authority.")
	c.Flags().DurationVar(&f.valid, "valid-for", 0, "How long the certificate is valid, such as 12h, in place of --days.")
	takes(c, "days", number(1, mostDays))
	takes(c, "valid-for", duration(time.Minute))
	c.MarkFlagsMutuallyExclusive("days", "valid-for")
}

func (f *validFlags) options() (authority.Options, error) {
	valid := time.Duration(f.days) * 24 * time.Hour
	if f.valid != 0 {
		valid = f.valid
	}
	if valid > mostDays*24*time.Hour {
		return authority.Options{}, fmt.Errorf("--valid-for %s: want %d days at most", f.valid, mostDays)
	}
	return authority.Options{Valid: valid}, nil
}

// targetFlags say where a pair is put and whose it is.
type targetFlags struct{ out, owner string }

func (f *targetFlags) register(c *cobra.Command, standard string) {
	c.Flags().StringVar(&f.out, "out", "", "Directory for tls.crt, tls.key and ca.crt; by default "+standard+" in the folder of the authority.")
	c.Flags().StringVar(&f.owner, "owner", "", "Whose the files are: USER, USER:GROUP or :GROUP, names or numbers. A group that is named may read them.")
	takes(c, "out", aDirectory())
	takes(c, "owner", anOwner())
}

func (f *targetFlags) target() (authority.Target, error) {
	owner, err := parseOwner(f.owner)
	return authority.Target{Out: f.out, Owner: owner}, err
}

// anOwner is the form of whose files are.
func anOwner() form {
	return parsed("USER:GROUP", func(text string) error {
		_, err := authority.ParseOwner(text)
		return err
	})
}

// parseOwner reads an --owner that may be empty, which leaves files to who makes them.
func parseOwner(text string) (authority.Owner, error) {
	if text == "" {
		return authority.Owner{}, nil
	}
	owner, err := authority.ParseOwner(text)
	if err != nil {
		return owner, fmt.Errorf("--%w", err)
	}
	return owner, nil
}

// sayIssued tells what came of an issue.
func sayIssued(w io.Writer, i authority.Issued) {
	verb := "issued"
	if !i.New {
		verb = "unchanged:"
	}
	fmt.Fprintf(w, "%s the certificate of %s in %s, until %s\n", verb, i.Who(), i.Dir, i.NotAfter.Format(time.RFC3339))
}
