package fanout

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// fleet are the processes that simulate gateways.
type fleet struct {
	gateways, groups int
	processes        []*process
}

type process struct {
	command *exec.Cmd
	in      io.WriteCloser
	told    *json.Encoder
	said    chan said
}

// command tells a process what to wait for, and to begin with it.
type command struct {
	Do task
	// Groups are the first so many, of update.
	Groups int `json:",omitempty"`
}

// task is what a process waits for.
type task string

const (
	// connect connects all gateways, and waits until each has all that it asks for.
	connect task = "connect"
	// update waits until each gateway of some groups has another policy.
	update task = "update"
	// reconnect waits until each gateway is answered on another stream.
	reconnect task = "reconnect"
)

// share are the gateways of one process, and how it reaches the control plane.
type share struct {
	Address             string
	First, Last, Groups int
	// Stuck adds one that reads nothing.
	Stuck bool
}

// said is what a process says when what it waits for is done: at what time, how many resources its gateways got
// meanwhile, and its CPU. Fault says why it cannot be.
type said struct {
	At        time.Time
	Resources int
	CPU       time.Duration
	Fault     string `json:",omitempty"`
}

// done is what all processes said.
type done struct {
	at        time.Time
	resources int
	cpu       time.Duration
}

func startFleet(ctx context.Context, o Options, address string) (*fleet, error) {
	f := &fleet{gateways: o.Gateways, groups: o.Groups}
	for i := range o.Processes {
		p, err := startProcess(ctx, share{
			Address: address, First: i * o.Gateways / o.Processes, Last: (i + 1) * o.Gateways / o.Processes, Groups: o.Groups, Stuck: i == 0,
		})
		if err != nil {
			f.end()
			return nil, err
		}
		f.processes = append(f.processes, p)
	}
	return f, nil
}

func startProcess(ctx context.Context, s share) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	what, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("tell a process its share: %w", err)
	}
	p := &process{command: exec.CommandContext(ctx, self), said: make(chan said)} //nolint:gosec // it is this program
	p.command.Env, p.command.Stderr = append(os.Environ(), shareVariable+"="+string(what)), os.Stderr
	if p.in, err = p.command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start simulated gateways: %w", err)
	}
	out, err := p.command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start simulated gateways: %w", err)
	}
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("start simulated gateways: %w", err)
	}
	p.told = json.NewEncoder(p.in)
	go p.listen(out)
	return p, nil
}

// listen hands on what the process says, until it ends.
func (p *process) listen(out io.Reader) {
	defer close(p.said)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var s said
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			s.Fault = fmt.Sprintf("%v: %s", err, lines.Text())
		}
		p.said <- s
	}
}

// tell gives all a command, and returns when all have begun with it.
func (f *fleet) tell(c command) error {
	for _, p := range f.processes {
		if err := p.told.Encode(c); err != nil {
			return fmt.Errorf("tell simulated gateways: %w", err)
		}
	}
	for _, p := range f.processes {
		if _, ok := <-p.said; !ok {
			return errors.New("a process of simulated gateways has ended")
		}
	}
	return nil
}

// await waits until all are done with the last command.
func (f *fleet) await(ctx context.Context) (done, error) {
	ctx, stop := context.WithTimeout(ctx, bound)
	defer stop()
	var out done
	for _, p := range f.processes {
		select {
		case s, ok := <-p.said:
			if !ok || s.Fault != "" {
				return out, fmt.Errorf("a process of simulated gateways has ended: %s", s.Fault)
			}
			out.resources, out.cpu = out.resources+s.Resources, out.cpu+s.CPU
			if s.At.After(out.at) {
				out.at = s.At
			}
		case <-ctx.Done():
			return out, fmt.Errorf("wait for simulated gateways: %w", ctx.Err())
		}
	}
	return out, nil
}

// of returns how many gateways the first so many groups have.
func (f *fleet) of(groups int) int { return (f.gateways*groups + f.groups - 1) / f.groups }

// end ends the processes.
func (f *fleet) end() {
	for _, p := range f.processes {
		_ = p.in.Close()
		_ = p.command.Process.Kill()
		for range p.said { // until it has ended
			continue
		}
		_ = p.command.Wait()
	}
}
