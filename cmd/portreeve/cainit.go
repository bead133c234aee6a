package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/authority"
)

// caInitialization is the verb that makes an authority.
type caInitialization struct {
	*caFlags
	validFlags
	options authority.InitOptions
	owner   string
}

func caInit(flags *caFlags) *cobra.Command {
	v := caInitialization{caFlags: flags}
	c := &cobra.Command{
		Use:   "init",
		Short: "Make an authority, and the certificate of a control plane",
		Long: "Make an authority for ten years, with an empty list of revoked certificates and an empty mapping, and the certificate of a control plane. " +
			"Where all of it is there nothing is changed, and a key never is.",
		Example: `  portreeve ca init
  portreeve ca init --dir edge-ca --trust-domain edge.example --server-san plane.edge.example`,
		Args: cobra.NoArgs,
		RunE: v.run,
	}
	v.validFlags.register(c)
	f := c.Flags()
	f.StringVar(&v.options.TrustDomain, "trust-domain", "", "Trust domain of the gateways' SPIFFE IDs; cluster.local where none is named.")
	f.StringSliceVar(&v.options.ServerNames, "server-san", nil, "DNS names and IP addresses by which gateways reach the control plane, beside localhost, 127.0.0.1 and ::1.")
	f.StringVar(&v.owner, "owner", "", "Whose the control plane's pair is: USER:GROUP or :GROUP. The group may read all of the folder but ca.key.")
	takes(c, "trust-domain", parsed("DOMAIN", authority.CheckTrustDomain))
	takes(c, "server-san", parsed("NAME,...", authority.CheckServerName))
	takes(c, "owner", anOwner())
	return c
}

func (v *caInitialization) run(c *cobra.Command, _ []string) error {
	options, err := v.validFlags.options()
	if err != nil {
		return err
	}
	if v.options.Owner, err = parseOwner(v.owner); err != nil {
		return err
	}
	options.Dir = v.dir
	a, made, err := authority.Init(c.Context(), options, v.options)
	if err != nil {
		return err
	}
	defer a.Close()
	w := c.OutOrStdout()
	verb := "made"
	if !made.New {
		verb = "unchanged:"
	}
	fmt.Fprintf(w, "%s the authority of the trust domain %s in %s, until %s; keep %s to yourself\n",
		verb, a.TrustDomain(), v.dir, a.NotAfter().Format(time.DateOnly), v.path("ca.key"))
	sayIssued(w, made.Server)
	fmt.Fprintf(w, "next, for each gateway:\n  %s\n", commandLine("portreeve", "ca", "issue", "gateway", "gateway", "--dir", v.dir))
	v.sayServe(w, a)
	return nil
}

// sayServe tells how the control plane is started with this authority.
func (f *caFlags) sayServe(w io.Writer, a *authority.Authority) {
	words := []string{"portreeve", "serve", "--config", "policy",
		"--xds-tls-cert", f.path("server/tls.crt"), "--xds-tls-key", f.path("server/tls.key"), "--xds-client-ca", f.path("ca.crt"),
		"--xds-client-crl", f.path("crl.pem"), "--gateways", f.path("gateways.yaml")}
	if a.TrustDomain() != "cluster.local" {
		words = append(words, "--xds-trust-domain", a.TrustDomain())
	}
	fmt.Fprintf(w, "and for the control plane, policy being your files:\n  %s\n", commandLine(words...))
}
