package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// referenceCommand writes what packages and the documentation hold of the command line. It is hidden: who
// builds a release calls it, and docs/cli.md is its cli.md.
func referenceCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "reference DIR",
		Short:  "Write manual pages, completions of shells and cli.md into a directory",
		Long:   "Write manual pages (man/), completions of shells (completions/) and one page of Markdown (cli.md) into a directory. Equal programs write equal bytes with the same SOURCE_DATE_EPOCH.",
		Args:   cobra.ExactArgs(1),
		Hidden: true,
		RunE:   func(c *cobra.Command, args []string) error { return writeReference(c.Root(), args[0]) },
	}
}

func writeReference(root *cobra.Command, dir string) error {
	root.DisableAutoGenTag = true // it has the day on which it ran
	for _, write := range []func(*cobra.Command, string) error{writeManual, writeCompletions, writeMarkdown} {
		if err := write(root, dir); err != nil {
			return fmt.Errorf("write the reference: %w", err)
		}
	}
	return nil
}

// writeManual writes a page for each verb. Their date is $SOURCE_DATE_EPOCH, by which a release is reproducible.
func writeManual(root *cobra.Command, dir string) error {
	dir = filepath.Join(dir, "man")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "Portreeve " + root.Version, Manual: "Portreeve"}, dir)
}

// writeCompletions writes a file for each shell, under the name by which the shell looks for it.
func writeCompletions(root *cobra.Command, dir string) error {
	dir = filepath.Join(dir, "completions")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := root.GenBashCompletionFileV2(filepath.Join(dir, "portreeve.bash"), true); err != nil {
		return err
	}
	if err := root.GenZshCompletionFile(filepath.Join(dir, "_portreeve")); err != nil {
		return err
	}
	return root.GenFishCompletionFile(filepath.Join(dir, "portreeve.fish"), true)
}

// writeMarkdown writes one page with a section for each verb.
func writeMarkdown(root *cobra.Command, dir string) error {
	var page bytes.Buffer
	page.WriteString("# The command line\n\nWritten by the program itself (`portreeve VERB --help` prints the same); do not edit it.\n\n")
	if err := describe(root, &page); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "cli.md"), append(bytes.TrimRight(page.Bytes(), "\n"), '\n'), 0o644)
}

// describe appends the section of a verb, and those of its own verbs.
func describe(c *cobra.Command, page *bytes.Buffer) error {
	section := func(file string) string { return "#" + strings.ReplaceAll(strings.TrimSuffix(file, ".md"), "_", "-") }
	var text bytes.Buffer
	if err := doc.GenMarkdownCustom(c, &text, section); err != nil {
		return err
	}
	page.WriteString(fenced(text.String()))
	for _, verb := range c.Commands() {
		if !verb.IsAvailableCommand() || verb.IsAdditionalHelpTopicCommand() {
			continue
		}
		if err := describe(verb, page); err != nil {
			return err
		}
	}
	return nil
}

// fenced has every block in a fence that says what is in it, as all pages of the documentation do.
func fenced(text string) string {
	lines, inside := strings.Split(text, "\n"), false
	for i, line := range lines {
		switch {
		case line == "```":
			if inside = !inside; inside {
				lines[i] = "```text"
			}
		case !inside && strings.HasPrefix(line, "\t"):
			lines[i] = "```text\n" + strings.TrimPrefix(line, "\t") + "\n```"
		}
	}
	return strings.Join(lines, "\n")
}
