package main

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/output"
	"github.com/portreeve/portreeve/xds/bootstrap"
)

func bootstrapCommand() *cobra.Command {
	var who gatewayFlags
	var format formatFlag
	options := bootstrap.Options{}
	c := &cobra.Command{
		Use:   "bootstrap",
		Short: "Print an Envoy bootstrap for a gateway of this control plane",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			options.Gateway = who.gateway()
			b, err := bootstrap.New(options)
			if err != nil {
				return err
			}
			return format.print(c.OutOrStdout(), output.Proto{Message: b}, func(io.Writer) error { return nil })
		},
	}
	who.register(c)
	format.register(c, "yaml", "yaml", "json")
	c.Flags().StringVar(&options.Name, "name", "gateway", "Name of the gateway.")
	c.Flags().StringVar(&options.XDSAddress, "xds-address", "127.0.0.1:18000", "Address of the control plane.")
	c.Flags().StringVar(&options.AdminAddress, "envoy-admin-address", "127.0.0.1:19000", "Address of Envoy's admin interface.")
	return c
}
