package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/netip"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/portreeve/portreeve/internal/app"
	"github.com/portreeve/portreeve/translate/source"
)

type serve struct {
	compileFlags
	options      app.Options
	blockCIDRs   []string
	logFormat    string
	requireTests bool
}

func serveCommand() *cobra.Command {
	var s serve
	c := &cobra.Command{
		Use:   "serve --config DIR",
		Short: "Watch policy directories and serve gateways over ADS",
		Long: "Watch policy directories and serve each gateway that connects what applies to it. An edit that has an error refuses itself: gateways stay on the last good policy. " +
			"The log on standard error names every finding, with file, line and a way out; portreeve status shows the same at any time. SIGHUP reads all files again, and SIGTERM ends it; gateways keep what they have.",
		Example: `  portreeve serve --config policy
  portreeve serve --config policy --state-dir /var/lib/portreeve --audit-log /var/log/portreeve/audit.log --log-format json
  portreeve serve --config policy --xds-address 0.0.0.0:18000 --xds-tls-cert ca/server/tls.crt --xds-tls-key ca/server/tls.key --xds-client-ca ca/ca.crt --xds-client-crl ca/crl.pem --gateways ca/gateways.yaml`,
		Args: configIsAFlag,
		RunE: s.run,
	}
	s.register(c)
	f, limits := c.Flags(), source.DefaultLimits()
	f.StringArrayVar(&s.options.Dirs, "config", nil, "Directory of policy files; may be given several times.")
	s.registerXDS(c)
	s.registerAdmin(c)
	s.registerAudit(c)
	f.IntVar(&s.options.MaxConnections, "xds-max-connections", app.DefaultMaxConnections, "Connections of gateways that may be open at one time.")
	f.IntVar(&s.options.MaxStreams, "xds-max-streams", app.DefaultMaxStreams, "Gateways that are served at one time. The last twentieth is for such as were here before: of the same namespace, labels and locality.")
	f.IntVar(&s.options.NewGroups, "new-groups-per-minute", app.DefaultNewGroups, "Groups of gateways (namespace, labels and locality) that one address, or the owner of one certificate, may bring a minute and that were never here.")
	f.BoolVar(&s.options.AllowUntestedEnvoy, "allow-untested-envoy", false, "Serve gateways whose Envoy is older than those that were tested (see portreeve version), or that do not say which they are: such ones may ignore parts of the policy.")
	f.BoolVar(&s.requireTests, "require-tests", false, "Serve a gateway only what the PolicyTest objects about it hold for; one that no PolicyTest is about is served nothing new.")
	f.StringVar(&s.options.StateDir, "state-dir", "", "Directory that keeps the last good policy and keys across restarts; one control plane uses it at a time.")
	f.StringVar(&s.options.KeyCAFile, "jwks-ca-file", "", "PEM file with certificate authorities to trust, beside the system's, when fetching keys.")
	f.StringArrayVar(&s.blockCIDRs, "jwks-block-cidr", nil, "Addresses from which no keys are fetched, beside link-local and metadata addresses; may be given several times.")
	f.StringArrayVar(&s.options.AllowEmpty, "allow-empty", nil, "Directory that may hold no files, of those of --config and --secrets-dir or mounted below them; may be given several times.")
	f.Int64Var(&s.options.Limits.FileBytes, "max-file-bytes", limits.FileBytes, "Largest file that is read, in bytes.")
	f.Int64Var(&s.options.Limits.Bytes, "max-bytes", limits.Bytes, "Bytes of all files together.")
	f.IntVar(&s.options.Limits.Files, "max-files", limits.Files, "Number of files.")
	f.StringVar(&s.logFormat, "log-format", logText, "Log format.")
	s.forms(c)
	if err := c.MarkFlagRequired("config"); err != nil {
		panic(err) // the flag is defined above
	}
	return c
}

// configIsAFlag refuses arguments: other verbs take directories without a flag, so that is where they come from.
func configIsAFlag(_ *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("serve takes directories by a flag: portreeve serve --config %s", strings.Join(args, " --config "))
}

// forms says what the flags of serve itself take.
func (s *serve) forms(c *cobra.Command) {
	for _, n := range []string{"xds-max-connections", "xds-max-streams", "new-groups-per-minute", "max-files"} {
		takes(c, n, number(1, math.MaxInt32))
	}
	for _, n := range []string{"max-file-bytes", "max-bytes"} {
		takes(c, n, number(1, math.MaxInt64))
	}
	for _, dir := range []string{"config", "state-dir", "allow-empty"} {
		takes(c, dir, aDirectory())
	}
	takes(c, "jwks-ca-file", aPEMFile())
	takes(c, "jwks-block-cidr", aBlock())
	takes(c, "log-format", oneOf(logText, logJSON))
}

