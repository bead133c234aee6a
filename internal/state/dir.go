package state

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// fileName is the name of the file that holds the state.
	fileName = "generations.json"
	// defaultMaxContent is what eight readings hold that share nothing, each as large as policy
	// may be in all by default.
	defaultMaxContent = 8 * 32 << 20
	// overhead is what a file may hold beside the contents: paths, and groups with their labels.
	overhead = 64 << 20
	// defaultTimeout is how long the start waits for the disk. A disk that spins up takes less.
	defaultTimeout = 5 * time.Second
)

// Options say where the state is kept.
type Options struct {
	// Dir is the directory. Who can write there can change what gateways are served.
	Dir string
	// MaxContent bounds the bytes of the files of all generations together, each content counted
	// once. Zero is 256 MiB. A file that cannot be within this is not read.
	MaxContent int64
	// Timeout is how long opening and loading each wait for the disk. Zero is 5 seconds.
	Timeout time.Duration
	// Disk is where the directory lies. Nil is the file system.
	Disk Disk
	// Logger hears of what is wrong with the state. Nil is silence.
	Logger *slog.Logger
	// Registerer takes the metrics. Nil takes none.
	Registerer prometheus.Registerer
	// Now is the clock. Nil is time.Now.
	Now func() time.Time
}

// Dir is a state directory that this process uses alone. It is safe for concurrent use.
type Dir struct {
	options Options
	metrics *metrics
	// opened is closed when the disk has answered; err and lock count from then on.
	opened chan struct{}
	err    error
	lock   io.Closer
	// unknown is set while it is not known what was kept: from Load until the disk has told.
	unknown atomic.Bool
	// ending is closed by Close.
	ending chan struct{}
	end    sync.Once
	// disk is filled by who reads or writes.
	disk chan struct{}
	// journal and closed are for who fills disk.
	journal journal
	closed  bool
}

// Open uses a directory, which is made where it is missing, readable by its owner only. The
// error says that it cannot be used, or which other process uses it. Where the disk does not
// answer in time there is no error, and a log line: the program must not wait for it.
func Open(o Options) (*Dir, error) {
	o.MaxContent, o.Timeout = cmp.Or(o.MaxContent, defaultMaxContent), cmp.Or(o.Timeout, defaultTimeout)
	if o.Disk == nil {
		o.Disk = localDisk{}
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	d := &Dir{options: o, metrics: newMetrics(), opened: make(chan struct{}), ending: make(chan struct{}), disk: make(chan struct{}, 1)}
	if o.Registerer != nil {
		if err := d.metrics.register(o.Registerer); err != nil {
			return nil, fmt.Errorf("register the metrics of the state: %w", err)
		}
	}
	go d.open()
	timer := time.NewTimer(o.Timeout)
	defer timer.Stop()
	select {
	case <-d.opened:
		if d.err != nil {
			return nil, d.err
		}
		return d, nil
	case <-timer.C:
		d.unanswered()
		return d, nil
	}
}

func (d *Dir) open() {
	defer close(d.opened)
	held, err := d.options.Disk.Open(d.options.Dir, d.options.Now())
	if held == nil {
		d.err = err
		return
	}
	d.lock = held
	if err != nil {
		d.options.Logger.Warn("the state directory cannot be locked: see to it that no second control plane uses it", "directory", d.options.Dir, "reason", err)
	}
}

// unanswered says loudly what it means that the disk does not answer at the start. It fails
// closed: a gateway without a good policy opens no listeners.
func (d *Dir) unanswered() {
	d.options.Logger.Error("the state directory does not answer, starting without the last good policy: where the policy files have errors, gateways that start now open no listeners",
		"directory", d.options.Dir, "waited", d.options.Timeout, "hint", "mend the disk; what it keeps is taken up as soon as it answers")
}

// Answered reports whether the disk has answered and the directory is this process's own.
func (d *Dir) Answered() bool {
	select {
	case <-d.opened:
		return d.err == nil
	default:
		return false
	}
}

// Known reports whether it is known what an earlier process kept, be it nothing.
func (d *Dir) Known() bool { return !d.unknown.Load() }

// Path returns the directory.
func (d *Dir) Path() string { return d.options.Dir }

// Load returns what an earlier process kept. A file that is not whole, or that this program
// cannot read, is set aside, and there is nothing then. Where the disk does not answer in time
// there is nothing either, and late is called with what was kept as soon as it does; nothing is
// written before late has returned. It is called before the first write.
func (d *Dir) Load(late func(Content)) Content {
	d.unknown.Store(true)
	var taken atomic.Bool
	loaded := make(chan Content, 1)
	d.disk <- struct{}{} // whoever writes comes after
	go func() {
		<-d.opened
		defer func() { <-d.disk }()
		content, err := d.load()
		d.unknown.Store(err != nil)
		switch {
		case taken.CompareAndSwap(false, true):
			loaded <- content
		case err == nil:
			late(content)
		}
	}()
	if d.Answered() {
		timer := time.NewTimer(d.options.Timeout)
		defer timer.Stop()
		select {
		case content := <-loaded:
			return content
		case <-timer.C:
		}
	}
	if !taken.CompareAndSwap(false, true) {
		return <-loaded
	}
	if d.Answered() { // else it is said already
		d.unanswered()
	}
	return Content{}
}

// load reads the file, and sets it aside where it cannot be read. The error says that the
// directory is not ours.
func (d *Dir) load() (Content, error) {
	if d.err != nil {
		d.options.Logger.Error("the state directory cannot be used", "directory", d.options.Dir, "reason", d.err)
		return Content{}, d.err
	}
	text, err := d.readAtLast(fileName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Content{}, nil
	case errors.Is(err, errEnded):
		return Content{}, err
	}
	var content Content
	if err == nil {
		content, err = decode(text)
	}
	if err == nil {
		content, err = d.replayed(content, checksumOf(text))
	}
	switch {
	case errors.Is(err, errEnded):
		return Content{}, err
	case err != nil:
		d.setAside(err)
		return Content{}, nil
	}
	return content, nil
}

// replayed returns a state with what the journal tells of it. Without a journal there is nothing to tell.
func (d *Dir) replayed(content Content, base string) (Content, error) {
	text, err := d.readAtLast(journalName)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return content, nil
	case err != nil:
		return Content{}, err
	}
	return replay(content, base, text)
}

