package envoytest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-multierror"
)

const (
	startBound = 30 * time.Second
	stopBound  = 5 * time.Second
)

// State is how far Envoy must have come before Start returns.
type State int

const (
	// Live waits until Envoy has its initial configuration and its workers serve.
	Live State = iota
	// AdminOpen waits for the admin address only: for an Envoy whose configuration is late, or never comes.
	AdminOpen
)

// Options says how Envoy is run.
type Options struct {
	// Bootstrap is Envoy's bootstrap, YAML or JSON. It must have an admin address; port 0 is best.
	Bootstrap []byte
	// Extension is that of the bootstrap's file, by which Envoy knows its form: .pb for a message in binary,
	// which it reads fastest. Empty: .yaml.
	Extension string
	// Binary is the program; empty: what the function Binary returns.
	Binary string
	// LogLevel is trace, debug, info, warning, error, critical or off; empty: info.
	LogLevel string
	// Concurrency is the number of worker threads; 0: 2, so that what differs among workers shows.
	Concurrency int
	// Args are further arguments, such as "--drain-time-s", "5".
	Args []string
	// Until is how far Envoy must have come before Start returns.
	Until State
}

// Envoy is a running Envoy. Its methods may be called from several goroutines.
type Envoy struct {
	cmd      *exec.Cmd
	folder   string
	admin    string
	client   *http.Client
	done     chan struct{} // closed when the process has ended
	stopping sync.Once
	finalLog string
	logMutex sync.RWMutex
}

// Start runs Envoy and waits, at most for 30 seconds, until it is as far as o.Until says. The
// context bounds that wait and no more: Envoy runs until Stop, which the caller owes, or until
// this process ends (on Linux even when it is killed). When Envoy refuses its bootstrap or is
// not ready in time, the error has the end of its log.
func Start(ctx context.Context, o Options) (*Envoy, error) {
	e, err := launch(o)
	if err != nil {
		return nil, fmt.Errorf("start envoy: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, startBound)
	defer cancel()
	if err := e.await(ctx, o.Until); err != nil {
		e.Stop()
		return nil, fmt.Errorf("start envoy: %w; the end of its log:\n%s", err, tail(e.Log(), 20))
	}
	return e, nil
}

// launch writes the bootstrap to a folder of its own and starts the process.
func launch(o Options) (*Envoy, error) {
	if o.Binary == "" {
		path, err := Binary()
		if err != nil {
			return nil, err
		}
		o.Binary = path
	}
	folder, err := os.MkdirTemp("", "envoytest-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	e := &Envoy{
		folder: folder,
		// One connection for each question: none stays behind to leak.
		client: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: stopBound},
		done:   make(chan struct{}),
	}
	if err := e.run(o); err != nil {
		return nil, multierror.Append(err, os.RemoveAll(folder)).ErrorOrNil()
	}
	return e, nil
}

func (e *Envoy) run(o Options) error {
	if err := os.WriteFile(e.bootstrapFile(o), o.Bootstrap, 0o600); err != nil {
		return fmt.Errorf("write the bootstrap: %w", err)
	}
	log, err := os.Create(e.file("log"))
	if err != nil {
		return fmt.Errorf("create the log: %w", err)
	}
	defer log.Close()
	e.cmd = exec.Command(o.Binary, e.arguments(o)...)
	// A file and no pipe: Envoy never waits for a reader.
	e.cmd.Stdout, e.cmd.Stderr = log, log
	e.cmd.SysProcAttr = processAttributes()
	if err := e.cmd.Start(); err != nil {
		return err
	}
	go func() {
		defer close(e.done)
		_ = e.cmd.Wait() // how it ended stands in ProcessState
	}()
	return nil
}

func (e *Envoy) bootstrapFile(o Options) string {
	if o.Extension == "" {
		return e.file("bootstrap.yaml")
	}
	return e.file("bootstrap" + o.Extension)
}

func (e *Envoy) arguments(o Options) []string {
	level, concurrency := o.LogLevel, o.Concurrency
	if level == "" {
		level = "info"
	}
	if concurrency == 0 {
		concurrency = 2
	}
	return append([]string{
		"--config-path", e.bootstrapFile(o),
		"--admin-address-path", e.file("admin"),
		"--log-level", level,
		"--concurrency", strconv.Itoa(concurrency),
		// Without it Envoys on one machine must each have a --base-id of their own.
		"--disable-hot-restart",
		// Else what this Envoy does not know of what it is served would be dropped without a word, and no test would see it.
		// Of its bootstrap Envoy refuses it by itself.
		"--reject-unknown-dynamic-fields",
	}, o.Args...)
}

func (e *Envoy) await(ctx context.Context, state State) error {
	if err := e.awaitAdmin(ctx); err != nil {
		return err
	}
	if state == AdminOpen {
		return nil
	}
	return e.WaitReady(ctx)
}

// awaitAdmin reads the admin address that Envoy writes once it listens.
func (e *Envoy) awaitAdmin(ctx context.Context) error {
	return e.poll(ctx, "the admin address", func(context.Context) (bool, error) {
		b, err := os.ReadFile(e.file("admin"))
		if errors.Is(err, os.ErrNotExist) {
			return false, nil
		}
		if _, port, err := net.SplitHostPort(string(b)); err != nil || port == "" {
			return false, nil // half written
		}
		e.admin = string(b)
		return true, err
	})
}

// Admin returns the address (host:port) of Envoy's admin interface.
func (e *Envoy) Admin() string { return e.admin }

// PID returns the id of the process.
func (e *Envoy) PID() int { return e.cmd.Process.Pid }

// Done is closed when the process has ended, by Stop or by itself.
func (e *Envoy) Done() <-chan struct{} { return e.done }

// Stop ends Envoy: SIGTERM, and SIGKILL when it still runs after five seconds. It returns when
// the process is gone and its files are removed. Only the first call does anything.
func (e *Envoy) Stop() {
	e.stopping.Do(func() {
		_ = e.cmd.Process.Signal(syscall.SIGTERM) // fails when it has ended already
		bound := time.NewTimer(stopBound)
		defer bound.Stop()
		select {
		case <-e.done:
		case <-bound.C:
			_ = e.cmd.Process.Kill()
			<-e.done
		}
		e.client.CloseIdleConnections()
		e.keepLog()
		_ = os.RemoveAll(e.folder) // a temporary folder that stays harms nobody
	})
}

func (e *Envoy) file(name string) string { return filepath.Join(e.folder, name) }
