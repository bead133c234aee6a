// Package app wires the control plane together: directories in, ADS and admin out.
package app

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/portreeve/portreeve/internal/audit/origin"
	"github.com/portreeve/portreeve/internal/build"
	"github.com/portreeve/portreeve/internal/disk"
	"github.com/portreeve/portreeve/internal/ignore"
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

// The defaults of Options.MaxConnections, NewGroups and MaxStreams.
const (
	DefaultMaxConnections = server.DefaultMaxConnections
	DefaultNewGroups      = server.DefaultNewGroups
	DefaultMaxStreams     = server.DefaultMaxStreams
)

// Options are what a control plane is started with.
type Options struct {
	// Dirs are the policy directories. At least one.
	Dirs []string
	// AllowEmpty are the directories that may hold nothing; Limits bound what is read.
	AllowEmpty []string
	// Exclude takes files of the policy directories away.
	Exclude *ignore.Rules
	Limits  source.Limits
	// XDS says how gateways come in.
	XDS XDS
	// Admin says who reaches the admin interface.
	Admin Admin
	// MaxConnections of gateways may be open, and NewGroups may one address bring a minute that
	// were never here. 0 is the server's default.
	MaxConnections, NewGroups int
	// MaxStreams of gateways are served at one time. 0 is the server's default.
	MaxStreams int
	// AllowUntestedEnvoy serves gateways whose Envoy is older than those that were tested, or not known.
	AllowUntestedEnvoy bool
	// StateDir keeps the last good policy across restarts; empty keeps nothing.
	StateDir string
	Settings model.Settings
	// KeyCAFile holds roots, beside the system's, for fetching keys; KeyBlockCIDRs are
	// addresses from which none are fetched, beside link-local and metadata addresses.
	KeyCAFile     string
	KeyBlockCIDRs []netip.Prefix
	// Reload asks for everything to be read and fetched again. Nil never does.
	Reload <-chan os.Signal
	// Build says which program this is.
	Build  build.Info
	Logger *slog.Logger
	// Audit says how what happens is recorded.
	Audit Audit
	// Now is the clock of every part that takes one. Nil is time.Now.
	Now func() time.Time
}

// App is a control plane that listens but does not serve yet.
type App struct {
	options  Options
	disk     *disk.Disk
	files    *input.Reader
	reloader *reload.Reloader
	// certificates tells of those that soon end.
	certificates *reload.Certificates
	state        *state.Dir // nil keeps nothing
	xds          *server.Server
	acks         *ack.Store
	watcher      *watch.Watcher
	keys         *jwks.Fetcher
	registry     *prometheus.Registry
	access       access
	admin        adminAccess
	record       record
}

// New checks the options, opens the listeners and starts watching the directories. An
// error is I/O: a directory or an address that cannot be had.
func New(o Options) (_ *App, err error) {
	a := &App{options: o, registry: prometheus.NewRegistry(), disk: disk.New(disk.Options{})}
	if o.Settings.KeyFetch == model.FetchByGateway && (o.KeyCAFile != "" || len(o.KeyBlockCIDRs) > 0) {
		o.Logger.Warn("--jwks-ca-file and --jwks-block-cidr do not count where gateways fetch keys: they hold for the discovery of issuers only",
			"hint", "gateways trust their own authorities, and their network decides where they can connect")
	}
	a.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), buildMetric(o.Build))
	if err := a.openRecord(); err != nil {
		return nil, err
	}
	o.Settings.Webhooks = a.record.webhooks()
	defer func() { // a process that tries again finds the address, the directory and the record free
		if err != nil {
			err = errors.Join(err, a.abandon())
			a.closeRecord(nil, err)
		}
	}()
	err = a.openAccess()
	a.recordStart()
	if err != nil {
		return nil, err
	}
	keysDir, err := a.openState()
	if err != nil {
		return nil, err
	}
	a.keys, err = jwks.New(jwks.Options{
		StateDir: keysDir, CAFile: o.KeyCAFile, BlockCIDRs: o.KeyBlockCIDRs, Logger: o.Logger, Registerer: a.registry, Now: a.now,
		Changed: func(c jwks.Change) { a.record.recorder.Record(origin.Keys(c)) },
	})
	if err != nil {
		return nil, err
	}
	if a.acks, err = ack.New(ack.Options{Clock: a.now, Registerer: a.registry, Observe: a.observe}); err != nil {
		return nil, err
	}
	a.xds = server.New(server.Options{
		Acks: a.acks, Logger: o.Logger, Registerer: a.registry, MaxConnections: a.connections(openFiles()), NewGroups: o.NewGroups, MaxStreams: o.MaxStreams, AllowUntestedEnvoy: o.AllowUntestedEnvoy,
		Credentials: a.access.credentials, Judge: a.access.judge, MaxConnectionAge: o.XDS.MaxConnectionAge, Now: a.now, Refused: a.record.gateways.Refused,
	})
	a.files = a.readFiles()
	a.reloader, err = reload.New(reload.Options{
		Files: a.files, Publisher: a.xds, Access: a.access.judge, Settings: o.Settings, Keyring: a.keys, State: a.state, Logger: o.Logger, Metrics: reload.NewMetrics(a.registry), Now: a.now,
		Record: a.record.toldGenerations(), Alerts: a.record.toldAlerts(),
	})
	if err != nil {
		return nil, err
	}
	a.files.ExpectMounts(a.reloader.Mounts())
	if err := a.watchFiles(); err != nil {
		return nil, err
	}
	a.certificates = reload.NewCertificates(a.reloader)
	a.registry.MustRegister(a.certificates, reload.NewGroupMetrics(a.reloader), reload.NewGoneMetric(a.reloader))
	return a, a.openAdmin()
}

// now is the time by the clock of the options.
func (a *App) now() time.Time {
	if a.options.Now == nil {
		return time.Now()
	}
	return a.options.Now()
}

// observe puts on record what gateways do, and tells the reloader which come and go.
func (a *App) observe(e ack.Event) {
	a.record.gateways.Observe(e)
	switch e.Kind {
	case ack.Connected:
		a.reloader.Connected(e.Peer.Node, e.Peer.Group)
	case ack.Disconnected:
		a.reloader.Disconnected(e.Peer.Node, e.Peer.Group)
	default:
	}
}

// buildMetric is 1, and says which program this is by its labels.
func buildMetric(b build.Info) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "portreeve_build_info", Help: "1, with the version, the commit and the Go of the program.",
		ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit, "goversion": b.GoVersion},
	}, func() float64 { return 1 })
}

// abandon closes what a start has opened that has failed.
func (a *App) abandon() error {
	var err error
	if a.access.listener != nil {
		err = a.access.listener.Close()
	}
	if a.state != nil {
		err = errors.Join(err, a.state.Close())
	}
	return err
}

// XDSAddress returns where gateways are listened to, as --xds-address says it.
func (a *App) XDSAddress() string {
	at := a.access.listener.Addr()
	if at.Network() == "unix" {
		return "unix://" + at.String()
	}
	return at.String()
}
