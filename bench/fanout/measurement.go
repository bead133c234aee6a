package fanout

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// measurement is one that is under way.
type measurement struct {
	options  Options
	policies policies
	state    string
	plane    *plane
	fleet    *fleet
	result   *Result
}

func (m *measurement) progress(format string, a ...any) {
	if m.options.Progress != nil {
		m.options.Progress(fmt.Sprintf(format, a...))
	}
}

func (m *measurement) start(ctx context.Context) (err error) {
	m.progress("starting the control plane")
	if m.plane, err = startPlane(ctx, m.options.Program, m.policies.dir, m.state, m.options.Gateways); err != nil {
		return err
	}
	m.result.Alone, err = m.plane.settled(ctx)
	return err
}

func (m *measurement) end() {
	if m.fleet != nil {
		m.fleet.end()
	}
	if m.plane != nil {
		m.plane.kill()
	}
}

func (m *measurement) connect(ctx context.Context) (err error) {
	m.progress("connecting %d gateways", m.options.Gateways)
	if m.fleet, err = startFleet(ctx, m.options, m.plane.xds); err != nil {
		return err
	}
	m.result.Connected, err = m.during(ctx, func() (time.Time, error) { return time.Now(), m.fleet.tell(command{Do: connect}) })
	if err != nil {
		return err
	}
	m.result.Settled, err = m.plane.settled(ctx)
	return err
}

// during measures from what it calls, which returns when it began, until all gateways are done.
func (m *measurement) during(ctx context.Context, what func() (time.Time, error)) (Phase, error) {
	before, err := m.plane.cpu(ctx)
	if err != nil {
		return Phase{}, err
	}
	began, err := what()
	if err != nil {
		return Phase{}, err
	}
	done, err := m.fleet.await(ctx)
	if err != nil {
		return Phase{}, err
	}
	after, err := m.plane.cpu(ctx)
	return Phase{Took: done.at.Sub(began), CPU: after - before, Simulation: done.cpu}, err
}

func (m *measurement) edits(ctx context.Context) error {
	for _, groups := range []int{1, m.options.Groups} {
		var rounds []Phase
		for round := range m.options.Rounds {
			m.progress("edit of %d groups, %d of %d", groups, round+1, m.options.Rounds)
			p, err := m.edit(ctx, groups)
			if err != nil {
				return err
			}
			rounds = append(rounds, p)
		}
		slices.SortFunc(rounds, func(a, b Phase) int { return int(a.Took - b.Took) })
		m.result.Edits = append(m.result.Edits, Edit{Groups: groups, Gateways: m.fleet.of(groups), Phase: rounds[len(rounds)/2]})
	}
	var err error
	m.result.After, err = m.plane.settled(ctx)
	return err
}

// edit changes what the first so many groups are served, or all.
func (m *measurement) edit(ctx context.Context, groups int) (Phase, error) {
	if err := m.fleet.tell(command{Do: update, Groups: groups}); err != nil {
		return Phase{}, err
	}
	return m.during(ctx, func() (time.Time, error) {
		if groups == m.options.Groups {
			return m.policies.edit(everybody)
		}
		return m.policies.edit(0)
	})
}

func (m *measurement) restart(ctx context.Context) (err error) {
	m.progress("restarting the control plane")
	if err := m.fleet.tell(command{Do: reconnect}); err != nil {
		return err
	}
	m.plane.kill()
	began := time.Now()
	if m.plane, err = m.plane.again(ctx); err != nil {
		return err
	}
	done, err := m.fleet.await(ctx)
	if err != nil {
		return err
	}
	cpu, err := m.plane.cpu(ctx)
	if err != nil {
		return err
	}
	m.result.Restart = Phase{Took: done.at.Sub(began), CPU: cpu, Simulation: done.cpu}
	m.result.Again = done.resources
	m.result.Moved, err = m.edit(ctx, m.options.Groups)
	return errors.Join(err, ctx.Err())
}
