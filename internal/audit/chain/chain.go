// Package chain is the record on disk: lines that are chained by their hashes, files that are rotated, heads that
// are signed, and what verifies and reads all that.
package chain

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/portreeve/portreeve/internal/audit"
)

// Name is the name of the sink.
const Name = "file"

const (
	defaultMaxSize     = 100 << 20
	defaultRotateEvery = 24 * time.Hour
	defaultSignEvery   = time.Minute
	defaultSignLines   = 1000
	defaultMaxPending  = 64 << 20
	// openWithin is how long Open waits for the disk, and closeWithin how long Close does.
	openWithin  = 5 * time.Second
	closeWithin = time.Second
	// retainEvery is how often is looked for files that are old enough to go.
	retainEvery = time.Minute
)

// Options say where the record is kept. Zero values are the defaults.
type Options struct {
	// File is the file that is written. Rotated ones lie beside it, and so do its head and its lock.
	File string
	// MaxSize is the bytes of a file, 100 MiB, and RotateEvery its age, a day, at which it is rotated.
	MaxSize     int64
	RotateEvery time.Duration
	// KeepFiles and KeepFor are how many rotated files are kept, and for how long. Zero is all, for ever.
	KeepFiles int
	KeepFor   time.Duration
	// Key signs the head of the chain, with the first lines of a process, every SignLines lines (1,000) and every SignEvery (a
	// minute) in which there were some, and at the end. Nil signs nothing.
	Key       ed25519.PrivateKey
	SignLines uint64
	SignEvery time.Duration
	// MaxPending bounds the bytes of lines that wait for a disk that takes none: 64 MiB. What comes then is lost.
	MaxPending int
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
	// Logger hears what is wrong with the disk. Nil is silence.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.MaxSize, o.RotateEvery = cmp.Or(o.MaxSize, defaultMaxSize), cmp.Or(o.RotateEvery, defaultRotateEvery)
	o.SignEvery, o.SignLines = cmp.Or(o.SignEvery, defaultSignEvery), cmp.Or(o.SignLines, defaultSignLines)
	o.MaxPending = cmp.Or(o.MaxPending, defaultMaxPending)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Chain keeps the record in a file that this process uses alone. Take and Flush wait for the disk; nothing else does.
type Chain struct {
	options Options
	names   names
	lock    io.Closer
	mill    *mill
	// disk is filled by who writes, and file is theirs.
	disk chan struct{}
	file *file

	mu sync.Mutex
	// kept is the last line that is on disk, taken the last one that is or waits for it in pending.
	kept, taken  audit.Place
	pending      []audit.Line
	pendingBytes int
	// failed is that the disk took nothing when it was last asked.
	failed bool
	// gap is that lines after taken are lost. bridge is the number of the line that says so, once it is told.
	gap    bool
	bridge uint64
	// found is what there is to tell of how the record was found.
	found []audit.Event
	// prunable is what may go, and pruning that it is told.
	prunable   *Pruned
	pruning    bool
	retainedAt time.Time
	// signed and signedAt are of the last signature; before the first of a process signedAt is zero, so that it comes with the
	// first lines: a process that is killed soon leaves a record that is signed. headed and headedAt of the last head that was written.
	signed, headed     uint64
	signedAt, headedAt time.Time
	// headless is that no head was written yet.
	headless bool
}

var _ audit.Chain = (*Chain)(nil)

// Open goes on with a record, or begins one. Half a line at its end, which a crash has left, is cut off, and that is told.
// The error says that another process has it, or that the disk cannot be used or does not answer within 5 s.
func Open(o Options) (*Chain, error) {
	type answer struct {
		chain *Chain
		err   error
	}
	answers := make(chan answer, 1)
	late := make(chan struct{})
	go func() {
		c, err := open(o.withDefaults())
		select {
		case <-late: // nobody wants it any more
			if err == nil {
				_ = c.Close()
			}
		case answers <- answer{c, err}:
		}
	}()
	timer := time.NewTimer(openWithin)
	defer timer.Stop()
	select {
	case a := <-answers:
		return a.chain, a.err
	case <-timer.C:
		close(late)
		return nil, fmt.Errorf("open audit record %s: the disk does not answer", o.File)
	}
}

func open(o Options) (*Chain, error) {
	n, err := namesOf(o.File)
	if err != nil {
		return nil, err
	}
	held, err := lock(n.lock(), o.Logger)
	if err != nil {
		return nil, fmt.Errorf("lock audit record %s: %w", o.File, err)
	}
	end, err := recoverEnd(n, o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open audit record %s: %w", o.File, err), held.Close())
	}
	now := o.Now()
	c := &Chain{
		options: o, names: n, lock: held, disk: make(chan struct{}, 1), file: newFile(n, o, end),
		kept: end.place, taken: end.place, found: end.found,
		signed: end.place.Seq, headed: end.place.Seq, headedAt: now, retainedAt: now,
	}
	c.beginHead()
	c.mill = startMill(n, o, c.mayPrune)
	return c, nil
}

// beginHead writes a head, so that there always is one. Where the record was not found as it should be, the head that was
// found stays until the record itself says so: a crash before that must not make it look sound.
func (c *Chain) beginHead() {
	if c.headless = len(c.found) > 0; c.headless {
		return
	}
	if err := c.writeHead(); err != nil {
		c.headless = true
		c.options.Logger.Error("the head of the audit record cannot be written", "file", c.names.head(), "reason", err)
	}
}

// Name returns the name of the sink.
func (c *Chain) Name() string { return Name }

// Last returns the place of the last line.
func (c *Chain) Last() audit.Place {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.taken
}

// Take writes lines, and syncs the file. What the disk does not take is kept for Flush, up to a bound.
func (c *Chain) Take(ctx context.Context, lines []audit.Line) error {
	lost := c.accept(lines)
	err := c.Flush(ctx)
	if lost > 0 {
		return errors.Join(fmt.Errorf("%d events are missing in it: %w", lost, audit.ErrLost), err)
	}
	return err
}

// accept puts lines behind those that wait, as far as each follows the one before, and returns how many are lost.
func (c *Chain) accept(lines []audit.Line) (lost int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, l := range lines {
		if !c.follows(l) {
			lost++
			continue
		}
		c.pending, c.pendingBytes = append(c.pending, l), c.pendingBytes+len(l.Bytes)+1
		c.taken = audit.Place{Seq: l.Seq, Hash: l.Hash}
	}
	return lost
}

// follows reports whether a line can come next. In a gap only the one that tells of it can.
func (c *Chain) follows(l audit.Line) bool {
	if c.gap {
		if l.Seq == c.bridge {
			c.gap, c.bridge = false, 0
			return true
		}
		if c.bridge != 0 && l.Seq > c.bridge {
			c.bridge = 0 // it was lost itself
		}
		return false
	}
	if l.Seq != c.taken.Seq+1 || c.pendingBytes+len(l.Bytes) >= c.options.MaxPending {
		c.gap = true
		return false
	}
	return true
}

// endHead writes the last head, but not in place of one that was found and of which the record says nothing yet.
func (c *Chain) endHead() error {
	c.mu.Lock()
	headless := c.headless
	c.mu.Unlock()
	if headless {
		return nil
	}
	return c.writeHead()
}

// Close writes the last head and gives the record to other processes. Where the disk hangs it stays this one's until the
// process ends. The recorder is closed before.
func (c *Chain) Close() error {
	timer := time.NewTimer(closeWithin)
	defer timer.Stop()
	select {
	case c.disk <- struct{}{}: // for ever: nothing is written any more
	case <-timer.C:
		return fmt.Errorf("close audit record %s: the disk does not answer", c.options.File)
	}
	done := make(chan error, 1)
	go func() { done <- errors.Join(c.mill.stop(), c.file.close(), c.endHead(), c.lock.Close()) }()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return fmt.Errorf("close audit record %s: the disk does not answer", c.options.File)
	}
}
