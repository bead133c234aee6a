package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
	"github.com/portreeve/portreeve/xds/bootstrap"
)

// scene is a gateway that holds some policy itself, and the connections on which it is asked.
type scene struct {
	envoy   *envoytest.Envoy
	pid     int
	clients []*client
}

// connections is how many connections ask a gateway.
const connections = 4

// stage runs a gateway on files. It is asked with a token, unless that is empty.
func stage(ctx context.Context, o options, files []source.File, settings model.Settings, port int, token string) (*scene, error) {
	program, err := rendered(files, settings)
	if err != nil {
		return nil, err
	}
	r, refused := program.Static(gateway())
	if len(refused) > 0 {
		return nil, fmt.Errorf("it is refused: %s", refused[0])
	}
	b, err := bootstrap.Static(bootstrap.Options{Name: "bench", Gateway: gateway(), AdminAddress: "127.0.0.1:0"}, r)
	if err != nil {
		return nil, err
	}
	e, err := startEnvoy(ctx, o, b)
	if err != nil {
		return nil, err
	}
	s := &scene{envoy: e, pid: e.PID()}
	for range connections {
		c, err := dial(ctx, port, "/nothing/of/it", token)
		if err != nil {
			return nil, errors.Join(err, s.end())
		}
		s.clients = append(s.clients, c)
	}
	return s, nil
}

func (s *scene) end() error {
	for _, c := range s.clients {
		_ = c.conn.Close()
	}
	s.envoy.Stop()
	return nil
}

// cost returns what a request costs the gateway's processor, over so many requests. Every one must be answered 200.
func (s *scene) cost(ctx context.Context, requests int) (time.Duration, error) {
	before, err := cpuOf(s.pid)
	if err != nil {
		return 0, err
	}
	failed := make(chan error, len(s.clients))
	for _, c := range s.clients {
		go func() { failed <- c.repeat(ctx, requests/len(s.clients)) }()
	}
	for range s.clients {
		err = errors.Join(err, <-failed)
	}
	if err != nil {
		return 0, err
	}
	after, err := cpuOf(s.pid)
	return (after - before) / time.Duration(requests), err
}

func (c *client) repeat(ctx context.Context, times int) error {
	for range times {
		got, err := c.ask()
		switch {
		case err != nil:
			return err
		case got != 200:
			return fmt.Errorf("the answer is %d and not 200", got)
		case ctx.Err() != nil:
			return ctx.Err()
		}
	}
	return nil
}

// costs are what a request costs at several gateways, which are asked in turn: what else the machine does meets all.
func costs(ctx context.Context, scenes []*scene, requests, rounds int) ([]time.Duration, error) {
	all := make([][]time.Duration, len(scenes))
	for round := range rounds + 1 {
		for i, s := range scenes {
			one, err := s.cost(ctx, requests)
			if err != nil {
				return nil, err
			}
			if round > 0 { // the first warms up
				all[i] = append(all[i], one)
			}
		}
	}
	out := make([]time.Duration, len(scenes))
	for i := range all {
		out[i] = median(all[i])
	}
	return out, nil
}

// effort is how many requests are made, how often.
func (o options) effort() (requests, rounds int) {
	if o.quick {
		return 1_200, 3
	}
	return 6_000, 7
}

// uncached are the settings with which every token is verified anew, with some rules of the optimiser, or all (nil).
func uncached(rules []string) model.Settings {
	s, none := model.DefaultSettings(), 0
	s.Optimization = model.Optimization{Rules: rules, JWTCacheEntries: &none}
	return s
}

func measureRequest(ctx context.Context, o options, p *progress) (part, error) {
	out := part{
		title: "Processor time of a request among many policies",
		text: "What a request that no policy denies costs Envoy (one worker, the gateway itself answers), among one policy and among many, optimised and not " +
			"(`--optimize=off`), without a token and with a valid one that is verified anew. The gateways of a row run side by side and are asked in turn.",
	}
	s, err := newSigner()
	if err != nil {
		return out, err
	}
	sizes := []int{1, 100, 1_000, 10_000, 100_000}
	if o.quick {
		sizes = []int{1, 1_000, 10_000}
	}
	t := table{caption: "Microseconds a request, without / with a token", header: []string{"rules", "policies", "optimised", "against one", "goal", "not optimised"}}
	var curves []curve
	for _, k := range append(kinds(), mixed()) {
		if o.quick && k.name != "exact path" && k.name != "ten kinds mixed" && k.name != "template" && k.name != "claim" {
			continue
		}
		rows, points, err := among(ctx, o, p, k, sizes, s)
		if err != nil {
			return out, fmt.Errorf("%s: %w", k.name, err)
		}
		t.rows = append(t.rows, rows...)
		curves = append(curves, points)
	}
	out.tables = []table{t}
	out.plots = []plot{{"A request among policies", "policies", "µs", curves}}
	return out, nil
}

// among measures one kind of rule at all sizes.
func among(ctx context.Context, o options, p *progress, k kind, sizes []int, s *signer) (rows [][]string, points curve, err error) {
	points.name = k.name
	for _, n := range sizes {
		if n > 10_000 && k.name != "exact path" {
			continue
		}
		p.now("%s, %d policies", k.name, n)
		none, err := compared(ctx, o, k, n, s, noToken)
		if err != nil {
			return nil, points, err
		}
		token, err := compared(ctx, o, k, n, s, s.token)
		if err != nil {
			return nil, points, err
		}
		goal := ""
		if n >= 10_000 {
			goal = fmt.Sprintf("≤ %.2f", k.most)
			if n > 10_000 {
				goal = "≤ 1.25"
			}
		}
		plain := "not measured"
		if none.plain > 0 {
			plain = micros(none.plain) + " / " + micros(token.plain)
		}
		rows = append(rows, []string{
			k.name, fmt.Sprint(n), micros(none.optimised) + " / " + micros(token.optimised),
			fmt.Sprintf("%.2f / %.2f", against(none), against(token)), goal, plain,
		})
		points.points = append(points.points, [2]float64{float64(n), float64(none.optimised) / 1000})
	}
	return rows, points, nil
}

// comparison is what a request costs among one policy, and among many in both forms.
type comparison struct{ one, optimised, plain time.Duration }

func against(c comparison) float64 { return float64(c.optimised) / float64(max(c.one, 1)) }

// noToken is a request without a token.
func noToken() (string, error) { return "", nil }

// mostPlain bounds the policies that are measured without the optimiser: a request costs milliseconds there.
const mostPlain = 10_000

func compared(ctx context.Context, o options, k kind, n int, s *signer, with func() (string, error)) (out comparison, err error) {
	token, err := with()
	if err != nil {
		return out, err
	}
	forms := []struct {
		n     int
		rules []string
	}{{1, nil}, {n, nil}, {n, []string{}}}
	if n > mostPlain {
		forms = forms[:2]
	}
	var scenes []*scene
	defer func() {
		for _, s := range scenes {
			_ = s.end()
		}
	}()
	for _, f := range forms {
		port := freePort()
		one, err := stage(ctx, o, policies(k, f.n, port, s.verifying(1)), uncached(f.rules), port, token)
		if err != nil {
			return out, err
		}
		scenes = append(scenes, one)
	}
	requests, rounds := o.effort()
	if n >= mostPlain {
		requests /= 4
	}
	got, err := costs(ctx, scenes, requests, rounds)
	if err != nil {
		return out, err
	}
	out.one, out.optimised = got[0], got[1]
	if len(got) > 2 {
		out.plain = got[2]
	}
	return out, nil
}

func micros(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/1000) }
