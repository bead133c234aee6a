package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/portreeve/portreeve/translate/source"
)

func measureMemory(ctx context.Context, o options, p *progress) (part, error) {
	out := part{
		title: "Start and memory",
		text:  "How long the control plane takes until it is ready, and what it has in memory (resident) with one gateway: then, and after edits of one file each.",
	}
	t := table{caption: "Policies in files of their own", header: []string{"files", "start, s", "goal", "memory at start, MiB", "goal", "after edits", "edits", "most ever"}}
	edits := 1_000
	cases := []struct {
		n, size             int
		start, memory, name string
	}{{1, 0, "", "", "1"}, {1_000, 0, "", "", "1,000"}, {10_000, 0, "≤ 0.8", "≤ 160", "10,000"}, {100_000, 1 << 10, "≤ 10", "", "100,000 of 1 KiB"}}
	if o.quick {
		edits, cases = 100, cases[:3]
	}
	for _, c := range cases {
		p.now("%s", c.name)
		some := edits
		if c.n != 10_000 {
			some /= 20
		}
		row, err := memory(ctx, o, c.n, c.size, some)
		if err != nil {
			out.tables = []table{t}
			return out, fmt.Errorf("%s files: %w", c.name, err)
		}
		t.rows = append(t.rows, []string{
			c.name, fmt.Sprintf("%.2f", row.start.Seconds()), c.start, fmt.Sprintf("%.0f", row.before), c.memory, fmt.Sprintf("%.0f", row.after), fmt.Sprint(some), fmt.Sprintf("%.0f", row.peak),
		})
	}
	out.tables = []table{t}
	return out, nil
}

// occupied is what a control plane takes.
type occupied struct {
	start               time.Duration
	before, after, peak float64
}

func memory(ctx context.Context, o options, n, size, edits int) (out occupied, err error) {
	root, err := os.MkdirTemp("", "portreeve-bench-")
	if err != nil {
		return out, err
	}
	defer os.RemoveAll(root)
	dir, port := filepath.Join(root, "policy"), freePort()
	if err := os.Mkdir(dir, 0o700); err != nil {
		return out, err
	}
	files := flipped(n, port, true)
	for i, f := range files {
		files[i] = padded(f, size)
	}
	if err := write(dir, files); err != nil {
		return out, err
	}
	pause(ctx, 1100*time.Millisecond) // what was written a moment ago may still be written to
	p, err := startPlane(ctx, o, dir, "--max-bytes", "268435456")
	if err != nil {
		return out, err
	}
	defer p.stop() //nolint:errcheck // it was measured
	out.start = p.took
	e, err := p.startEnvoy(ctx, o)
	if err != nil {
		return out, err
	}
	defer e.Stop()
	c, err := dial(ctx, port, "/guarded", "")
	if err != nil {
		return out, err
	}
	defer c.conn.Close()
	if err := c.untilStatus(403); err != nil {
		return out, err
	}
	if out.before, _, err = memoryOf(p.cmd.Process.Pid); err != nil {
		return out, err
	}
	for i := range edits {
		denies := i%2 == 1
		if err := rename(dir, padded(flip(n, denies), size)); err != nil {
			return out, err
		}
		if err := c.untilStatus(map[bool]int{true: 403, false: 200}[denies]); err != nil {
			return out, err
		}
	}
	out.after, out.peak, err = memoryOf(p.cmd.Process.Pid)
	return out, err
}

// padded returns a file that has a size at least, filled up with a comment.
func padded(f source.File, size int) source.File {
	if missing := size - len(f.Content); missing > 2 {
		f.Content = append(append([]byte("#"+strings.Repeat("-", missing-2)), '\n'), f.Content...)
	}
	return f
}
