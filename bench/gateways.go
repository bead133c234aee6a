package main

import (
	"context"
	"fmt"
	"time"

	"github.com/portreeve/portreeve/bench/fanout"
)

// measureFanOut measures fleets of simulated gateways.
func measureFanOut(ctx context.Context, o options, p *progress) (part, error) {
	out := part{
		title: "Many gateways on one control plane",
		text: "Simulated gateways, in processes of their own on the same machine, speak delta ADS as Envoy does, each on a connection of its own. An edit is measured from the rename until " +
			"every gateway that it touches has what is new; a restart from the start of the new control plane, the old one having been killed, until every gateway has connected again and was answered. " +
			"The simulation takes as much of the processor as the control plane does.",
	}
	t := table{caption: "One gateway more, of the first group, asks for everything and reads nothing", header: []string{
		"gateways", "groups", "edit of all, ms", "goal", "edit of one group, ms", "KB a stream", "goal", "restart, s", "goal", "sent again", "goal",
	}}
	fleets := []struct{ gateways, groups int }{{1_000, 1}, {10_000, 10}}
	if o.quick {
		fleets = fleets[:1]
	}
	for _, f := range fleets {
		r, err := fanout.Measure(ctx, fanout.Options{
			Program: o.portreeve, Gateways: f.gateways, Groups: f.groups, Processes: 2, Policies: 10, Rounds: 3,
			Progress: func(text string) { p.now("%d gateways in %d groups: %s", f.gateways, f.groups, text) },
		})
		if err != nil {
			out.tables = []table{t}
			return out, fmt.Errorf("%d gateways in %d groups: %w", f.gateways, f.groups, err)
		}
		all, one := edits(r)
		goals := []string{"", "", "", ""}
		if f.gateways == 10_000 {
			goals = []string{"≤ 2,000", "≤ 60", "≤ 10", "0"}
		}
		t.rows = append(t.rows, []string{
			fmt.Sprint(r.Gateways), fmt.Sprint(r.Groups), millis(all), goals[0], millis(one), fmt.Sprintf("%.0f", float64(r.PerStream())/1000), goals[1],
			fmt.Sprintf("%.1f", r.Restart.Took.Seconds()), goals[2], fmt.Sprint(r.Again), goals[3],
		})
	}
	out.tables = []table{t}
	return out, nil
}

// edits returns how long an edit took that touches most groups, and one that touches fewest.
func edits(r *fanout.Result) (all, one time.Duration) {
	most, fewest := 0, r.Groups+1
	for _, e := range r.Edits {
		if e.Groups > most {
			most, all = e.Groups, e.Took
		}
		if e.Groups < fewest {
			fewest, one = e.Groups, e.Took
		}
	}
	return all, one
}
