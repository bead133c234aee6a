package main

import (
	"math"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// registerAudit registers how what happens is recorded.
func (s *serve) registerAudit(c *cobra.Command) {
	f, x := c.Flags(), &s.options.Audit
	f.StringVar(&x.File, "audit-log", "", "File that keeps a record of all that happens to policy: each line is chained to the one before by its hash (portreeve audit verify). One control plane writes it at a time.")
	f.Int64Var(&x.MaxBytes, "audit-log-max-bytes", 100<<20, "Size at which the record is rotated, in bytes.")
	f.DurationVar(&x.MaxAge, "audit-log-max-age", 24*time.Hour, "Age at which the record is rotated.")
	f.IntVar(&x.Keep, "audit-log-keep", 0, "Rotated files of the record that are kept; 0 is all.")
	f.DurationVar(&x.KeepFor, "audit-log-keep-for", 0, "How long rotated files of the record are kept; 0 is for ever.")
	f.StringVar(&x.KeyFile, "audit-key", "", "PEM file (PKCS #8) with the ed25519 key that signs the head of the record, every minute and at the end.")
	f.StringVar(&x.Sinks, "audit-sinks", "", "YAML file that names further receivers of the record: webhooks, OTLP, syslog. It is read at the start only.")
	f.StringVar(&x.Spool, "audit-spool", "", "Directory that keeps what waits for the receivers of --audit-sinks; without it that is in memory, and lost with the process.")
	f.BoolVar(&x.Required, "audit-required", false, "Serve nothing that is not on record: while it cannot be kept, gateways stay on what they were served.")
	takes(c, "audit-log", aFile())
	takes(c, "audit-log-max-bytes", number(1, math.MaxInt64))
	takes(c, "audit-log-max-age", duration(time.Second))
	takes(c, "audit-log-keep", number(0, math.MaxInt32))
	takes(c, "audit-log-keep-for", duration(0))
	takes(c, "audit-key", aPEMFile())
	takes(c, "audit-sinks", aYAMLFile())
	takes(c, "audit-spool", aDirectory())
}

// givenFlags are the flags that were given, as NAME=VALUE, one of several values once for each.
func givenFlags(c *cobra.Command) (out []string) {
	c.Flags().Visit(func(f *pflag.Flag) {
		values := []string{f.Value.String()}
		if several, ok := f.Value.(pflag.SliceValue); ok {
			values = several.GetSlice()
		}
		for _, value := range values {
			out = append(out, f.Name+"="+value)
		}
	})
	return out
}
