package app

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/chain"
	"github.com/portreeve/portreeve/internal/audit/origin"
	"github.com/portreeve/portreeve/internal/audit/who"
	"github.com/portreeve/portreeve/internal/disk"
	"github.com/portreeve/portreeve/internal/reload"
)

// Audit says how what happens is recorded. The zero value records nothing.
type Audit struct {
	// File is the record, that is rotated at MaxBytes and at MaxAge; 0 is the default of each.
	File     string
	MaxBytes int64
	MaxAge   time.Duration
	// Keep is how many rotated files are kept, and KeepFor for how long; 0 is all, for ever.
	Keep    int
	KeepFor time.Duration
	// KeyFile holds the ed25519 key (PEM, PKCS#8) that signs the head of the record.
	KeyFile string
	// Sinks is the file that names further receivers, and Spool the directory that keeps what waits for them.
	Sinks, Spool string
	// Required serves nothing that is not on record.
	Required bool
	// Flags are those that the process was given, as NAME=VALUE, to be told at its start.
	Flags []string
}

// check returns what is wrong with the options by themselves.
func (x Audit) check() error {
	switch {
	case x.MaxBytes < 0 || x.MaxAge < 0 || x.Keep < 0 || x.KeepFor < 0:
		return errors.New("--audit-log-max-bytes, --audit-log-max-age, --audit-log-keep and --audit-log-keep-for are not negative; 0 is the default")
	case x.File == "" && x.Required:
		return errors.New("--audit-required serves nothing that is not on record: it needs --audit-log FILE")
	case x.File == "" && slices.ContainsFunc(x.Flags, func(f string) bool { return strings.HasPrefix(f, "audit-log-") }):
		return errors.New("--audit-log-max-bytes, --audit-log-max-age, --audit-log-keep and --audit-log-keep-for are about the file of the record: they need --audit-log FILE")
	case x.File == "" && x.KeyFile != "":
		return errors.New("--audit-key signs the record: it needs --audit-log FILE")
	case x.Sinks == "" && x.Spool != "":
		return errors.New("--audit-spool keeps what waits for the receivers of --audit-sinks: it needs that file")
	case x.Sinks != "" && x.Spool == "" && x.Required:
		return errors.New("--audit-required with --audit-sinks needs --audit-spool DIR: without it what waits for a receiver is lost with the process")
	default:
		return nil
	}
}

// record is what happens, as it is recorded. Its zero value records nothing.
type record struct {
	recorder *audit.Recorder
	chain    *chain.Chain // nil where there is no file, or it cannot be had
	receivers
	gateways *origin.Gateways
	// generations is nil where nothing is recorded.
	generations *origin.Generations
	// before is the type of the last event of the process before.
	before audit.Type
	began  time.Time
	told   bool
}

// openRecord opens the record, before anything can happen. A disk that cannot be written to is no reason not to start: gateways need
// what the state directory has. With --audit-required nothing new is served then, since the sink that is broken keeps nothing.
func (a *App) openRecord() (err error) {
	o, x := audit.Options{
		Required: a.options.Audit.Required, Instance: instance(), Version: a.options.Build.Version, Now: a.now, Logger: a.options.Logger, Registerer: a.registry,
	}, a.options.Audit
	if err := x.check(); err != nil {
		return err
	}
	r := &a.record
	defer func() {
		if err != nil {
			err = errors.Join(err, r.release())
		}
	}()
	if x.File != "" {
		if o.Chain, o.Sinks, err = a.openChain(); err != nil {
			return err
		}
	}
	if err := a.openReceivers(&o); err != nil {
		return err
	}
	if x.File != "" || x.Sinks != "" {
		if r.recorder, err = audit.New(o); err != nil {
			return err
		}
		r.generations = origin.NewGenerations(origin.GenerationsOptions{Record: r.recorder, Changed: who.New(who.Options{Now: a.now}), Require: x.Required})
	}
	r.began, r.gateways = a.now(), origin.NewGateways(r.recorder.Record, a.now)
	r.start(r.recorder.Record)
	return nil
}