// registerXDS registers how gateways come in.
func (s *serve) registerXDS(c *cobra.Command) {
	f, x := c.Flags(), &s.options.XDS
	f.StringVar(&x.Address, "xds-address", "127.0.0.1:18000", "Address that gateways connect to: HOST:PORT, or unix:///PATH of a socket. One that other machines reach needs TLS.")
	f.StringVar(&x.SocketMode, "xds-socket-mode", "", "Mode of the Unix socket, in octal. (default 0600)")
	f.StringVar(&x.SocketOwner, "xds-socket-owner", "", "User, by name or number, who owns the Unix socket. (default the user of the process)")
	f.StringVar(&x.SocketGroup, "xds-socket-group", "", "Group, by name or number, of the Unix socket. (default the group of the process)")
	f.StringVar(&x.TLS.Certificate, "xds-tls-cert", "", "PEM file with the certificate that gateways are shown, and what is between it and its authority. This and the other files of TLS are read again when they change.")
	f.StringVar(&x.TLS.Key, "xds-tls-key", "", "PEM file with the key of --xds-tls-cert.")
	f.StringVar(&x.TLS.Authorities, "xds-client-ca", "", "PEM file with the certificate authorities of gateways: with TLS each has to show a certificate.")
	f.StringVar(&x.TLS.Revoked, "xds-client-crl", "", "File with lists of revoked certificates (CRL, PEM or DER). One of an authority in --xds-client-ca must have its signature.")
	f.StringVar(&x.TLS.Serials, "xds-revoked-serials", "", "File with serial numbers of revoked certificates, in hexadecimal, a line each; # begins a comment, and one line there must be.")
	f.StringArrayVar(&x.TrustDomains, "xds-trust-domain", []string{app.DefaultTrustDomain}, "Trust domain whose SPIFFE IDs count; may be given several times.")
	f.BoolVar(&x.Plaintext, "xds-plaintext", false, "Serve in plain text on an address that other machines reach. Gateways whose configuration holds keys are refused.")
	f.BoolVar(&x.Require, "require-identity", false, "Refuse gateways that prove nothing, also on loopback and Unix sockets and where no GatewayIdentity is defined.")
	f.DurationVar(&x.MaxConnectionAge, "xds-max-connection-age", app.DefaultMaxConnectionAge, "How long a stream of a gateway lives: it is asked to connect again then, and when its certificate ends.")
	for _, file := range []string{"xds-tls-cert", "xds-tls-key", "xds-client-ca", "xds-client-crl"} {
		takes(c, file, aPEMFile())
	}
	takes(c, "xds-revoked-serials", aFile())
	takes(c, "xds-address", aPlaneAddress(0))
	takes(c, "xds-socket-mode", given("MODE", nil))
	takes(c, "xds-socket-owner", given("USER", nil))
	takes(c, "xds-socket-group", given("GROUP", nil))
	takes(c, "xds-trust-domain", given("DOMAIN", nil))
	takes(c, "xds-max-connection-age", duration(app.MinConnectionAge))
}

// collectOften has a control plane stay nearer to what it holds than Go does by itself: what edits leave behind is collected
// when it is half of that and not when it is as much. Where GOGC is set that counts.
func collectOften() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

func (s *serve) run(c *cobra.Command, _ []string) error {
	logger := newLogger(c.ErrOrStderr(), s.logFormat)
	collectOften()
	s.options.Logger, s.options.Build = logger, buildInfo()
	logger.Info("portreeve", "version", s.options.Build.Version, "commit", s.options.Build.Commit, "go", s.options.Build.GoVersion)
	var err error
	if s.options.Settings, err = s.settings(); err != nil {
		return err
	}
	s.options.Settings.RequireTests, s.options.Audit.Flags = s.requireTests, givenFlags(c)
	if s.options.Exclude, err = s.exclude(); err != nil {
		return err
	}
	for _, text := range s.blockCIDRs {
		block, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("--jwks-block-cidr: %w", err)
		}
		s.options.KeyBlockCIDRs = append(s.options.KeyBlockCIDRs, block)
	}
	// One that comes while another is done waits, and further ones are that one.
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	defer signal.Stop(again)
	s.options.Reload = again
	return ending(c.Context(), leave, func() error {
		a, err := app.New(s.options)
		if err != nil {
			return err
		}
		return a.Run(c.Context())
	})
}

// leave is how long the program goes on after it was told to end.
const leave = 4500 * time.Millisecond

// ending returns what a function does, or nil where the context has ended and the function has
// not for some time: whatever it waits for must not keep the process.
func ending(ctx context.Context, after time.Duration, what func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- what() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(after):
		return nil
	}
}

// The formats of the log.
const (
	logText = "text"
	logJSON = "json"
)

func newLogger(w io.Writer, format string) *slog.Logger {
	if format == logJSON {
		return slog.New(slog.NewJSONHandler(w, nil))
	}
	return slog.New(slog.NewTextHandler(w, nil))
}
