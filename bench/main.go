// Command bench measures Portreeve end to end against a real Envoy and writes one report. It is run by `make bench`.
//
// Each section compares inside one run: an edit with the same Envoy that is fed the same resources from a file, a
// request among many policies with one among few, optimised policy with policy as it is written. The ratios hold on
// a machine that others use too; absolute figures are those of a quiet one.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/portreeve/portreeve/bench/fanout"
)

// options say what is measured.
type options struct {
	// portreeve and envoy are the programs.
	portreeve, envoy string
	// out is the folder of the report.
	out string
	// quick has fewer sizes and rounds, for a look in five minutes.
	quick bool
	// only names the sections; empty is all.
	only []string
}

// section is one part of the report. It tells of its progress, and gives the tables and plots that it found.
type section struct {
	name    string
	measure func(context.Context, options, *progress) (part, error)
}

// sections returns all sections, in the order of the report.
func sections() []section {
	return []section{
		{"reload", measureReload},
		{"request", measureRequest},
		{"issuers", measureIssuers},
		{"memory", measureMemory},
		{"fanout", measureFanOut},
		{"go", measureGo},
	}
}

func main() {
	fanout.Simulate() // in the processes of simulated gateways it does not return
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.portreeve, "portreeve", "bin/portreeve", "The program that is measured.")
	f.StringVar(&o.envoy, "envoy", os.Getenv("ENVOY"), "The Envoy that it is measured with.")
	f.StringVar(&o.out, "out", "bench", "Folder of the report.")
	f.BoolVar(&o.quick, "quick", false, "Fewer sizes and rounds: five minutes.")
	only := f.String("only", "", "Sections to measure, separated by commas (default: all).")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *only != "" {
		o.only = strings.Split(*only, ",")
	}
	if err := os.MkdirAll(o.out, 0o750); err != nil {
		return err
	}
	began := time.Now()
	p := newProgress(os.Stderr)
	report := report{began: began, options: o}
	var failed error
	for _, s := range sections() {
		if len(o.only) > 0 && !slices.Contains(o.only, s.name) {
			continue
		}
		p.section(s.name)
		part, err := s.measure(ctx, o, p)
		if err != nil { // what else is measured counts all the same
			part.text += fmt.Sprintf("\n\n**Not measured to its end: %v**", err)
			failed = errors.Join(failed, fmt.Errorf("%s: %w", s.name, err))
		}
		report.parts = append(report.parts, part)
	}
	p.done()
	if err := report.write(); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	fmt.Fprintf(os.Stderr, "%s was written after %s\n", filepath.Join(o.out, reportName), time.Since(began).Round(time.Second))
	return failed
}
