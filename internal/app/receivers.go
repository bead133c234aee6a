package app

import (
	"context"
	"errors"
	"fmt"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/alert"
	"github.com/portreeve/portreeve/internal/audit/sink"
	"github.com/portreeve/portreeve/internal/disk"
	"github.com/portreeve/portreeve/internal/reload"
)

// receivers are those of the record beside its file; the zero value is none.
type receivers struct {
	set *sink.Set
	// alerts tells webhooks of the set what AuditAlerts ask for.
	alerts *alert.Engine
}

// openReceivers opens those that the file of --audit-sinks names. An error of the file, or of what it names, is one of the start.
func (a *App) openReceivers(o *audit.Options) error {
	x := a.options.Audit
	if x.Sinks == "" {
		return nil
	}
	content, err := disk.New(disk.Options{}).Read(x.Sinks, sink.MaxConfigBytes)
	if err != nil {
		return fmt.Errorf("--audit-sinks: %w", err)
	}
	config, err := sink.Parse(x.Sinks, content.Bytes)
	if err != nil {
		return fmt.Errorf("--audit-sinks: %w", err)
	}
	if a.record.set, err = sink.Open(sink.Options{
		Config: config, Spool: x.Spool, Instance: o.Instance, Version: o.Version, Registerer: a.registry, Logger: a.options.Logger, Now: a.now,
	}); err != nil {
		return err
	}
	if a.record.alerts, err = alert.New(alert.Options{Sender: a.record.set, Instance: o.Instance, Logger: a.options.Logger, Registerer: a.registry, Now: a.now}); err != nil {
		return err
	}
	o.Sinks = append(o.Sinks, a.record.set, a.record.alerts)
	if a.record.chain != nil {
		if err := a.record.set.CatchUp(a.lastLines(x.File)); err != nil {
			a.options.Logger.Warn("receivers may lack the last events of the process before", "error", err)
		}
	}
	return nil
}

// webhooks are the names that AuditAlerts may name. It is never nil: here it is known which there are.
func (r receivers) webhooks() []string {
	if r.set == nil {
		return []string{}
	}
	return append([]string{}, r.set.Webhooks()...)
}

// toldAlerts is who is told which AuditAlerts are in force; nil is nobody.
func (r receivers) toldAlerts() reload.Alerts {
	if r.alerts == nil {
		return nil
	}
	return r.alerts
}

// start begins to deliver. What becomes of the receivers is recorded.
func (r receivers) start(record func(audit.Event)) {
	if r.set != nil {
		r.set.Start(record)
	}
}

// close delivers what receivers take at once; what is left stays in the spool.
func (r receivers) close(ctx context.Context) error {
	if r.set == nil {
		return nil
	}
	var err error
	if r.alerts != nil {
		err = r.alerts.Close() // first: what it still has to tell goes by the set
	}
	return errors.Join(err, r.set.Close(ctx))
}
