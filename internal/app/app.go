// Package app wires the control plane together: directories in, ADS and admin out.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/portreeve/portreeve/internal/admin"
	"github.com/portreeve/portreeve/internal/disk"
	"github.com/portreeve/portreeve/internal/input"
	"github.com/portreeve/portreeve/internal/jwks"
	"github.com/portreeve/portreeve/internal/reload"
	"github.com/portreeve/portreeve/internal/state"
	"github.com/portreeve/portreeve/internal/watch"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/server"
)

// The debounce of edits: how long a file must be quiet, at most how long an edit waits, and
// how often directories are read again in case an event was lost.
const (
	quiet = 50 * time.Millisecond
	// remoteQuiet is that of a file whose writers nobody can be asked for.
	remoteQuiet = 10 * time.Second
	most        = 500 * time.Millisecond
	rescan      = 10 * time.Second
)

// The defaults of Options.MaxConnections and NewGroups.
const (
	DefaultMaxConnections = server.DefaultMaxConnections
	DefaultNewGroups      = server.DefaultNewGroups
)

// Options are what a control plane is started with.
type Options struct {
	// Dirs are the policy directories. At least one.
	Dirs []string
	// AllowEmpty are the directories that may hold nothing; Limits bound what is read.
	AllowEmpty               []string
	Limits                   source.Limits
	XDSAddress, AdminAddress string
	// AdminHosts are further names by which the admin interface may be called.
	AdminHosts []string
	// MaxConnections of gateways may be open, and NewGroups may one address bring a minute that
	// were never here. 0 is the server's default.
	MaxConnections, NewGroups int
	// StateDir keeps the last good policy across restarts; empty keeps nothing.
	StateDir string
	Settings model.Settings
	// KeyCAFile holds roots, beside the system's, for fetching keys; KeyBlockCIDRs are
	// addresses from which none are fetched, beside link-local and metadata addresses.
	KeyCAFile     string
	KeyBlockCIDRs []netip.Prefix
	// Reload asks for everything to be read and fetched again. Nil never does.
	Reload <-chan os.Signal
	Logger *slog.Logger
}

