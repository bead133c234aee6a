package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/output"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/manifest"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/xds/bootstrap"
)

func renderCommand() *cobra.Command {
	c := &cobra.Command{Use: "render", Short: "Show what policy files become"}
	c.AddCommand(renderIstioCommand(), renderEnvoyCommand())
	return c
}

func renderIstioCommand() *cobra.Command {
	var flags compileFlags
	c := &cobra.Command{
		Use:   "istio PATH...",
		Short: "Print every resource as native Istio YAML",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			program, err := compiled(c, args, flags)
			if err != nil {
				return err
			}
			shown, withheld := manifest.Redacted(program.Resources)
			if withheld {
				fmt.Fprintln(c.ErrOrStderr(), "note: secrets are not in this output, which is valid all the same: tokens of a symmetric key are refused with it, and what reads \"redacted\" has to be put back")
			}
			text, err := manifest.YAML(shown)
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
	flags.register(c)
	return c
}

// compiled compiles, and prints findings where an error makes rendering pointless.
func compiled(c *cobra.Command, args []string, flags compileFlags) (*translate.Program, error) {
	program, err := compile(args, flags, nil)
	if err != nil {
		return nil, err
	}
	if program.Diags.HasErrors() {
		printFindings(c.OutOrStdout(), program.Diags)
		return nil, errFindings
	}
	printFindings(c.ErrOrStderr(), program.Diags)
	return program, nil
}

type renderEnvoy struct {
	compileFlags
	gatewayFlags
	formatFlag
	shapeFlag
	static       bool
	withSecrets  bool
	adminAddress string
}

func renderEnvoyCommand() *cobra.Command {
	var r renderEnvoy
	c := &cobra.Command{
		Use:   "envoy PATH...",
		Short: "Print the Envoy resources of one gateway",
		Args:  cobra.MinimumNArgs(1),
		RunE:  r.run,
	}
	r.compileFlags.register(c)
	r.gatewayFlags.register(c)
	r.formatFlag.register(c, "yaml", "yaml", "json")
	r.shapeFlag.register(c)
	c.Flags().BoolVar(&r.static, "static", false, "Print one self-contained Envoy bootstrap with everything inlined.")
	c.Flags().BoolVar(&r.withSecrets, "with-secrets", false, "Print private and symmetric keys, with --static: without them Envoy does not start where there is a private key, and refuses the tokens of a symmetric one.")
	c.Flags().StringVar(&r.adminAddress, "envoy-admin-address", "127.0.0.1:19000", "Address of Envoy's admin interface, with --static.")
	return c
}

func (r *renderEnvoy) run(c *cobra.Command, args []string) error {
	shape, err := r.chosen()
	switch {
	case err != nil:
		return err
	case r.withSecrets && !r.static:
		return errors.New("--with-secrets goes with --static")
	case r.static && shape == shapeIstio:
		return errors.New("--static prints what a gateway runs with, which is --shape portreeve")
	}
	program, err := compiled(c, args, r.compileFlags)
	if err != nil {
		return err
	}
	render := program.For
	switch {
	case r.static:
		render = program.Static
	case shape == shapeIstio:
		render = program.Istio
		notePresence(c.ErrOrStderr(), program.Resources)
	}
	resources, refused := render(r.gateway())
	if len(refused) > 0 {
		printFindings(c.OutOrStdout(), refused)
		return errFindings
	}
	r.noteKeys(c.ErrOrStderr(), program.KeyRequests())
	value, err := r.value(c.ErrOrStderr(), resources)
	if err != nil {
		return err
	}
	return r.print(c.OutOrStdout(), value, func(io.Writer) error { return nil })
}

// value returns what is printed of the resources.
func (r *renderEnvoy) value(stderr io.Writer, resources envoy.Resources) (any, error) {
	if r.static {
		return r.bootstrap(stderr, resources)
	}
	return output.ResourcesOf(resources), nil
}

// noteKeys says whose tokens the printed configuration refuses, because nobody fetches keys
// for it: this verb does not, and Envoy can only where it is told the address.
func (r *renderEnvoy) noteKeys(w io.Writer, missing []model.KeyRequest) {
	addressed := false
	for _, m := range missing {
		source := resource.ShownAddress(m.URI)
		if addressed = addressed || source != ""; source == "" {
			source = "issuer " + resource.ShownAddress(m.Issuer)
		}
		fmt.Fprintf(w, "note: the keys of %s are not in this output; the tokens that need them are refused until they are fetched\n", source)
	}
	if addressed {
		fmt.Fprintf(w, "note: use --jwks-fetch %s to let the gateway fetch what stands behind a jwksUri\n", fetchByGateway)
	}
}

func (r *renderEnvoy) bootstrap(stderr io.Writer, resources envoy.Resources) (any, error) {
	b, err := bootstrap.Static(bootstrap.Options{Name: "gateway", Gateway: r.gateway(), AdminAddress: r.adminAddress}, resources)
	if err != nil {
		return nil, fmt.Errorf("make bootstrap: %w", err)
	}
	if r.withSecrets {
		return output.Proto{Message: b}, nil
	}
	shown, withheld := output.Redacted(b)
	if withheld {
		fmt.Fprintln(stderr, "note: secrets are not in this output: where a private key is missing Envoy does not start with it, and tokens of a symmetric key are refused; --with-secrets prints them")
	}
	return output.Proto{Message: shown}, nil
}
