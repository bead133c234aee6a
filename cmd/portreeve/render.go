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
	return family(&cobra.Command{Use: "render", Short: "Show what policy files become", Example: "  portreeve render envoy policy\n  portreeve render istio policy"}, renderIstioCommand(), renderEnvoyCommand())
}

func renderIstioCommand() *cobra.Command {
	var flags compileFlags
	c := &cobra.Command{
		Use:               "istio PATH...",
		Short:             "Print every resource as native Istio YAML",
		Long:              "Print every resource as native Istio YAML: a JWTPolicy as the RequestAuthentication and AuthorizationPolicy that it is short for. Secrets are not printed.",
		Example:           "  portreeve render istio policy > istio.yaml",
		Args:              paths("policy"),
		ValidArgsFunction: byEnding(policyEndings()...),
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
		Long: "Print what serve would give the gateway that --namespace and --labels name, or with --static one file that an Envoy runs with by itself. " +
			"Keys are not fetched, and secrets are not printed but by --with-secrets.",
		Example: `  portreeve render envoy policy
  portreeve render envoy policy --namespace istio-system --labels istio=ingressgateway -o json
  portreeve render envoy policy --static --jwks-fetch envoy > envoy.yaml`,
		Args:              paths("policy"),
		ValidArgsFunction: byEnding(policyEndings()...),
		RunE:              r.run,
	}
	r.compileFlags.register(c)
	r.gatewayFlags.register(c)
	r.formatFlag.register(c, "yaml", "yaml", "json")
	r.shapeFlag.register(c)
	c.Flags().BoolVar(&r.static, "static", false, "Print one self-contained Envoy bootstrap with everything inlined.")
	c.Flags().BoolVar(&r.withSecrets, "with-secrets", false, "Print private and symmetric keys, with --static: without them Envoy does not start where there is a private key, and refuses the tokens of a symmetric one.")
	c.Flags().StringVar(&r.adminAddress, "envoy-admin-address", "127.0.0.1:19000", "Address of Envoy's admin interface, with --static.")
	takes(c, "envoy-admin-address", anAddress(0))
	return c
}

func (r *renderEnvoy) run(c *cobra.Command, args []string) error {
	switch {
	case r.withSecrets && !r.static:
		return errors.New("--with-secrets goes with --static")
	case r.static && r.shape == shapeIstio:
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
	case r.shape == shapeIstio:
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
