package terminal

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	// patience is how long nothing is shown: most of what is asked for is done by then.
	patience = time.Second
	// pause is how often the line is written anew.
	pause = 200 * time.Millisecond
	// home goes to the begin of the line and takes away what stands there.
	home = "\r\x1b[K"
)

// Progress is a line on a terminal that says what is being done, from a second on, until it is taken away. What is told of it
// costs next to nothing: the line is written by itself, a few times a second. The zero value shows nothing.
type Progress struct {
	mu   sync.Mutex
	what func() string
	stop chan struct{}
	done chan struct{}
}

// Begin returns a progress that is shown on w where that is a terminal that can take a line away, and shows nothing elsewhere.
// End must be called before anything else is written to the same terminal.
func Begin(w io.Writer, environment Environment) *Progress {
	p := &Progress{}
	if Is(w) && able(environment) {
		p.start(w, time.After(patience), time.NewTicker(pause))
	}
	return p
}

// start shows the line from a moment on, and anew at each tick.
func (p *Progress) start(w io.Writer, from <-chan time.Time, ticks *time.Ticker) {
	p.stop, p.done = make(chan struct{}), make(chan struct{})
	go func() {
		defer close(p.done)
		defer ticks.Stop()
		select {
		case <-from:
		case <-p.stop:
			return
		}
		for {
			fmt.Fprint(w, home+p.text())
			select {
			case <-ticks.C:
			case <-p.stop:
				fmt.Fprint(w, home)
				return
			}
		}
	}()
}

// Say tells what is done now. The text is short and printable.
func (p *Progress) Say(format string, args ...any) {
	p.Follow(func() string { return fmt.Sprintf(format, args...) })
}

// Follow tells who knows what is done now: it is asked whenever the line is written, from another goroutine.
func (p *Progress) Follow(what func() string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.what = what
}

func (p *Progress) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.what == nil {
		return ""
	}
	return p.what()
}

// End takes the line away, and returns when it is gone. It may be called again.
func (p *Progress) End() {
	if p.stop == nil {
		return
	}
	close(p.stop)
	<-p.done
	p.stop = nil
}
