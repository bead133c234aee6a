package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/authority"
	"github.com/portreeve/portreeve/translate/resource"
)

// caGateway is the verb that gives a gateway a certificate.
type caGateway struct {
	*caFlags
	validFlags
	targetFlags
	gatewayFlags
}

func caIssueGateway(flags *caFlags) *cobra.Command {
	v := caGateway{caFlags: flags}
	c := &cobra.Command{
		Use:   "gateway NAME",
		Short: "Make a gateway's certificate, and map it to its namespace and labels",
		Long: "Make a certificate for a gateway, with the SPIFFE ID spiffe://TRUST-DOMAIN/ns/NAMESPACE/gateway/NAME, and write into gateways.yaml that it may be exactly " +
			"what the flags say; without --labels what stands there already stays. Where it has one with more than a third of its time left nothing is changed.",
		Example: `  portreeve ca issue gateway edge-1
  portreeve ca issue gateway edge-2 --namespace edge --labels app=edge --days 30`,
		Args: theGateway,
		RunE: v.run,
	}
	v.validFlags.register(c)
	v.targetFlags.register(c, "gateways/NAMESPACE/NAME")
	v.gatewayFlags.register(c)
	return c
}

// theGateway is what the verb is told.
func theGateway(_ *cobra.Command, args []string) error {
	if len(args) != 1 {
		return errors.New("name the gateway, such as edge-1: portreeve ca issue gateway edge-1")
	}
	if !resource.IsName(args[0]) {
		return fmt.Errorf("%.100q is not the name of a gateway: want %s", args[0], resource.NameForm)
	}
	return nil
}

func (v *caGateway) run(c *cobra.Command, args []string) error {
	options, err := v.options()
	if err != nil {
		return err
	}
	target, err := v.target()
	if err != nil {
		return err
	}
	return v.with(c, options, func(a *authority.Authority) error {
		g := authority.Gateway{Namespace: v.namespace, Name: args[0], Labels: v.labels}
		if !c.Flags().Changed("labels") {
			// A certificate that is made anew must not give the gateway other labels, and so other keys.
			mapped, err := a.Maps(g)
			if err != nil {
				return err
			}
			if mapped {
				g.Labels = nil
			}
		}
		i, err := a.IssueGateway(g, target)
		if err != nil {
			return err
		}
		w := c.OutOrStdout()
		sayIssued(w, i)
		verb := "unchanged:"
		if i.Mapped {
			verb = "mapped"
		}
		fmt.Fprintf(w, "%s %s to namespace %s with labels %s in %s\n", verb, i.Names[0], i.MappedTo.Namespace, labelsText(i.MappedTo.Labels), v.path("gateways.yaml"))
		fmt.Fprintf(w, "next, where the gateway runs (--xds-address where the control plane is on another machine):\n  %s > envoy.yaml\n",
			commandLine("portreeve", "bootstrap", "--tls-dir", i.Dir, "--name", args[0], "--namespace", i.MappedTo.Namespace, "--labels", labelsText(i.MappedTo.Labels)))
		return nil
	})
}

// caServer is the verb that gives a control plane a certificate.
type caServer struct {
	*caFlags
	validFlags
	targetFlags
	names []string
}

func caIssueServer(flags *caFlags) *cobra.Command {
	v := caServer{caFlags: flags}
	c := &cobra.Command{
		Use:   "server --san NAME",
		Short: "Make a control plane's certificate",
		Long:  "Make a certificate for a control plane. Where it has one for just these names, with more than a third of its time left, nothing is changed.",
		Example: `  portreeve ca issue server --san plane.example
  portreeve ca issue server --san plane-2.example,10.0.0.7 --out plane-2`,
		Args: cobra.NoArgs,
		RunE: v.run,
	}
	v.validFlags.register(c)
	v.targetFlags.register(c, "server")
	c.Flags().StringSliceVar(&v.names, "san", nil, "DNS names and IP addresses by which gateways reach it, beside localhost, 127.0.0.1 and ::1.")
	takes(c, "san", parsed("NAME,...", authority.CheckServerName))
	return c
}

func (v *caServer) run(c *cobra.Command, _ []string) error {
	if len(v.names) == 0 {
		return errors.New("--san names the control plane as gateways reach it: a DNS name or an IP address")
	}
	options, err := v.options()
	if err != nil {
		return err
	}
	target, err := v.target()
	if err != nil {
		return err
	}
	return v.with(c, options, func(a *authority.Authority) error {
		i, err := a.IssueServer(slices.Concat(authority.LocalNames(), v.names), target)
		if err != nil {
			return err
		}
		sayIssued(c.OutOrStdout(), i)
		if v.out == "" {
			v.sayServe(c.OutOrStdout(), a)
		}
		return nil
	})
}
