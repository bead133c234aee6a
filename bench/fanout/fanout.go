// Package fanout measures what a fleet costs one control plane: the program that is built serves thousands of
// gateways, which are simulated in processes of their own and speak delta ADS as Envoy does, each over a connection of its own.
//
// Whoever calls Measure calls Simulate first thing in main: the processes are the same program once more.
package fanout

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Options are what is measured.
type Options struct {
	// Program is the portreeve that is measured.
	Program string
	// Gateways of so many groups connect, an equal share in each of so many processes. One more gateway of the first group
	// asks for everything and reads nothing.
	Gateways, Groups, Processes int
	// Policies are in files of their own, of every group. What a gateway is served grows with them.
	Policies int
	// Rounds is how often each edit is measured; the median counts.
	Rounds int
	// Progress is told what is being done. Nil tells nobody.
	Progress func(string)
}

// Result is what was measured. CPU and memory are the control plane's.
type Result struct {
	Gateways, Groups, Processes, Policies int
	// OpenFiles is how many files a process may open; a gateway takes one at each end.
	OpenFiles uint64
	// Connected is from the first connection until every gateway has all that it asks for.
	Connected Phase
	// Alone and Settled are before the first gateway and when all have all.
	Alone, Settled Usage
	// Edits are from the rename of a file until every gateway of the groups that it touches has what is new.
	Edits []Edit
	// After is when all edits are through.
	After Usage
	// Restart is from the start of a new control plane, the old one having been killed, until every gateway
	// has connected again and was answered.
	Restart Phase
	// Again is how many resources the restart sent to gateways that had them. It is to be 0.
	Again int
	// Moved is from the rename of a file until every gateway has what is new, after the restart: it proves that all are served.
	Moved Phase
}

// Phase is how long something took and the CPU for it, of the control plane and of the simulated gateways.
type Phase struct{ Took, CPU, Simulation time.Duration }

// Edit is an edit that changes what some groups are served.
type Edit struct {
	Groups, Gateways int
	Phase
}

// Usage is what the control plane takes at a moment.
type Usage struct {
	// Resident is all of it, Heap and Stacks what is in use of the heap and of the stacks of goroutines.
	Resident, Heap, Stacks int64
	Goroutines             int
}

// PerStream returns what a stream takes of the memory, in bytes.
func (r *Result) PerStream() int64 {
	return (r.Settled.Resident - r.Alone.Resident) / int64(r.Gateways)
}

// bound is how long anything that is waited for may take.
const bound = 5 * time.Minute

// Measure measures. The error is one of the machine or of the programs: too few files, a process that ended.
func Measure(ctx context.Context, o Options) (_ *Result, err error) {
	dir, err := os.MkdirTemp("", "portreeve-fanout-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	m := &measurement{options: o, policies: policies{dir: dir + "/policy", groups: o.Groups, each: o.Policies}, state: dir + "/state"}
	m.result = &Result{Gateways: o.Gateways, Groups: o.Groups, Processes: o.Processes, Policies: o.Policies, OpenFiles: openFiles()}
	if err := m.policies.write(); err != nil {
		return nil, err
	}
	defer m.end()
	for _, step := range []func(context.Context) error{m.start, m.connect, m.edits, m.restart} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return m.result, nil
}
