package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/findings"
	"github.com/portreeve/portreeve/internal/terminal"
	"github.com/portreeve/portreeve/translate/diag"
)

// rulesFlags say which findings make validate fail, and which are left out.
type rulesFlags struct {
	failOn      string
	errors, off []string
}

func (f *rulesFlags) register(c *cobra.Command) {
	c.Flags().StringVar(&f.failOn, "fail-on", findings.Severities()[0], "Least severity that makes the exit code 1.")
	c.Flags().StringSliceVar(&f.errors, "error", nil, "Codes of warnings that count as errors, separated by commas; may be given several times.")
	c.Flags().StringSliceVar(&f.off, "off", nil, "Codes of warnings that are left out, separated by commas; may be given several times. An error cannot be.")
	takes(c, "fail-on", oneOf(findings.Severities()...))
	takes(c, "error", someWarnings())
	takes(c, "off", someWarnings())
}

// someWarnings is the form of codes. Shells are proposed those of warnings; findings.NewRules says what is wrong with others.
func someWarnings() form {
	var codes []string
	for _, i := range diag.Codes() {
		if i.Severity == diag.Warning {
			codes = append(codes, string(i.Code))
		}
	}
	return form{"CODE,...", eachOf(func(text string) error {
		if len(text) != len(diag.CodeRead) {
			return errors.New("want codes such as PR0424; validate --list-codes has them all")
		}
		return nil
	}), severalOf("", codes...).complete}
}

func (f *rulesFlags) rules() (findings.Rules, error) {
	return findings.NewRules(f.failOn, f.errors, f.off)
}

// report prints what was found; errFindings says that it is too much.
func (v *validation) report(c *cobra.Command, r findings.Report) error {
	if err := v.write(c.OutOrStdout(), r); err != nil {
		return err
	}
	if v.format != "json" && v.format != "yaml" {
		fmt.Fprintln(c.ErrOrStderr(), r.Summary())
	}
	if r.Fails() {
		return errFindings
	}
	return nil
}

func (v *validation) write(w io.Writer, r findings.Report) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	switch v.format {
	case "github":
		return r.WriteGitHub(w, dir)
	case "sarif":
		return r.WriteSARIF(w, dir, buildInfo().Version)
	case "junit":
		return r.WriteJUnit(w)
	}
	return v.print(w, r.Findings, func(w io.Writer) error {
		folded := r.Findings.Folded()
		if terminal.Is(w) {
			return folded.WritePainted(w, sourceOf(r), findingPaint(w))
		}
		printFindings(w, folded)
		return nil
	})
}

// sourceOf returns the content of a file as it was read, so that what is shown is what was judged.
func sourceOf(r findings.Report) func(string) []byte {
	return func(path string) []byte {
		for _, f := range r.Files {
			if f.Path == path {
				return f.Content
			}
		}
		return nil
	}
}
