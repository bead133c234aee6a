package sink

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-multierror"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/portreeve/portreeve/internal/audit"
)

// reserved is the name of the whole set, as a sink of the record.
const reserved = "spool"

// Options say what a Set is made of.
type Options struct {
	Config Config
	// Spool is the directory of --audit-spool. Without one queues are in memory alone, and lost at a crash.
	Spool string
	// Instance names the control plane, and Version its build, to receivers.
	Instance, Version string
	Registerer        prometheus.Registerer
	Logger            *slog.Logger
	// Now is the clock; nil is that of the system.
	Now func() time.Time
}

// Set is the sinks of the record that others are told by. It is an audit.Sink: each line goes to all sinks that want it, and
// is on disk once for each when Take returns nil.
type Set struct {
	options Options
	senders map[string]*sender
	order   []string
	writer  *writer
	// tell takes events about sinks, once Start was called.
	tell atomic.Pointer[func(audit.Event)]

	closing chan struct{}
	running sync.WaitGroup
	cancel  context.CancelFunc
}

// Open makes the sinks of a Config. It fails where a file that is named there cannot be used, and where another process has the
// spool. A spool that cannot be used otherwise is no reason not to start: it is said, and tried again.
func Open(o Options) (*Set, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := newSet(o)
	if err := s.build(); err != nil {
		return nil, err
	}
	if o.Spool != "" {
		if err := s.openSpool(); err != nil {
			return nil, errors.Join(fmt.Errorf("--audit-spool %s: %w", o.Spool, err), s.closeDeliverers())
		}
	}
	if o.Registerer != nil {
		if err := o.Registerer.Register(metrics{s}); err != nil {
			return nil, errors.Join(err, s.Close(context.Background()))
		}
	}
	return s, nil
}

func newSet(o Options) *Set {
	return &Set{options: o, senders: map[string]*sender{}, closing: make(chan struct{})}
}

// add adds a sink, that takes so many lines at a time.
func (s *Set) add(name string, patterns []string, most int, d Deliverer) {
	s.order = append(s.order, name)
	s.senders[name] = s.newSender(name, patterns, most, d)
}

// build makes a sender for each sink.
func (s *Set) build() error {
	var errs *multierror.Error
	add := func(name string, patterns []string, most int, d Deliverer, err error) {
		if err != nil {
			errs = multierror.Append(errs, fmt.Errorf("--audit-sinks: sink %s: %w", name, err))
			return
		}
		s.add(name, patterns, most, d)
	}
	c := s.options.Config
	for _, w := range c.Webhooks {
		d, err := newWebhook(w, s.options)
		add(w.Name, w.patterns(), w.most(), d, err)
	}
	for _, each := range c.OTLP {
		d, err := newOTLP(each, s.options)
		add(each.Name, each.Types, maxBatch, d, err)
	}
	for _, each := range c.Syslog {
		d, err := newSyslog(each, s.options)
		add(each.Name, each.Types, maxBatch, d, err)
	}
	if err := joined(errs); err != nil {
		return errors.Join(err, s.closeDeliverers())
	}
	return nil
}

// openSpool starts what writes to disk, and waits for its first word.
func (s *Set) openSpool() error {
	queues := map[string]*queue{}
	for name, each := range s.senders {
		queues[name] = each.queue
	}
	w := newWriter(filepath.Join(s.options.Spool, storeFile), queues)
	w.now, w.logger, w.lost = s.options.Now, s.options.Logger, s.lost
	s.writer = w
	for _, each := range s.senders {
		each.writer = w
	}
	go w.run()
	if err := w.sync(context.Background()); errors.Is(err, ErrLocked) {
		close(w.stop)
		<-w.done
		return err
	}
	return nil
}

// Start begins to deliver. Events about sinks go to tell, which does not wait; they are for the record.
func (s *Set) Start(tell func(audit.Event)) {
	s.tell.Store(&tell)
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	for _, each := range s.senders {
		s.running.Go(func() { each.run(ctx, s.closing) })
	}
}

