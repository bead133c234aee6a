package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/portreeve/portreeve/translate/source"
)

// reloaded is what edits of one file cost, among a number of policies.
type reloaded struct {
	policies int
	// edit and floor are from the rename to the first answer by the new policy, cpu what the plane used for it.
	edit, floor, cpu []time.Duration
}

func measureReload(ctx context.Context, o options, p *progress) (part, error) {
	sizes, rounds := []int{1, 1_000, 10_000, 100_000}, 15
	if o.quick {
		sizes, rounds = sizes[:3], 7
	}
	out := part{
		title: "From a renamed file to the first request by it",
		text: "One of the policies, each in a file of its own, is edited by a rename, again and again. Measured is the time until an open connection gets the new answer: " +
			"through Portreeve, and (the floor) with the same Envoy that watches a file with the same resource. Peers' figures were taken elsewhere, on another day.",
	}
	t := table{caption: "Milliseconds: median (most)", header: []string{"policies", "Portreeve", "floor", "ratio", "plane's CPU of one edit", "Istio (elsewhere)"}}
	ours, file := curve{name: "Portreeve"}, curve{name: "the same from a file"}
	for _, n := range sizes {
		p.now("%d policies", n)
		got, err := reloads(ctx, o, n, rounds)
		if err != nil {
			out.tables = []table{t}
			return out, fmt.Errorf("%d policies: %w", n, err)
		}
		istio := map[int]string{1: "360", 1_000: "602", 10_000: "2,904"}[n]
		t.rows = append(t.rows, []string{
			fmt.Sprint(n), spread(got.edit), spread(got.floor), fmt.Sprintf("%.2f", ratio(got.edit, got.floor)), millis(median(got.cpu)), istio,
		})
		ours.points = append(ours.points, [2]float64{float64(n), ms(median(got.edit))})
		file.points = append(file.points, [2]float64{float64(n), ms(median(got.floor))})
	}
	istio := curve{"Istio (elsewhere)", [][2]float64{{1, 360}, {1_000, 602}, {10_000, 2904}}}
	out.tables = []table{t}
	out.plots = []plot{{"Edit to enforcement", "policies", "ms", []curve{ours, file, istio}}}
	return out, nil
}

// flipped returns n policies, of which the last denies /guarded or does not.
func flipped(n, port int, denies bool) []source.File {
	out := []source.File{listening(port)}
	for i := range n - 1 {
		out = append(out, denial(i, kinds()[0].rule(i)))
	}
	return append(out, flip(n, denies))
}

// flip is the policy that is edited.
func flip(n int, denies bool) source.File {
	path := map[bool]string{true: "/guarded", false: "/another"}[denies]
	return denial(n-1, fmt.Sprintf(`to: [{operation: {paths: [%q]}}]`, path))
}

func reloads(ctx context.Context, o options, n, rounds int) (reloaded, error) {
	root, err := os.MkdirTemp("", "portreeve-bench-")
	if err != nil {
		return reloaded{}, err
	}
	defer os.RemoveAll(root)
	out := reloaded{policies: n}
	if out.edit, out.cpu, err = editsThroughPlane(ctx, o, filepath.Join(root, "policy"), n, rounds); err != nil {
		return out, err
	}
	out.floor, err = editsOfFile(ctx, o, filepath.Join(root, "floor"), n, rounds)
	return out, err
}

func editsThroughPlane(ctx context.Context, o options, dir string, n, rounds int) (took, cpu []time.Duration, err error) {
	port := freePort()
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, nil, err
	}
	if err := write(dir, flipped(n, port, true)); err != nil {
		return nil, nil, err
	}
	p, err := startPlane(ctx, o, dir)
	if err != nil {
		return nil, nil, err
	}
	defer p.stop() //nolint:errcheck // it was measured
	e, err := p.startEnvoy(ctx, o)
	if err != nil {
		return nil, nil, err
	}
	defer e.Stop()
	var before time.Duration
	took, err = flips(ctx, port, rounds, func(denies bool) error {
		before, err = cpuOf(p.cmd.Process.Pid)
		if err != nil {
			return err
		}
		return rename(dir, flip(n, denies))
	}, func() error {
		pause(ctx, 20*time.Millisecond+time.Duration(n/1000)*time.Millisecond) // what it does after the edit counts too
		after, err := cpuOf(p.cmd.Process.Pid)
		cpu = append(cpu, after-before)
		return err
	})
	return took, cpu, err
}

func editsOfFile(ctx context.Context, o options, dir string, n, rounds int) ([]time.Duration, error) {
	port := freePort()
	f := floor{dir}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	open, _, err := policyOf(flipped(n, port, false))
	if err != nil {
		return nil, err
	}
	shut, resources, err := policyOf(flipped(n, port, true))
	if err != nil {
		return nil, err
	}
	if err := f.put(shut); err != nil {
		return nil, err
	}
	b, err := f.bootstrap(resources)
	if err != nil {
		return nil, err
	}
	e, err := startEnvoy(ctx, o, b)
	if err != nil {
		return nil, err
	}
	defer e.Stop()
	return flips(ctx, port, rounds, func(denies bool) error {
		return f.put(map[bool][]byte{true: shut, false: open}[denies])
	}, func() error { return nil })
}

// flips edits to and fro, and returns how long each edit took until it held on an open connection.
func flips(ctx context.Context, port, rounds int, edit func(denies bool) error, after func() error) ([]time.Duration, error) {
	c, err := dial(ctx, port, "/guarded", "")
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	if err := c.untilStatus(403); err != nil {
		return nil, err
	}
	var out []time.Duration
	for i := range rounds + 2 {
		pause(ctx, 300*time.Millisecond)
		denies := i%2 == 1
		began := time.Now()
		if err := edit(denies); err != nil {
			return nil, err
		}
		if err := c.untilStatus(map[bool]int{true: 403, false: 200}[denies]); err != nil {
			return nil, err
		}
		if took := time.Since(began); i > 1 { // the first two warm up
			out = append(out, took)
		}
		if err := after(); err != nil {
			return nil, err
		}
	}
	return out, ctx.Err()
}

// pause lets everything come to rest between two measurements.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func median(all []time.Duration) time.Duration {
	sorted := slices.Sorted(slices.Values(all))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2]
}

func ratio(a, b []time.Duration) float64 { return float64(median(a)) / float64(max(median(b), 1)) }

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func millis(d time.Duration) string { return fmt.Sprintf("%.1f", ms(d)) }

func spread(all []time.Duration) string {
	return fmt.Sprintf("%s (%s)", millis(median(all)), millis(slices.Max(all)))
}
