package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/translate/schema"
)

func schemaCommand() *cobra.Command {
	var directory string
	c := &cobra.Command{
		Use:   "schema [KIND]",
		Short: "Print a JSON Schema of what is read, for editors",
		Long: `Print the JSON Schema (draft-07) of the objects that are read, or of those of one kind.

It refuses names of fields, types and values that validate refuses too; what objects mean together, addresses,
names of hosts and keys only validate judges. docs/editors.md says how an editor uses it.`,
		Example: `  portreeve schema > portreeve.schema.json
  portreeve schema JWTPolicy
  portreeve schema --out-dir schemas`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeKind,
		RunE: func(c *cobra.Command, args []string) error {
			reference, err := schema.New()
			if err != nil {
				return err
			}
			if directory != "" {
				return writeSchemas(reference, directory, args)
			}
			text, err := schemaOf(reference, args)
			if err != nil {
				return err
			}
			_, err = c.OutOrStdout().Write(text)
			return err
		},
	}
	c.Flags().StringVar(&directory, "out-dir", "", "Write portreeve.json, of all kinds, and a file for each kind into this directory.")
	takes(c, "out-dir", aDirectory())
	return c
}

// schemaOf returns the schema of the kind that is named, or of all.
func schemaOf(r *schema.Reference, args []string) ([]byte, error) {
	if len(args) == 0 {
		return r.JSONSchema()
	}
	topic, err := r.Find(args[0])
	switch {
	case err != nil:
		return nil, err
	case topic.Field != nil:
		return nil, fmt.Errorf("%s is a field; a schema is of a kind, such as %s", args[0], topic.Kind.Name)
	}
	return topic.Kind.JSONSchema()
}

// writeSchemas writes a file for all kinds and one for each.
func writeSchemas(r *schema.Reference, directory string, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("--out-dir writes every kind; leave %s out", args[0])
	}
	if err := os.MkdirAll(directory, 0o755); err != nil { //nolint:gosec // schemas are no secret
		return err
	}
	for name, kind := range schemaFiles(r) {
		text, err := schemaOf(r, kind)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(directory, name), text, 0o644); err != nil { //nolint:gosec // the same
			return err
		}
	}
	return nil
}

// schemaFiles names the files, and the kind that each is for.
func schemaFiles(r *schema.Reference) map[string][]string {
	out := map[string][]string{"portreeve.json": nil}
	for _, kind := range r.Names() {
		out[strings.ToLower(kind)+".json"] = []string{kind}
	}
	return out
}

// completeKind proposes the kinds.
func completeKind(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	reference, err := schema.New()
	if err != nil || len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return reference.Names(), cobra.ShellCompDirectiveNoFileComp
}
