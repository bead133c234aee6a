package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/output"
	"github.com/portreeve/portreeve/xds/bootstrap"
)

// bootstrapping is the verb that prints a bootstrap.
type bootstrapping struct {
	gatewayFlags
	formatFlag
	options            bootstrap.Options
	tlsDir, serverName string
}

func bootstrapCommand() *cobra.Command {
	var b bootstrapping
	c := &cobra.Command{
		Use:   "bootstrap",
		Short: "Print an Envoy bootstrap for a gateway of this control plane",
		Long: "Print an Envoy bootstrap for a gateway of this control plane. With --tls-dir gateway and control plane prove who they are by certificates, " +
			"and two files are written beside them by which Envoy takes up renewed ones without a restart; `portreeve ca issue gateway` makes such a directory.",
		Example: `  portreeve bootstrap > envoy.yaml
  portreeve bootstrap --name edge-1 --tls-dir ca/gateways/istio-system/edge-1 --xds-address plane.example:18000 > envoy.yaml
  portreeve bootstrap --xds-address unix:///run/portreeve/xds.sock --namespace edge --labels app=edge > envoy.yaml`,
		Args: cobra.NoArgs,
		RunE: b.run,
	}
	b.gatewayFlags.register(c)
	b.formatFlag.register(c, "yaml", "yaml", "json")
	f := c.Flags()
	f.StringVar(&b.options.Name, "name", "gateway", "Name of the gateway.")
	f.StringArrayVar(&b.options.XDSAddresses, "xds-address", []string{"127.0.0.1:18000"}, "Address of the control plane: host:port, or unix:///path for a Unix socket of this machine; "+
		"may be given several times, once for each replica: the gateway is connected to one, and goes to the next when that is gone.")
	f.StringVar(&b.options.AdminAddress, "envoy-admin-address", "127.0.0.1:19000", "Address of Envoy's admin interface.")
	f.StringVar(&b.tlsDir, "tls-dir", "", "Directory with the gateway's tls.crt and tls.key, and with ca.crt, for mutual TLS with the control plane.")
	f.StringVar(&b.serverName, "xds-server-name", "", "DNS name or IP address that the certificate of every control plane must have; by default of each the host of its --xds-address.")
	takes(c, "name", aName())
	takes(c, "xds-address", aPlaneAddress(1))
	takes(c, "envoy-admin-address", anAddress(0))
	takes(c, "tls-dir", aDirectory())
	takes(c, "xds-server-name", given("NAME", nil))
	return c
}

func (b *bootstrapping) run(c *cobra.Command, _ []string) error {
	b.options.Gateway = b.gateway()
	if err := b.tls(); err != nil {
		return err
	}
	made, err := bootstrap.New(b.options)
	if err != nil {
		return err
	}
	if err := b.prepare(c.ErrOrStderr()); err != nil {
		return err
	}
	return b.print(c.OutOrStdout(), output.Proto{Message: made}, func(io.Writer) error { return nil })
}

// prepare writes what Envoy reads beside the bootstrap, and says what the control plane will not like.
func (b *bootstrapping) prepare(notes io.Writer) error {
	if b.options.TLS != nil {
		return b.writeSecretFiles(notes)
	}
	for _, text := range b.options.XDSAddresses {
		if at, err := bootstrap.ParseAddress(text); err == nil && !at.Local() {
			fmt.Fprintf(notes, "note: %s is not on this machine, where the control plane wants mutual TLS: make a certificate with `%s` and give its directory as --tls-dir\n",
				text, b.issueCommand())
			break // one is enough to know how
		}
	}
	return nil
}

// issueCommand is what makes a certificate for this gateway.
func (b *bootstrapping) issueCommand() string {
	return commandLine("portreeve", "ca", "issue", "gateway", b.options.Name, "--namespace", b.namespace, "--labels", labelsText(b.labels))
}
