package alert

import (
	"sync"

	"github.com/portreeve/portreeve/internal/audit"
)

// backlog is the lines that were taken and not looked at yet.
type backlog struct {
	mu    sync.Mutex
	lines []audit.Line
	bytes int
	// missed are those that there was no room for.
	missed uint64
	wake   chan struct{}
}

// put takes lines as far as there is room. It does not wait.
func (b *backlog) put(lines []audit.Line) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range lines {
		if len(b.lines) == maxBacklog || b.bytes+len(line.Bytes) > maxBacklogBytes {
			b.missed++
			continue
		}
		b.lines, b.bytes = append(b.lines, line), b.bytes+len(line.Bytes)
	}
	b.rouse()
}

// rouse wakes who takes them.
func (b *backlog) rouse() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// atOnce is how many lines are looked at until what is due is told.
const atOnce = 16

// take returns the first of what there is, and how many lines there was no room for.
func (b *backlog) take() (lines []audit.Line, missed uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.lines), atOnce)
	lines, missed = b.lines[:n], b.missed
	b.lines, b.missed = b.lines[n:], 0
	for _, line := range lines {
		b.bytes -= len(line.Bytes)
	}
	return lines, missed
}

// rest returns how many lines nobody has looked at, and lets go of them.
func (b *backlog) rest() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := len(b.lines)
	b.lines, b.bytes = nil, 0
	return n
}

// some reports whether there is something to take.
func (b *backlog) some() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.lines) > 0 || b.missed > 0
}
