package main

import (
	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/translate/schema"
)

func docCommand() *cobra.Command {
	var format formatFlag
	c := &cobra.Command{
		Use:   "doc [KIND[.FIELD…]]",
		Short: "Say what a kind is for, or what a field means and takes",
		Long: `Say what a kind is for, or what a field means and takes, and where it is stricter than Istio's. Without a name the
kinds are listed. A path may be copied from a finding: what stands in [] is passed over.`,
		Example: `  portreeve doc
  portreeve doc AuthorizationPolicy
  portreeve doc AuthorizationPolicy.spec.rules.from.source.ipBlocks
  portreeve doc JWTPolicy.spec.jwt -o json`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completePath,
		RunE: func(c *cobra.Command, args []string) error {
			reference, err := schema.New()
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return format.print(c.OutOrStdout(), reference.Kinds, reference.WriteKinds)
			}
			topic, err := reference.Find(args[0])
			if err != nil {
				return err
			}
			return format.print(c.OutOrStdout(), topic, topic.Write)
		},
	}
	format.register(c, "text", "text", "json", "yaml")
	return c
}

// completePath proposes kinds and, behind each dot, the fields there.
func completePath(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	const directive = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	reference, err := schema.New()
	if err != nil || len(args) > 0 {
		return nil, directive
	}
	return reference.Complete(begun), directive
}
