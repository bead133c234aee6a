package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
)

const (
	program = "bin/portreeve"
	backend = "bin/backend"
	example = "examples/jwt-gateway"
	gateway = "127.0.0.1:8080"
	// stopBound is how long a process may take to end when told to.
	stopBound = 5 * time.Second
)

// portsAreFree says which port somebody else has, before anything is started.
func portsAreFree() error {
	var taken error
	for _, p := range []struct{ address, user string }{
		{gateway, "the gateway"}, {"127.0.0.1:9080", "the backend"},
		{"127.0.0.1:18001", "the control plane's admin interface"}, {"127.0.0.1:19000", "Envoy's admin interface"},
	} {
		l, err := net.Listen("tcp", p.address)
		if err != nil {
			taken = errors.Join(taken, fmt.Errorf("the port %s, which %s needs, is taken: stop what listens there", p.address, p.user))
			continue
		}
		_ = l.Close()
	}
	return taken
}

// stage is the processes of the demo.
type stage struct {
	failed    chan error
	envoy     *envoytest.Envoy
	processes []*process
	// folder holds the socket that the gateway finds the control plane by.
	folder string
}

type process struct {
	command *exec.Cmd
	done    chan struct{}
}

// start starts everything and waits until the gateway answers.
func start(ctx context.Context) (s *stage, err error) {
	s = &stage{failed: make(chan error, 3)}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if err := s.run(backend); err != nil {
		return nil, err
	}
	// Short, as the path of a socket has at most 107 bytes, and for this user only.
	if s.folder, err = os.MkdirTemp("/tmp", "portreeve-"); err != nil {
		return nil, fmt.Errorf("make a folder for the socket: %w", err)
	}
	socket := "unix://" + filepath.Join(s.folder, "xds.sock")
	if err := s.run(program, "serve", "--config", example+"/policy", "--config", example+"/local", "--xds-address", socket); err != nil {
		return nil, err
	}
	bootstrap, err := exec.CommandContext(ctx, program, "bootstrap", "--xds-address", socket).Output()
	if err != nil {
		return nil, fmt.Errorf("make a bootstrap: %w", err)
	}
	binary, err := envoytest.Binary()
	if err != nil {
		return nil, err
	}
	bounded, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if s.envoy, err = envoytest.Start(bounded, envoytest.Options{Binary: binary, Bootstrap: bootstrap}); err != nil {
		return nil, err
	}
	if _, err = s.envoy.WaitListener(bounded, "127.0.0.1_8080"); err != nil {
		return nil, err
	}
	return s, awaitBackend(bounded)
}

// awaitBackend waits until the backend listens.
func awaitBackend(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if conn, err := new(net.Dialer).DialContext(ctx, "tcp", "127.0.0.1:9080"); err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("the backend does not listen: %w", ctx.Err())
		}
	}
}

// run starts a process. When it ends before it is stopped, that is a failure of the demo.
func (s *stage) run(name string, args ...string) error {
	c := exec.Command(name, args...) //nolint:noctx // it is stopped by its own process id
	c.Stderr = os.Stderr
	// Ctrl-C is for the demo, which then ends the others in good order.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{command: c, done: make(chan struct{})}
	s.processes = append(s.processes, p)
	go func() {
		defer close(p.done)
		s.failed <- fmt.Errorf("%s ended: %w", name, c.Wait())
	}()
	return nil
}

// stop ends the processes, the last first, and waits for them.
func (s *stage) stop() {
	if s.envoy != nil {
		s.envoy.Stop()
	}
	for i := len(s.processes) - 1; i >= 0; i-- {
		p := s.processes[i]
		_ = p.command.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		select {
		case <-p.done:
		case <-time.After(stopBound):
			_ = p.command.Process.Kill()
			<-p.done
		}
	}
	if s.folder != "" {
		_ = os.RemoveAll(s.folder) // it is empty, unless the control plane was killed
	}
}
