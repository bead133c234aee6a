package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/authority"
)

// caRenewal is the verb that renews certificates.
type caRenewal struct {
	*caFlags
	validFlags
	selection authority.Selection
}

func caRenew(flags *caFlags) *cobra.Command {
	v := caRenewal{caFlags: flags}
	c := &cobra.Command{
		Use:   "renew [NAME]",
		Short: "Renew certificates, in their places",
		Long: "Renew the certificates that have less than a third of their time left, or those that are named, in their places and with their owners. " +
			"Envoy and the control plane take them up without a restart: run it every day. The ones of before stay valid until they end.",
		Example: `  portreeve ca renew
  portreeve ca renew edge-1 --valid-for 12h
  portreeve ca renew --server`,
		Args: cobra.MaximumNArgs(1),
		RunE: v.run,
	}
	v.validFlags.register(c)
	f := c.Flags()
	f.BoolVar(&v.selection.All, "all", false, "Renew all, whatever time they have left.")
	f.BoolVar(&v.selection.Servers, "server", false, "Renew those of control planes.")
	f.StringVar(&v.selection.Namespace, "namespace", "istio-system", "Namespace of the gateway NAME.")
	takes(c, "namespace", aNamespace())
	c.MarkFlagsMutuallyExclusive("all", "server")
	return c
}

func (v *caRenewal) run(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		v.selection.Name = args[0]
		if v.selection.All || v.selection.Servers {
			return errors.New("name a gateway, or --all, or --server")
		}
	}
	options, err := v.options()
	if err != nil {
		return err
	}
	return v.with(c, options, func(a *authority.Authority) error {
		renewed, err := a.Renew(v.selection)
		for _, i := range renewed {
			sayIssued(c.OutOrStdout(), i)
		}
		if err == nil && len(renewed) == 0 {
			fmt.Fprintln(c.OutOrStdout(), "unchanged: every certificate has more than a third of its time left")
		}
		return err
	})
}

// caRevocation is the verb that revokes certificates.
type caRevocation struct {
	*caFlags
	selection authority.Selection
}

func caRevoke(flags *caFlags) *cobra.Command {
	v := caRevocation{caFlags: flags}
	c := &cobra.Command{
		Use:   "revoke NAME | --serial HEX",
		Short: "Revoke a gateway's certificates, and take it out of the mapping",
		Long: "Revoke all valid certificates of a gateway, or the one with a serial number, in crl.pem, and take a gateway that has no other out of gateways.yaml. " +
			"A control plane with --xds-client-crl ends its streams at once.",
		Example: `  portreeve ca revoke edge-1
  portreeve ca revoke --serial 4f2a9c01`,
		Args: cobra.MaximumNArgs(1),
		RunE: v.run,
	}
	c.Flags().StringVar(&v.selection.Namespace, "namespace", "istio-system", "Namespace of the gateway NAME.")
	c.Flags().StringVar(&v.selection.Serial, "serial", "", "Serial number of a certificate, hexadecimal.")
	takes(c, "namespace", aNamespace())
	takes(c, "serial", given("HEX", nil))
	return c
}

func (v *caRevocation) run(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		v.selection.Name = args[0]
	}
	if (v.selection.Name == "") == (v.selection.Serial == "") {
		return errors.New("name a gateway, or a --serial")
	}
	return v.with(c, authority.Options{}, func(a *authority.Authority) error {
		revoked, err := a.Revoke(v.selection)
		w := c.OutOrStdout()
		for _, r := range revoked.Records {
			fmt.Fprintf(w, "revoked the certificate of %s with serial %s in %s\n", r.Who(), r.Serial, v.path("crl.pem"))
			if r.Kind == authority.KindServer {
				fmt.Fprintln(c.ErrOrStderr(), "note: gateways read no list of revoked certificates: whoever has the server's key can be the control plane to them until it ends")
			}
		}
		for _, id := range revoked.Unmapped {
			fmt.Fprintf(w, "took %s out of %s\n", id, v.path("gateways.yaml"))
		}
		return err
	})
}