// openChain opens the file. Where that fails for another reason than that it is another process's, what stands for it keeps nothing.
func (a *App) openChain() (audit.Chain, []audit.Sink, error) {
	x := a.options.Audit
	key, err := readAuditKey(x.KeyFile)
	if err != nil {
		return nil, nil, err
	}
	a.record.before = a.lastEvent(x.File)
	c, err := chain.Open(chain.Options{
		File: x.File, MaxSize: x.MaxBytes, RotateEvery: x.MaxAge, KeepFiles: x.Keep, KeepFor: x.KeepFor, Key: key, Now: a.now, Logger: a.options.Logger,
	})
	switch {
	case errors.Is(err, chain.ErrHeld):
		return nil, nil, fmt.Errorf("--audit-log %s: %w: give each control plane a file of its own", x.File, err)
	case err != nil:
		a.options.Logger.Error("nothing is recorded in the file of the record: it cannot be opened before the next start", "file", x.File, "error", err, "required", x.Required)
		return nil, []audit.Sink{audit.Broken{Sink: chain.Name, Err: err}}, nil
	}
	a.record.chain = c
	return c, nil, nil
}

// instance names this control plane among others.
func instance() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "portreeve"
	}
	return name
}

// maxKey bounds the file of a key.
const maxKey = 64 << 10

// readAuditKey reads the key that signs. No error shows anything of what the file holds.
func readAuditKey(file string) (ed25519.PrivateKey, error) {
	if file == "" {
		return nil, nil
	}
	content, err := disk.New(disk.Options{}).Read(file, maxKey)
	if err != nil {
		return nil, fmt.Errorf("--audit-key: %w", err)
	}
	block, _ := pem.Decode(content.Bytes)
	if block == nil || block.Type != "PRIVATE KEY" {
		return nil, fmt.Errorf("--audit-key %s: want a PEM block PRIVATE KEY (PKCS #8, without a passphrase), as of openssl genpkey -algorithm ed25519", file)
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("--audit-key %s: it is no key of PKCS #8", file)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("--audit-key %s: it is a key of another kind than ed25519, as openssl genpkey -algorithm ed25519 makes one", file)
	}
	return private, nil
}

// toldGenerations is who is told of generations; nil is nobody.
func (r *record) toldGenerations() reload.Recorder {
	if r.generations == nil {
		return nil
	}
	return r.generations
}

// recording puts on record what waits for it, until ctx ends, and what is left then.
func (a *App) recording(ctx context.Context) error {
	if a.record.generations == nil {
		return nil
	}
	return a.record.generations.Run(ctx)
}

// recordStart puts the start on record, once it is known by which certificate gateways are served.
func (a *App) recordStart() {
	s := origin.Start{Build: a.options.Build, Flags: a.options.Audit.Flags, PID: os.Getpid(), Before: a.record.before}
	if a.access.tls != nil {
		s.Certificate = a.access.tls.Certificate()
	}
	a.record.told = true
	a.record.recorder.Record(origin.Started(s))
}

// closeRecord puts the end on record, and closes it. It takes four seconds at most, and the process ends before that where it is told to.
func (a *App) closeRecord(cause, failure error) {
	r := &a.record
	if r.told {
		r.gateways.Rest()
		r.recorder.Record(origin.Stopped(cause, failure, a.now().Sub(r.began)))
	}
	if err := r.release(); err != nil {
		a.options.Logger.Error("the record is not whole at the end", "file", a.options.Audit.File, "error", err)
	}
}

// release closes what was opened: the recorder first, then what it writes to, side by side.
func (r *record) release() error {
	err := r.recorder.Close()
	others := make(chan error, 1)
	go func() { others <- r.close(context.Background()) }()
	if r.chain != nil {
		err = errors.Join(err, r.chain.Close())
	}
	return errors.Join(err, <-others)
}
