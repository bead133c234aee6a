// Package app wires the control plane together: directories in, ADS and admin out.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/portreeve/portreeve/internal/admin"
	"github.com/portreeve/portreeve/internal/disk"
	"github.com/portreeve/portreeve/internal/jwks"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/internal/watch"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/server"
)

// The debounce of edits: how long a file must be quiet, at most how long an edit waits, and
// how often directories are read again in case an event was lost.
const (
	quiet  = 50 * time.Millisecond
	most   = 500 * time.Millisecond
	rescan = 10 * time.Second
	// remoteQuiet stands for quiet where the system does not tell who writes to a file.
	remoteQuiet = 10 * time.Second
)

// Options are what a control plane is started with.
type Options struct {
	// Dirs are the policy directories. At least one.
	Dirs                     []string
	XDSAddress, AdminAddress string
	// StateDir keeps the last good policy across restarts; empty keeps nothing.
	StateDir string
	Settings model.Settings
	// KeyCAFile holds roots, beside the system's, for fetching keys; KeyBlockCIDRs are
	// addresses from which none are fetched, beside link-local and metadata addresses.
	KeyCAFile     string
	KeyBlockCIDRs []netip.Prefix
	Logger        *slog.Logger
}

// App is a control plane that listens but does not serve yet.
type App struct {
	options    Options
	reloader   *reload.Reloader
	xds        *server.Server
	acks       *ack.Store
	watcher    *watch.Watcher
	keys       *jwks.Fetcher
	registry   *prometheus.Registry
	refused    refusedSecrets
	xdsListen  net.Listener
	adminServe net.Listener
}

// New checks the options, opens the listeners and starts watching the directories. An
// error is I/O: a directory or an address that cannot be had.
func New(o Options) (*App, error) {
	a := &App{options: o, registry: prometheus.NewRegistry(), refused: refusedSecrets{due: map[string]map[string]bool{}, told: map[[2]string]string{}}}
	if o.Settings.KeyFetch == model.FetchByGateway && (o.KeyCAFile != "" || len(o.KeyBlockCIDRs) > 0) {
		o.Logger.Warn("--jwks-ca-file and --jwks-block-cidr do not count where gateways fetch keys: they hold for the discovery of issuers only",
			"hint", "gateways trust their own authorities, and their network decides where they can connect")
	}
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	var state *reload.State
	var err error
	if o.StateDir != "" {
		if state, err = reload.OpenState(o.StateDir); err != nil {
			return nil, err
		}
	}
	a.keys, err = jwks.New(jwks.Options{
		StateDir: o.StateDir, CAFile: o.KeyCAFile, BlockCIDRs: o.KeyBlockCIDRs, Logger: o.Logger, Registerer: a.registry, Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	a.reloader, err = reload.New(reload.Options{
		Dirs: o.Dirs, Settings: o.Settings, Keyring: a.keys, Quiet: quiet, State: state, Logger: o.Logger, Metrics: reload.NewMetrics(a.registry), Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	if a.acks, err = ack.New(ack.Options{Clock: time.Now, Registerer: a.registry, Observe: a.observe}); err != nil {
		return nil, err
	}
	a.registry.MustRegister(a.reloader.CertificateMetrics())
	a.xds = server.New(server.Options{Fleet: a.reloader, Acks: a.acks, Logger: o.Logger})
	a.reloader.PublishTo(a.xds)
	var single []string
	if o.Settings.MeshFile != "" {
		single = []string{o.Settings.MeshFile}
	}
	a.watcher, err = watch.New(watch.Options{Dirs: slices.Concat(o.Dirs, o.Settings.SecretsDirs), Files: single, Relevant: relevant, Quiet: quiet, Max: most, Rescan: rescan, RemoteQuiet: remoteQuiet, Disk: disk.New(disk.Options{}), Logger: o.Logger})
	if err != nil {
		return nil, fmt.Errorf("watch: %w", err)
	}
	return a, a.listen()
}

// relevant reports a file that counts, of policy or of a secret. One that counts in the other
// kind of directory only is read in vain.
func relevant(name string) bool { return source.Relevant(name) || source.SecretFile(name) }

func (a *App) listen() (err error) {
	if a.xdsListen, err = net.Listen("tcp", a.options.XDSAddress); err != nil {
		return fmt.Errorf("listen for gateways: %w", err)
	}
	if a.adminServe, err = net.Listen("tcp", a.options.AdminAddress); err != nil {
		return errors.Join(fmt.Errorf("listen for admin: %w", err), a.xdsListen.Close())
	}
	return nil
}

// XDSAddress and AdminAddress return where the app listens.
func (a *App) XDSAddress() string { return a.xdsListen.Addr().String() }

// AdminAddress returns the address of the admin interface.
func (a *App) AdminAddress() string { return a.adminServe.Addr().String() }

// Run serves until ctx ends, then closes every stream and returns nil. The policy is read
// once before the first gateway is answered.
func (a *App) Run(ctx context.Context) error {
	a.awaitQuiet(ctx)
	a.reload(ctx, reload.Change{})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return a.watcher.Run(ctx) })
	g.Go(func() error { return a.keys.Run(ctx) })
	g.Go(func() error { return a.follow(ctx) })
	g.Go(func() error { return a.xds.Serve(ctx, a.xdsListen) })
	g.Go(func() error { return a.serveAdmin(ctx) })
	a.warnOfPlainText()
	a.options.Logger.Info("serving", "xds", a.XDSAddress(), "admin", a.AdminAddress())
	if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

// awaitQuiet waits, for a bounded time, until nobody writes to the files, so that a start in
// the midst of a copy makes one generation. What is still in motion then is not read either:
// the reloader refuses the policy until it rests.
func (a *App) awaitQuiet(ctx context.Context) {
	tick, end := time.NewTicker(quiet/5), time.NewTimer(most)
	defer tick.Stop()
	defer end.Stop()
	for a.reloader.Moving() {
		select {
		case <-tick.C:
		case <-end.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// follow reloads at every change, and once more where a file was still being written.
func (a *App) follow(ctx context.Context) error {
	again := time.NewTimer(time.Hour)
	defer again.Stop()
	expiring := time.NewTicker(time.Hour)
	defer expiring.Stop()
	files := time.NewTicker(reread)
	defer files.Stop()
	for {
		if a.reloader.Deferred() {
			again.Reset(quiet)
		}
		select {
		case <-ctx.Done():
			return nil
		case change := <-a.watcher.Changes():
			a.reload(ctx, reload.Change(change))
		case <-again.C:
			a.reload(ctx, reload.Change{})
		case <-expiring.C:
			a.reloader.WarnOfCertificates()
		case <-files.C:
			a.reread(ctx)
		case <-a.keys.Changes():
			a.publishing(a.reloader.Rekey(ctx))
		}
	}
}

func (a *App) reload(ctx context.Context, change reload.Change) {
	a.publishing(a.reloader.Reload(ctx, change))
	a.reloader.WarnOfCertificates()
}

// publishing logs a failure to publish or to write the state. It is no reason to stop
// serving what is served.
func (a *App) publishing(err error) {
	if err != nil {
		a.options.Logger.Error("cannot publish policy or keep its state", "error", err)
	}
}

func (a *App) serveAdmin(ctx context.Context) error {
	s := &http.Server{Handler: admin.Handler(a.reloader, a.acks, a.keys, a.registry), ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = s.Close() })
	defer stop()
	if err := s.Serve(a.adminServe); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve admin: %w", err)
	}
	return nil
}