// App is a control plane that listens but does not serve yet.
type App struct {
	options    Options
	disk       *disk.Disk
	files      *input.Reader
	reloader   *reload.Reloader
	state      *state.Dir // nil keeps nothing
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
func New(o Options) (_ *App, err error) {
	a := &App{options: o, registry: prometheus.NewRegistry(), disk: disk.New(disk.Options{}), refused: refusedSecrets{due: map[string]map[string]bool{}, told: map[[2]string]string{}}}
	if o.Settings.KeyFetch == model.FetchByGateway && (o.KeyCAFile != "" || len(o.KeyBlockCIDRs) > 0) {
		o.Logger.Warn("--jwks-ca-file and --jwks-block-cidr do not count where gateways fetch keys: they hold for the discovery of issuers only",
			"hint", "gateways trust their own authorities, and their network decides where they can connect")
	}
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	keysDir, err := a.openState()
	if err != nil {
		return nil, err
	}
	defer func() { // a process that tries again finds the directory free
		if err != nil && a.state != nil {
			err = errors.Join(err, a.state.Close())
		}
	}()
	a.keys, err = jwks.New(jwks.Options{
		StateDir: keysDir, CAFile: o.KeyCAFile, BlockCIDRs: o.KeyBlockCIDRs, Logger: o.Logger, Registerer: a.registry, Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	if err := a.openFiles(); err != nil {
		return nil, err
	}
	a.reloader, err = reload.New(reload.Options{
		Files: a.files, Settings: o.Settings, Keyring: a.keys, State: a.state, Logger: o.Logger, Metrics: reload.NewMetrics(a.registry), Now: time.Now,
	})
	if err != nil {
		return nil, err
	}
	a.files.ExpectMounts(a.reloader.Mounts())
	if a.acks, err = ack.New(ack.Options{Clock: time.Now, Registerer: a.registry, Observe: a.observe}); err != nil {
		return nil, err
	}
	a.registry.MustRegister(a.reloader.CertificateMetrics(), a.reloader.GroupMetrics())
	a.xds = server.New(server.Options{
		Fleet: a.reloader, Acks: a.acks, Logger: o.Logger, Registerer: a.registry, MaxConnections: o.MaxConnections, NewGroups: o.NewGroups,
		Known: a.reloader.Known,
	})
	a.reloader.PublishTo(a.xds)
	return a, a.listen()
}

// openFiles starts watching the files, and makes what reads them.
func (a *App) openFiles() (err error) {
	o := a.options
	var single []string
	if o.Settings.MeshFile != "" {
		single = []string{o.Settings.MeshFile}
	}
	a.watcher, err = watch.New(watch.Options{
		Dirs: slices.Concat(o.Dirs, o.Settings.SecretsDirs), Files: single, Relevant: relevant,
		Quiet: quiet, Max: most, Rescan: rescan, RemoteQuiet: remoteQuiet, Disk: a.disk, Logger: o.Logger,
	})
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	a.files = input.New(input.Options{
		Dirs: o.Dirs, SecretsDirs: o.Settings.SecretsDirs, MeshFile: o.Settings.MeshFile, AllowEmpty: o.AllowEmpty, Limits: o.Limits,
		Quiet: quiet, RemoteQuiet: remoteQuiet, Writing: a.watcher.Writing, Disk: a.disk, Logger: o.Logger, Now: time.Now,
	})
	return nil
}

// openState opens the state directory, where there is one, and returns where keys are kept: not
// at all where the disk does not answer, since nothing may wait for it.
func (a *App) openState() (keysDir string, err error) {
	if a.options.StateDir == "" {
		return "", nil
	}
	a.state, err = state.Open(state.Options{Dir: a.options.StateDir, Logger: a.options.Logger, Registerer: a.registry, Now: time.Now})
	switch {
	case err != nil:
		return "", err
	case !a.state.Answered():
		a.options.Logger.Warn("fetched keys are not kept before the next start")
		return "", nil
	default:
		return a.options.StateDir, nil
	}
}

// closeState keeps what there is to keep, and gives the state directory to the next process.
func (a *App) closeState() {
	a.reloader.Close()
	if a.state == nil {
		return
	}
	if err := a.state.Close(); err != nil {
		a.options.Logger.Warn("the state directory is not given free before the process ends", "error", err)
	}
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

// leave is how long Run waits, after ctx has ended, for what it started. A call on a disk that
// does not come back must not keep the process.
const leave = 4 * time.Second

// Run serves until ctx ends, then closes every stream and returns nil, within five seconds. The
// admin interface answers from the beginning; the policy is read once, for a bounded time, before
// the first gateway is answered.
func (a *App) Run(ctx context.Context) error {
	defer a.closeState()
	a.warnOfPlainText()
	g, running := errgroup.WithContext(ctx)
	read := make(chan struct{})
	g.Go(func() error { return a.serveAdmin(running) })
	g.Go(func() error { return a.watcher.Run(running) })
	g.Go(func() error { return a.keys.Run(running) })
	g.Go(func() error { return a.follow(running, read) })
	g.Go(func() error { return a.serveGateways(running, read) })
	ended := make(chan error, 1)
	go func() { ended <- g.Wait() }()
	select {
	case err := <-ended:
		return withoutCancel(err)
	case <-running.Done():
	}
	select {
	case err := <-ended:
		return withoutCancel(err)
	case <-time.After(leave):
		a.options.Logger.Warn("leaving although not everything has ended", "stuck", a.disk.Stuck())
		return withoutCancel(context.Cause(running))
	}
}

func withoutCancel(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// serveGateways serves once the policy has been read.
func (a *App) serveGateways(ctx context.Context, read <-chan struct{}) error {
	select {
	case <-read:
	case <-ctx.Done():
		return a.xdsListen.Close()
	}
	a.options.Logger.Info("serving", "xds", a.XDSAddress(), "admin", a.AdminAddress())
	return a.xds.Serve(ctx, a.xdsListen)
}

// awaitQuiet waits, for a bounded time, until nobody writes to the files, so that a start in
// the midst of a copy makes one generation. What is still in motion then is not read either:
// the reloader refuses the policy until it rests.
func (a *App) awaitQuiet(ctx context.Context) {
	tick, end := time.NewTicker(quiet/5), time.NewTimer(most)
	defer tick.Stop()
	defer end.Stop()
	for a.files.Moving() {
		select {
		case <-tick.C:
		case <-end.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// follow reads once, says so, and reloads at every change, and once more where a file was still
// being written or could not be read.
func (a *App) follow(ctx context.Context, read chan<- struct{}) error {
	a.awaitQuiet(ctx)
	a.reload(ctx, input.Change{})
	close(read)
	again := time.NewTimer(time.Hour)
	defer again.Stop()
	expiring := time.NewTicker(time.Hour)
	defer expiring.Stop()
	files := time.NewTicker(reread)
	defer files.Stop()
	for {
		due := a.reloader.Again()
		if due.After > 0 {
			again.Reset(due.After)
		}
		select {
		case <-ctx.Done():
			return nil
		case change := <-a.watcher.Changes():
			a.reload(ctx, input.Change{Unsettled: change.Unsettled, Settled: change.Settled, Complete: change.Complete, At: change.At})
		case <-again.C:
			a.reload(ctx, input.Change{Retry: due.Paths})
		case <-a.options.Reload:
			a.everything(ctx)
		case <-expiring.C:
			a.reloader.WarnOfCertificates()
		case <-files.C:
			a.reread(ctx)
		case <-a.keys.Changes():
			a.publishing(a.reloader.Rekey(ctx))
		}
	}
}

func (a *App) reload(ctx context.Context, change input.Change) {
	a.publishing(a.reloader.Reload(ctx, change))
	a.reloader.WarnOfCertificates()
}

// publishing logs a failure to publish. It is no reason to stop serving what is served.
func (a *App) publishing(err error) {
	if err != nil {
		a.options.Logger.Error("cannot publish policy", "error", err)
	}
}

func (a *App) serveAdmin(ctx context.Context) error {
	// A name that it is told to listen on is its own too.
	hosts := append(admin.Hosts{a.options.AdminAddress}, a.options.AdminHosts...)
	return admin.Serve(ctx, a.adminServe, admin.Handler(a.reloader, a.acks, a.keys, a.registry, hosts))
}
