package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/xds/bootstrap"
)

// bound is how long anything may take before the measuring gives up.
const bound = 2 * time.Minute

// plane is a control plane that runs.
type plane struct {
	cmd        *exec.Cmd
	xds, admin string
	// took is how long it was until it was ready.
	took time.Duration
}

// startPlane runs the program on a directory and waits until it is ready.
func startPlane(ctx context.Context, o options, dir string, flags ...string) (*plane, error) {
	p := &plane{xds: address(), admin: address()}
	p.cmd = exec.CommandContext(ctx, o.portreeve, append([]string{"serve", "--config", dir, "--xds-address", p.xds, "--admin-address", p.admin}, flags...)...)
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = 10 * time.Second
	log, err := os.Create(filepath.Join(filepath.Dir(dir), "plane.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd.Stdout, p.cmd.Stderr = log, log
	began := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	err = until(ctx, time.Millisecond, func() (bool, error) {
		response, err := http.Get("http://" + p.admin + "/readyz") //nolint:noctx // bounded by until
		if err != nil {
			return false, nil //nolint:nilerr // it does not listen yet
		}
		defer response.Body.Close()
		return response.StatusCode == http.StatusOK, nil
	})
	if err != nil {
		text, _ := os.ReadFile(log.Name())
		return nil, errors.Join(fmt.Errorf("wait for the control plane: %w\n%.2000s", err, text), p.stop())
	}
	p.took = time.Since(began)
	return p, nil
}

// stop ends it, by its own process id.
func (p *plane) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	if err := p.cmd.Wait(); err != nil {
		return fmt.Errorf("the control plane: %w", err)
	}
	return nil
}

// startEnvoy runs the gateway that is measured, with one worker, on what the plane serves.
func (p *plane) startEnvoy(ctx context.Context, o options) (*envoytest.Envoy, error) {
	b, err := bootstrap.New(bootstrap.Options{Name: "bench", Gateway: gateway(), XDSAddresses: []string{p.xds}, AdminAddress: "127.0.0.1:0"})
	if err != nil {
		return nil, err
	}
	return startEnvoy(ctx, o, b)
}

func startEnvoy(ctx context.Context, o options, b proto.Message) (*envoytest.Envoy, error) {
	text, err := proto.Marshal(b)
	if err != nil {
		return nil, err
	}
	return envoytest.Start(ctx, envoytest.Options{Bootstrap: text, Extension: ".pb", Binary: o.envoy, Concurrency: 1, LogLevel: "warning"})
}

// address returns an address of this machine that was free a moment ago.
func address() string {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it answers at once
	if err != nil {
		return "127.0.0.1:0"
	}
	defer l.Close()
	return l.Addr().String()
}

func freePort() int {
	_, port, _ := net.SplitHostPort(address())
	var n int
	_, _ = fmt.Sscan(port, &n)
	return n
}

// until asks again and again until something holds, within the bound.
func until(ctx context.Context, every time.Duration, holds func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, bound)
	defer cancel()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if held, err := holds(); held || err != nil {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
