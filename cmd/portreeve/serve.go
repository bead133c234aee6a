package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/app"
)

type serve struct {
	compileFlags
	options    app.Options
	blockCIDRs []string
	logFormat  string
}

func serveCommand() *cobra.Command {
	var s serve
	c := &cobra.Command{
		Use:   "serve --config DIR",
		Short: "Watch policy directories and serve gateways over ADS",
		Args:  cobra.NoArgs,
		RunE:  s.run,
	}
	s.register(c)
	f := c.Flags()
	f.StringArrayVar(&s.options.Dirs, "config", nil, "Directory of policy files; may be given several times.")
	f.StringVar(&s.options.XDSAddress, "xds-address", "127.0.0.1:18000", "Address that gateways connect to.")
	f.StringVar(&s.options.AdminAddress, "admin-address", "127.0.0.1:18001", "Address of /metrics, /healthz, /readyz and /debug.")
	f.StringVar(&s.options.StateDir, "state-dir", "", "Directory that keeps the last good policy and keys across restarts; one control plane uses it at a time.")
	f.StringVar(&s.options.KeyCAFile, "jwks-ca-file", "", "PEM file with certificate authorities to trust, beside the system's, when fetching keys.")
	f.StringArrayVar(&s.blockCIDRs, "jwks-block-cidr", nil, "Addresses from which no keys are fetched, beside link-local and metadata addresses; may be given several times.")
	f.StringVar(&s.logFormat, "log-format", "text", "Log format: text or json.")
	if err := c.MarkFlagRequired("config"); err != nil {
		panic(err) // the flag is defined above
	}
	return c
}

func (s *serve) run(c *cobra.Command, _ []string) error {
	logger, err := newLogger(c.ErrOrStderr(), s.logFormat)
	if err != nil {
		return err
	}
	s.options.Logger = logger
	if s.options.Settings, err = s.settings(); err != nil {
		return err
	}
	for _, text := range s.blockCIDRs {
		block, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("--jwks-block-cidr: %w", err)
		}
		s.options.KeyBlockCIDRs = append(s.options.KeyBlockCIDRs, block)
	}
	a, err := app.New(s.options)
	if err != nil {
		return err
	}
	return a.Run(c.Context())
}

func newLogger(w io.Writer, format string) (*slog.Logger, error) {
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, nil)), nil
	default:
		return nil, fmt.Errorf("log format %q is neither text nor json", format)
	}
}
