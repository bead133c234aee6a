package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/ignore"
	"github.com/portreeve/portreeve/internal/output"
	"github.com/portreeve/portreeve/internal/terminal"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/optimize"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// compileFlags are the flags of every verb that compiles.
type compileFlags struct {
	rootNamespace, meshConfig, gateways, keyFetch string
	ignored, secretsDirs, excluded                []string
	optimize                                      string
	jwtCacheEntries                               int
	// notes, where it is there, takes a line of each file that is left out as no manifest.
	notes io.Writer
	// stdin reads what is piped to the command, for the path -.
	stdin func() ([]byte, error)
	// progress tells a person how far it is; nil tells nobody.
	progress func() *terminal.Progress
}

// maxJWTCacheEntries bounds what a worker of a gateway is told to remember: some 700 MB.
const maxJWTCacheEntries = 100_000

// Who fetches keys, as --jwks-fetch says it.
const (
	fetchByControlPlane = "control-plane"
	fetchByGateway      = "envoy"
)

func (f *compileFlags) register(c *cobra.Command) {
	f.stdin = func() ([]byte, error) { return readStdin(c) }
	f.progress = func() *terminal.Progress { return terminal.Begin(c.ErrOrStderr(), os.Getenv) }
	c.Flags().StringVar(&f.rootNamespace, "root-namespace", "", "Namespace whose policies apply to the gateways of every namespace (default: the mesh configuration's rootNamespace, or istio-system).")
	c.Flags().StringVar(&f.meshConfig, "mesh-config", "", "File with Istio's MeshConfig.")
	c.Flags().StringVar(&f.gateways, "gateways", "", "File that alone holds GatewayIdentity objects: one anywhere else is an error then, so that who writes policy does not say who a gateway is. Gateways have to prove who they are then.")
	c.Flags().StringArrayVar(&f.secretsDirs, "secrets-dir", nil, "Directory with certificates as NAME/tls.crt, NAME/tls.key and NAME/ca.crt; may be given several times.")
	c.Flags().StringVar(&f.keyFetch, "jwks-fetch", fetchByControlPlane, "Who fetches the keys behind a jwksUri: the control plane, or each gateway for itself.")
	c.Flags().StringVar(&f.optimize, "optimize", "", "Rules by which policy is rewritten so that it costs gateways less, separated by commas, or "+optimize.Off+". Verdicts stay the same (default: all; "+strings.Join(optimize.Names(), ", ")+").")
	c.Flags().IntVar(&f.jwtCacheEntries, "jwt-cache-entries", optimize.DefaultJWTCacheEntries, "Verified tokens that each worker thread of a gateway remembers, of 4 KiB at most, for 3 to 30 KB of memory each; 0 is none.")
	c.Flags().StringArrayVar(&f.excluded, "exclude", nil, "Pattern, as in a "+ignore.File+", of files in the directories of policy that are left out; may be given several times.")
	c.Flags().StringArrayVar(&f.ignored, "ignore", nil, "Kind whose objects are left out with a warning instead of an error; may be given several times.")
	f.forms(c)
}

// forms says what the flags take.
func (f *compileFlags) forms(c *cobra.Command) {
	takes(c, "root-namespace", aNamespace())
	takes(c, "mesh-config", aYAMLFile())
	takes(c, "gateways", aYAMLFile())
	takes(c, "secrets-dir", aDirectory())
	takes(c, "jwks-fetch", oneOf(fetchByControlPlane, fetchByGateway))
	takes(c, "optimize", severalOf("RULE,...", append(optimize.Names(), optimize.Off)...))
	takes(c, "jwt-cache-entries", number(0, maxJWTCacheEntries))
	takes(c, "exclude", given("PATTERN", nil))
	takes(c, "ignore", oneOf(ignorable()...))
}

// ignorable are the kinds that --ignore takes.
func ignorable() (kinds []string) {
	for _, kind := range resource.Ignorable() {
		kinds = append(kinds, string(kind))
	}
	return kinds
}

func (f *compileFlags) settings() (model.Settings, error) {
	s := model.DefaultSettings()
	s.RootNamespace = f.rootNamespace
	if f.meshConfig != "" {
		s.MeshFile = filepath.Clean(f.meshConfig)
	}
	if f.gateways != "" {
		s.GatewaysFile = filepath.Clean(f.gateways)
	}
	if s.GatewaysFile != "" && s.GatewaysFile == s.MeshFile {
		return s, fmt.Errorf("--gateways and --mesh-config both name %s: they are two files", s.MeshFile)
	}
	for _, kind := range f.ignored {
		s.Ignored = append(s.Ignored, resource.Kind(kind))
	}
	for _, dir := range f.secretsDirs {
		s.SecretsDirs = append(s.SecretsDirs, filepath.Clean(dir))
	}
	if f.optimize != "" {
		rules, err := optimize.Parse(f.optimize)
		if err != nil {
			return s, fmt.Errorf("--optimize: %w", err)
		}
		s.Optimization.Rules = rules
	}
	s.Optimization.JWTCacheEntries = &f.jwtCacheEntries
	if f.keyFetch == fetchByGateway {
		s.KeyFetch = model.FetchByGateway
	}
	return s, nil
}

// compile compiles files that were read.
func (f *compileFlags) compile(files []source.File, settings model.Settings) *translate.Program {
	if f.progress != nil {
		progress := f.progress()
		defer progress.End()
		progress.Say("compiling %s", count(len(files), "file"))
	}
	return translate.Compile(files, settings).At(time.Now(), nil)
}

// exclude returns what the patterns of the command line take away.
func (f *compileFlags) exclude() (*ignore.Rules, error) {
	rules, err := ignore.Excluded(f.excluded)
	if err != nil {
		return nil, fmt.Errorf("--exclude: %w", err)
	}
	return rules, nil
}

// gatewayFlags say which gateway is meant.
type gatewayFlags struct {
	namespace string
	labels    map[string]string
}

func (f *gatewayFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.namespace, "namespace", "istio-system", "Namespace of the gateway.")
	takes(c, "namespace", aNamespace())
	registerLabels(c, &f.labels)
}

func (f *gatewayFlags) gateway() model.Gateway {
	return model.Gateway{Namespace: f.namespace, Labels: f.labels}
}

// named returns the gateway where one of the flags is given, or nil.
func (f *gatewayFlags) named(c *cobra.Command) *model.Gateway {
	if !c.Flags().Changed("namespace") && !c.Flags().Changed("labels") {
		return nil
	}
	g := f.gateway()
	return &g
}

// formatFlag chooses how data is printed.
type formatFlag struct{ format string }

func (f *formatFlag) register(c *cobra.Command, standard string, all ...string) {
	c.Flags().StringVarP(&f.format, "output", "o", standard, "Output format.")
	takes(c, "output", oneOf(all...))
}

// print prints data; text is for the format "text".
func (f *formatFlag) print(w io.Writer, value any, text func(io.Writer) error) error {
	switch f.format {
	case "json":
		return output.JSON(w, value)
	case "yaml":
		return output.YAML(w, value)
	default:
		return text(w)
	}
}

// printFindings prints one line a finding, errors first.
func printFindings(w io.Writer, findings diag.List) {
	paint := findingPaint(w)
	for _, f := range findings.ErrorsFirst() {
		fmt.Fprintln(w, f.Painted(paint))
	}
}
