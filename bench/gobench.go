package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// goResults is the file with what the Go benchmarks print, for benchstat.
const goResults = "go.txt"

// measureGo runs the Go benchmarks of all packages.
func measureGo(ctx context.Context, o options, p *progress) (part, error) {
	out := part{
		title: "Go benchmarks",
		text:  "What `go test -bench` printed is in [" + goResults + "](" + goResults + "), for benchstat. Those with a real Envoy stand above.",
	}
	args := []string{"test", "-run", "^$", "-bench", ".", "-benchmem", "-cpu", "1", "-timeout", "60m", "-count", "6", "-benchtime", "100ms"}
	if o.quick {
		args = []string{"test", "-run", "^$", "-bench", "Ask$|Recompile", "-benchmem", "-cpu", "1", "-timeout", "10m", "-count", "1", "-benchtime", "200ms"}
	}
	p.now("go %s", strings.Join(args, " "))
	packages, err := exec.CommandContext(ctx, "go", "list", "./translate/...", "./internal/...", "./xds/...").Output()
	if err != nil {
		return out, fmt.Errorf("list the packages: %w", err)
	}
	c := exec.CommandContext(ctx, "go", append(args, strings.Fields(string(packages))...)...)
	c.Stderr = os.Stderr
	text, err := c.Output()
	if err != nil {
		return out, fmt.Errorf("run the benchmarks: %w\n%s", err, text)
	}
	t := table{caption: "The first run of each", header: []string{"benchmark", "result"}}
	seen := map[string]bool{}
	for line := range bytes.Lines(text) {
		name, result, ok := strings.Cut(string(line), "\t")
		if name = strings.TrimSpace(name); ok && strings.HasPrefix(name, "Benchmark") && !seen[name] {
			seen[name] = true
			t.rows = append(t.rows, []string{strings.TrimPrefix(name, "Benchmark"), strings.Join(strings.Fields(result), " ")})
		}
	}
	out.tables, out.files = []table{t}, map[string][]byte{goResults: text}
	return out, nil
}
