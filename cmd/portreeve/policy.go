package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/internal/output"
	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// compileFlags are the flags of every verb that compiles.
type compileFlags struct {
	rootNamespace, meshConfig, keyFetch string
	ignored, secretsDirs                []string
}

// Who fetches keys, as --jwks-fetch says it.
const (
	fetchByControlPlane = "control-plane"
	fetchByGateway      = "envoy"
)

func (f *compileFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.rootNamespace, "root-namespace", "", "Namespace whose policies apply to the gateways of every namespace (default: the mesh configuration's rootNamespace, or istio-system).")
	c.Flags().StringVar(&f.meshConfig, "mesh-config", "", "File with Istio's MeshConfig.")
	c.Flags().StringArrayVar(&f.secretsDirs, "secrets-dir", nil, "Directory with certificates as NAME/tls.crt, NAME/tls.key and NAME/ca.crt; may be given several times.")
	c.Flags().StringVar(&f.keyFetch, "jwks-fetch", fetchByControlPlane, "Who fetches the keys behind a jwksUri: "+fetchByControlPlane+" or "+fetchByGateway+".")
	c.Flags().StringArrayVar(&f.ignored, "ignore", nil, "Kind whose objects are left out with a warning instead of an error: EnvoyFilter, WasmPlugin or TrafficExtension; may be given several times.")
}

func (f *compileFlags) settings() (model.Settings, error) {
	s := model.DefaultSettings()
	s.RootNamespace = f.rootNamespace
	if f.meshConfig != "" {
		s.MeshFile = filepath.Clean(f.meshConfig)
	}
	for _, kind := range f.ignored {
		if !slices.Contains(resource.Ignorable(), resource.Kind(kind)) {
			return s, fmt.Errorf("--ignore %q: only objects of the kinds %v can be ignored so; those of other kinds count, or are ignored with a warning", kind, resource.Ignorable())
		}
		s.Ignored = append(s.Ignored, resource.Kind(kind))
	}
	for _, dir := range f.secretsDirs {
		s.SecretsDirs = append(s.SecretsDirs, filepath.Clean(dir))
	}
	switch f.keyFetch {
	case fetchByControlPlane:
	case fetchByGateway:
		s.KeyFetch = model.FetchByGateway
	default:
		return s, fmt.Errorf("--jwks-fetch %q is neither %s nor %s", f.keyFetch, fetchByControlPlane, fetchByGateway)
	}
	return s, nil
}

// gatewayFlags say which gateway is meant.
type gatewayFlags struct {
	namespace string
	labels    map[string]string
}

func (f *gatewayFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.namespace, "namespace", "istio-system", "Namespace of the gateway.")
	c.Flags().StringToStringVar(&f.labels, "labels", map[string]string{"istio": "ingressgateway"}, "Labels of the gateway.")
}

func (f *gatewayFlags) gateway() model.Gateway {
	return model.Gateway{Namespace: f.namespace, Labels: f.labels}
}

// formatFlag chooses how data is printed.
type formatFlag struct{ format string }

func (f *formatFlag) register(c *cobra.Command, standard string, all ...string) {
	c.Flags().StringVarP(&f.format, "output", "o", standard, "Output format: "+strings.Join(all, ", ")+".")
	check := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		for _, known := range all {
			if f.format == known {
				if check != nil {
					return check(c, args)
				}
				return nil
			}
		}
		return fmt.Errorf("output format %q is not one of %s", f.format, strings.Join(all, ", "))
	}
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

// compile reads files and directories and compiles them. Unlike the server it takes a
// named file whatever its name is.
func compile(paths []string, flags compileFlags) (*translate.Program, error) {
	settings, err := flags.settings()
	if err != nil {
		return nil, err
	}
	files, err := readMesh(settings.MeshFile)
	if err != nil {
		return nil, err
	}
	for _, dir := range settings.SecretsDirs {
		found, err := readDir(dir, source.ReadSecrets)
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	for _, path := range paths {
		found, err := readPath(path)
		if err != nil {
			return nil, err
		}
		files = append(files, slices.DeleteFunc(found, func(f source.File) bool { return f.Path == settings.MeshFile })...)
	}
	return translate.Compile(files, settings).At(time.Now(), nil), nil
}

// readMesh reads the mesh configuration, where there is one.
func readMesh(path string) ([]source.File, error) {
	if path == "" {
		return nil, nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read mesh configuration: %w", err)
	}
	return []source.File{{Path: path, Content: content}}, nil
}

func readPath(path string) ([]source.File, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return []source.File{{Path: path, Content: content}}, nil
	}
	return readDir(path, source.Read)
}

// readDir reads what counts in a directory; the paths begin with its own.
func readDir(path string, read func(fs.FS) ([]source.File, error)) ([]source.File, error) {
	files, err := read(os.DirFS(path))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	for i := range files {
		files[i].Path = filepath.Join(path, files[i].Path)
	}
	return files, nil
}

// printFindings prints one line a finding, errors first.
func printFindings(w io.Writer, findings diag.List) {
	for _, f := range findings.ErrorsFirst() {
		fmt.Fprintln(w, f)
	}
}
