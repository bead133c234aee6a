package test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// chaosPlane is the control plane, which is paused, ended, killed and started again.
type chaosPlane struct {
	*plane
	flags []string
	// offset is the file from which it reads by how many seconds its clock is wrong.
	offset string
	// up says that it runs and may be asked.
	mu sync.Mutex
	up bool
	// sizes are what it took, as time goes on.
	sizes []chaosSize
}

// chaosSize is what the control plane takes.
type chaosSize struct{ memory, files, goroutines float64 }

// run starts the program whose clock can be stepped.
func (p *chaosPlane) run(t testing.TB) {
	t.Helper()
	path, err := steppedProgram()
	must(t, err)
	c := command(context.Background(), p.serve(p.flags...)...)
	c.Path, c.Args[0] = path, path
	c.Env = append(c.Env, clockOffset+"="+p.offset)
	p.startAs(t, c)
	p.mayBeAsked(true)
}

func (p *chaosPlane) mayBeAsked(be bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up = be
}

func (p *chaosPlane) running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.up
}

// end has it end as an operator does. It ends well within the bound of every test.
func (p *chaosPlane) end(t testing.TB) {
	t.Helper()
	p.mayBeAsked(false)
	if code := p.stop(); code != exitClean {
		t.Errorf("the control plane ends with %d", code)
	}
}

func (p *chaosPlane) killed() {
	p.mayBeAsked(false)
	p.kill()
}

// pause stops it where it stands, or has it go on.
func (p *chaosPlane) pause(t testing.TB, signal syscall.Signal) {
	t.Helper()
	p.mayBeAsked(signal == syscall.SIGCONT)
	must(t, p.cmd.Process.Signal(signal))
}

// steps moves its clock.
func (p *chaosPlane) steps(t testing.TB, pick uint64) string {
	t.Helper()
	offset := []int{-240, -60, -1, 0, 1, 60, 3600}[pick%7]
	replace(t, p.offset, strconv.Itoa(offset))
	return fmt.Sprintf("to %d s from the right time", offset)
}

// measure notes what it takes, until the context ends.
func (p *chaosPlane) measure(ctx context.Context) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if !p.running() {
				continue
			}
			if status, text := p.get("/metrics"); status == 200 {
				p.sizes = append(p.sizes, chaosSize{numberIn(text, "process_resident_memory_bytes"), numberIn(text, "process_open_fds"), numberIn(text, "go_goroutines")})
			}
		}
	}
}

// numberIn is a metric without labels, or 0.
func numberIn(metrics, name string) float64 {
	match := regexp.MustCompile(`(?m)^` + name + ` (\S+)$`).FindStringSubmatch(metrics)
	if match == nil {
		return 0
	}
	n, _ := strconv.ParseFloat(match[1], 64)
	return n
}

// flat holds that it takes at the end about what it took at the beginning, and tells that.
func (p *chaosPlane) flat(report *chaosReport) {
	third := len(p.sizes) / 3
	if report.counts("measurements", len(p.sizes)); third == 0 {
		report.fault("it was not measured what the control plane takes")
		return
	}
	for what, of := range map[string]func(chaosSize) float64{
		"MiB of memory": func(s chaosSize) float64 { return s.memory / (1 << 20) },
		"open files":    func(s chaosSize) float64 { return s.files },
		"goroutines":    func(s chaosSize) float64 { return s.goroutines },
	} {
		first, last := median(p.sizes[:third], of), median(p.sizes[len(p.sizes)-third:], of)
		report.counts(what+" at first", int(first))
		report.counts(what+" at last", int(last))
		if first == 0 || last > 1.5*first+30 {
			report.fault("the control plane grows: %s from %.0f to %.0f", what, first, last)
		}
	}
}

func median(sizes []chaosSize, of func(chaosSize) float64) float64 {
	var all []float64
	for _, s := range sizes {
		all = append(all, of(s))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// clockOffset is the variable that names the file with the offset of a stepped program.
const clockOffset = "PORTREEVE_TEST_CLOCK_OFFSET"

// steppedClock is compiled into the program in place of its clock. As where a kernel's clock is stepped, what is measured
// between two moments stays right: only the time of day is another.
const steppedClock = `package main

import (
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

func steppedNow() time.Time {
	now := time.Now()
	text, _ := os.ReadFile(os.Getenv("` + clockOffset + `"))
	seconds, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	// The seconds stand above 30 bits of nanoseconds, where there is a reading of the monotonic clock.
	wall := (*uint64)(unsafe.Pointer(&now))
	*wall += uint64(int64(seconds)) << 30
	return now
}
`

// steppedProgram builds, once, the program with a clock that can be stepped, and nothing else that is different.
var steppedProgram = sync.OnceValues(func() (string, error) {
	const calls = "a, err := app.New(s.options)"
	serve, err := filepath.Abs("../cmd/portreeve/serve.go")
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(serve)
	if err != nil || strings.Count(string(text), calls) != 1 {
		return "", fmt.Errorf("serve.go does not say once: %s (%w)", calls, err)
	}
	return buildReplaced("portreeve-stepped", map[string]string{
		serve: strings.Replace(string(text), calls, "s.options.Now = steppedNow\n\t\t"+calls, 1),
		filepath.Join(filepath.Dir(serve), "steppedclock.go"): steppedClock,
	})
})
