package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/build"
	"github.com/portreeve/portreeve/xds/node"
)

// version and commit are set by the build; empty is what Go has written into the program.
var (
	version = ""
	commit  = "" //nolint:gochecknoglobals // the linker sets it
)

// buildInfo is what is known of this program.
func buildInfo() build.Info { return build.Read(version, commit) }

// versions is what the verb prints.
type versions struct {
	build.Info
	// Envoy are the releases of Envoy that were tested, oldest first.
	Envoy []node.Release `json:"testedEnvoy"`
}

func versionCommand() *cobra.Command {
	var format formatFlag
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit, and the Envoys that were tested",
		Example: `  portreeve version
  portreeve version -o json`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			v := versions{Info: buildInfo(), Envoy: node.Tested()}
			return format.print(c.OutOrStdout(), v, func(w io.Writer) error { return printVersions(w, v) })
		},
	}
	format.register(c, "text", "text", "json")
	return c
}

func printVersions(w io.Writer, v versions) error {
	_, err := fmt.Fprintf(w, "portreeve %s\ncommit %s\nbuilt with %s\n", v.Version, v.Commit, v.GoVersion)
	for _, release := range v.Envoy {
		fmt.Fprintf(w, "tested with Envoy %s\n", release)
	}
	return err
}