// errEnded says that the file was not read before the end.
var errEnded = errors.New("the state directory is closed before it was read")

// readEvery is how often a file is tried that the disk fails to read.
const readEvery = time.Second

// passing reports a failure of the disk or of the system that says nothing of the file.
func passing(err error) bool {
	return slices.ContainsFunc([]error{
		syscall.EAGAIN, syscall.EBUSY, syscall.EINTR, syscall.EIO, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, syscall.ESTALE, syscall.ETIMEDOUT,
	}, func(e error) bool { return errors.Is(err, e) })
}

// readAtLast reads a file. What the disk fails to read, such as a file under somebody's lease, or
// for want of descriptors, may be whole: it is tried until it is read or proves to be broken.
func (d *Dir) readAtLast(name string) ([]byte, error) {
	path := filepath.Join(d.options.Dir, name)
	for told := false; ; told = true {
		text, err := d.options.Disk.Read(path, 2*d.options.MaxContent+overhead)
		if err == nil || !passing(err) {
			return text, err
		}
		if !told {
			d.options.Logger.Error("the kept state cannot be read now, and is tried again every second", "file", path, "reason", err)
		}
		select {
		case <-time.After(readEvery):
		case <-d.ending:
			return nil, errEnded
		}
	}
}

func (d *Dir) setAside(reason error) {
	d.metrics.aside.Inc()
	aside, err := SetAside(d.path(), d.options.Now())
	// What its journal told is of no use without it, and may be what is broken; mostly there is none.
	_, _ = SetAside(filepath.Join(d.options.Dir, journalName), d.options.Now())
	d.options.Logger.Error("the kept state cannot be read, starting from the policy files alone", "file", d.path(), "reason", reason, "setAside", aside, "failed", err)
}

func (d *Dir) path() string { return filepath.Join(d.options.Dir, fileName) }

// write replaces what is kept with what content returns, which is asked once the disk is free.
// It returns how many generations there was no room for.
func (d *Dir) write(content func() Content) (leftOut int, err error) {
	<-d.opened
	d.disk <- struct{}{}
	defer func() { <-d.disk }()
	switch {
	case d.err != nil:
		return 0, d.err
	case d.closed:
		return 0, errors.New("the state directory is closed")
	case !d.Known():
		return 0, errors.New("it is not known yet what is kept there")
	}
	now := content()
	if text, sum, grown, ok := d.journal.line(now, d.options.MaxContent); ok {
		if err := d.options.Disk.Append(filepath.Join(d.options.Dir, journalName), text); err == nil {
			d.journal.written(now, text, sum, grown)
			return 0, nil
		}
	}
	return d.writeWhole(now)
}

// writeWhole replaces what is kept, and begins a journal of it. What there is of an older journal is of another
// state, and does not count.
func (d *Dir) writeWhole(now Content) (leftOut int, err error) {
	d.journal = journal{}
	body, leftOut, err := encode(now, d.options.MaxContent)
	if err != nil {
		return leftOut, err
	}
	text := enclosed(body)
	if err := d.options.Disk.Replace(d.path(), text); err != nil {
		return leftOut, err
	}
	if len(text) < minWhole || leftOut > 0 {
		return leftOut, nil
	}
	head := fmt.Appendf(nil, "{\"base\":%q}\n", checksum(body))
	// Without a journal the next write is of everything again.
	if err := d.options.Disk.Replace(filepath.Join(d.options.Dir, journalName), head); err == nil {
		d.journal.began(now, body, text)
	}
	return leftOut, nil
}

// Close gives the directory to other processes. Where the disk hangs in the midst of something
// for longer than a second, it stays this one's until the process ends.
func (d *Dir) Close() error {
	d.end.Do(func() { close(d.ending) })
	if !d.Answered() {
		return nil
	}
	timer := time.NewTimer(lastWriteTimeout)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case d.disk <- struct{}{}:
	}
	defer func() { <-d.disk }()
	if d.closed {
		return nil
	}
	d.closed = true
	return d.lock.Close()
}
