package app

import (
	"context"
	"fmt"

	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/sink"
	"github.com/portreeve/portreeve/internal/disk"
)

// receivers are those of the record beside its file; the zero value is none.
type receivers struct{ set *sink.Set }

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
	o.Sinks = append(o.Sinks, a.record.set)
	return nil
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
	return r.set.Close(ctx)
}