// CatchUp gives each sink those of the last lines of the record that it lacks: a process that was killed may have written a line to the
// record and not to the spool. It is called before the recorder is, with lines in order.
func (s *Set) CatchUp(lines []audit.Line) error {
	var errs *multierror.Error
	for _, name := range s.order {
		each := s.senders[name]
		errs = multierror.Append(errs, each.take(each.queue.lacks(lines)))
	}
	if s.writer != nil {
		errs = multierror.Append(errs, s.writer.sync(context.Background()))
	}
	return joined(errs)
}

// Name implements audit.Sink.
func (s *Set) Name() string { return reserved }

// Take implements audit.Sink: it hands lines to every sink that wants them. With a spool nil says that they are on disk, or
// delivered. Without one it says nothing: lines are in memory. It waits for the disk five seconds at most.
func (s *Set) Take(ctx context.Context, lines []audit.Line) error {
	var errs *multierror.Error
	for some := range slices.Chunk(lines, linesAtOnce) {
		for _, name := range s.order {
			errs = multierror.Append(errs, s.senders[name].take(some))
		}
		if s.writer != nil {
			errs = multierror.Append(errs, s.writer.sync(ctx))
		}
	}
	if s.writer == nil {
		return nil
	}
	return joined(errs)
}

// Flush implements audit.Flusher: nil says that all that waits is on disk, and that there is room for more.
func (s *Set) Flush(ctx context.Context) error {
	if s.writer == nil {
		return nil
	}
	var errs *multierror.Error
	for _, name := range s.order {
		if s.senders[name].queue.full() {
			errs = multierror.Append(errs, fmt.Errorf("sink %s: too much is waiting for it", name))
		}
	}
	return joined(multierror.Append(errs, s.writer.sync(ctx)))
}

// linesAtOnce bounds what is put on disk before it is waited for, far below what memory takes.
const linesAtOnce = 1000

// Webhooks returns the names of webhooks, in the order of the file.
func (s *Set) Webhooks() []string {
	var names []string
	for _, w := range s.options.Config.Webhooks {
		names = append(names, w.Name)
	}
	return names
}

// Send hands a CloudEvent, in JSON on one line, to a webhook, in order with all that it is told. It does not wait: the
// event is in the queue, and on disk soon. The error says that there is no such webhook, or no room.
func (s *Set) Send(webhook string, event []byte) error {
	if !slices.Contains(s.Webhooks(), webhook) {
		return fmt.Errorf("--audit-sinks has no webhook %q", webhook)
	}
	each := s.senders[webhook]
	err := each.push([]audit.Line{{Bytes: event}})
	if s.writer != nil {
		signal(s.writer.wanted)
	}
	return err
}

// lost counts events that a sink will never get, and tells of them.
func (s *Set) lost(sink string, count int, why reason) { s.senders[sink].lose(loss{count: count}, why) }

// closeWithin is how long Close waits for receivers, and then for the disk.
const closeWithin = 900 * time.Millisecond

// Close ends within two seconds, or when ctx does: what is due is delivered as far as receivers take it at once, what is not
// stays in the spool.
func (s *Set) Close(ctx context.Context) error {
	close(s.closing)
	ended := make(chan struct{})
	go func() { s.running.Wait(); close(ended) }()
	patience := within(ctx, ended, closeWithin)
	if s.cancel != nil {
		s.cancel()
	}
	if !patience {
		within(ctx, ended, closeWithin/9)
	}
	if s.writer != nil {
		close(s.writer.stop)
		if !within(ctx, s.writer.done, closeWithin) {
			return errStuck
		}
	}
	return s.closeDeliverers()
}

// within waits for an end, and reports whether it came.
func within(ctx context.Context, end <-chan struct{}, most time.Duration) bool {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-end:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// closeDeliverers lets go of what was made.
func (s *Set) closeDeliverers() error {
	var errs *multierror.Error
	for _, each := range s.senders {
		errs = multierror.Append(errs, each.deliverer.Close())
	}
	return joined(errs)
}
