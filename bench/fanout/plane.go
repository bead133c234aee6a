package fanout

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// plane is a control plane in a process of its own.
type plane struct {
	args       []string
	xds, admin string
	process    *exec.Cmd
	// ended is closed when the process has ended.
	ended <-chan struct{}
	log   string
}

func startPlane(ctx context.Context, program, dir, state string, gateways int) (*plane, error) {
	xds, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	admin, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	many := strconv.Itoa(2*gateways + 100)
	p := &plane{xds: xds, admin: admin, log: state + ".log", args: []string{
		program, "serve", "--config", dir, "--state-dir", state, "--xds-address", xds, "--admin-address", admin,
		"--xds-max-connections", many, "--xds-max-streams", many, "--new-groups-per-minute", many, "--max-files", "200000",
	}}
	return p.again(ctx)
}

// again starts the control plane anew and waits until it is ready.
func (p *plane) again(ctx context.Context) (*plane, error) {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log: %w", err)
	}
	defer func() { _ = log.Close() }()
	next := *p
	next.process = exec.CommandContext(ctx, p.args[0], p.args[1:]...) //nolint:gosec // it is the program that is measured
	next.process.Stdout, next.process.Stderr = log, log
	if err := next.process.Start(); err != nil {
		return nil, fmt.Errorf("start the control plane: %w", err)
	}
	next.ended = next.watched()
	ready := func() (bool, error) {
		select {
		case <-next.ended:
			return false, errors.New("the control plane has ended")
		default:
			_, err := next.metrics(ctx)
			return err == nil, nil
		}
	}
	if err := eventually(ctx, "the control plane answers", ready); err != nil {
		next.kill()
		said, _ := os.ReadFile(p.log)
		return nil, errors.Join(err, fmt.Errorf("its log: %s", said))
	}
	return &next, nil
}

// watched returns what is closed when the process has ended. How it ends stands in its log.
func (p *plane) watched() <-chan struct{} {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = p.process.Wait()
	}()
	return ended
}

// kill ends the process without a farewell, as a machine that fails.
func (p *plane) kill() {
	_ = p.process.Process.Kill()
	<-p.ended
}

// metrics returns all that have no labels.
func (p *plane) metrics(ctx context.Context) (map[string]float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.admin+"/metrics", nil)
	if err != nil {
		return nil, fmt.Errorf("ask for metrics: %w", err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask for metrics: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	out := map[string]float64{}
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if number, err := strconv.ParseFloat(value, 64); err == nil {
			out[name] = number
		}
	}
	return out, nil
}

// cpu returns what the process has used.
func (p *plane) cpu(ctx context.Context) (time.Duration, error) {
	m, err := p.metrics(ctx)
	return time.Duration(m["process_cpu_seconds_total"] * float64(time.Second)), err
}

// settled returns what the process takes when it takes no more CPU.
func (p *plane) settled(ctx context.Context) (Usage, error) {
	before := time.Duration(0)
	still := func() (bool, error) {
		now, err := p.cpu(ctx)
		rests := now-before <= 20*time.Millisecond
		before = now
		return rests, err
	}
	if err := eventually(ctx, "the control plane rests", still); err != nil {
		return Usage{}, err
	}
	m, err := p.metrics(ctx)
	return Usage{
		Resident: int64(m["process_resident_memory_bytes"]), Heap: int64(m["go_memstats_heap_inuse_bytes"]),
		Stacks: int64(m["go_memstats_stack_inuse_bytes"]), Goroutines: int(m["go_goroutines"]),
	}, err
}

// eventually waits until something holds, and looks about twice a second.
func eventually(ctx context.Context, what string, holds func() (bool, error)) error {
	ctx, stop := context.WithTimeout(ctx, bound)
	defer stop()
	tick := time.NewTicker(400 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := holds(); ok || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, ctx.Err())
		}
	}
}

func freeAddress(ctx context.Context) (string, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}
