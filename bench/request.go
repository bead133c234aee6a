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

// scene is a gateway that holds some policy itself, and the connections on which it is asked: some without a token,
// and some with one.
type scene struct {
	envoy        *envoytest.Envoy
	none, tokens []*client
	requests     int
}

// connections is how many connections of each sort ask a gateway.
const connections = 4

// form is policy in one form, and how many requests of each sort tell what one costs.
type form struct {
	files    []source.File
	settings model.Settings
	requests int
}

// stage runs a gateway on policy in a form.
func stage(ctx context.Context, o options, f form, token string) (*scene, error) {
	port := freePort()
	program, err := rendered(append([]source.File{listening(port)}, f.files...), f.settings)
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
	s := &scene{envoy: e, requests: f.requests}
	for range connections {
		for _, sort := range []struct {
			of    *[]*client
			token string
		}{{&s.none, ""}, {&s.tokens, token}} {
			c, err := dial(ctx, port, "/nothing/of/it", sort.token)
			if err != nil {
				return nil, errors.Join(err, s.end())
			}
			*sort.of = append(*sort.of, c)
		}
	}
	return s, nil
}

func (s *scene) end() error {
	for _, c := range append(s.none, s.tokens...) {
		_ = c.conn.Close()
	}
	s.envoy.Stop()
	return nil
}

// cost returns what a request of a sort costs the gateway's processor. Every one must be answered 200.
func (s *scene) cost(ctx context.Context, clients []*client) (time.Duration, error) {
	before, err := cpuOf(s.envoy.PID())
	if err != nil {
		return 0, err
	}
	failed := make(chan error, len(clients))
	for _, c := range clients {
		go func() { failed <- c.repeat(ctx, s.requests/len(clients)) }()
	}
	for range clients {
		err = errors.Join(err, <-failed)
	}
	if err != nil {
		return 0, err
	}
	after, err := cpuOf(s.envoy.PID())
	return (after - before) / time.Duration(s.requests), err
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

// cost is what a request costs, without a token and with one.
type cost struct{ none, token time.Duration }

func (c cost) String() string { return micros(c.none) + " / " + micros(c.token) }

// against returns by how much more than another it is.
func (c cost) against(o cost) string {
	return fmt.Sprintf("%.2f / %.2f", float64(c.none)/float64(max(o.none, 1)), float64(c.token)/float64(max(o.token, 1)))
}

// compare runs a gateway for each form and returns what a request costs there. They are asked in turn: what else the
// machine does meets all.
func compare(ctx context.Context, o options, token string, forms []form) ([]cost, error) {
	var scenes []*scene
	defer func() {
		for _, s := range scenes {
			_ = s.end()
		}
	}()
	for _, f := range forms {
		one, err := stage(ctx, o, f, token)
		if err != nil {
			return nil, err
		}
		scenes = append(scenes, one)
	}
	none, tokens := make([][]time.Duration, len(scenes)), make([][]time.Duration, len(scenes))
	for round := range o.rounds() + 1 {
		for i, s := range scenes {
			first, err := s.cost(ctx, s.none)
			if err != nil {
				return nil, err
			}
			second, err := s.cost(ctx, s.tokens)
			if err != nil {
				return nil, err
			}
			if round > 0 { // the first warms up
				none[i], tokens[i] = append(none[i], first), append(tokens[i], second)
			}
		}
	}
	out := make([]cost, len(scenes))
	for i := range out {
		out[i] = cost{median(none[i]), median(tokens[i])}
	}
	return out, nil
}

// requests is how many requests tell what one costs, rounds how often that is measured.
func (o options) requests() int {
	if o.quick {
		return 800
	}
	return 2_000
}

func (o options) rounds() int {
	if o.quick {
		return 3
	}
	return 5
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
	sizes := []int{1, 1_000, 10_000, 100_000}
	if o.quick {
		sizes = []int{1, 10_000}
	}
	t := table{caption: "Microseconds a request, without / with a token", header: []string{"rules", "policies", "optimised", "against one", "goal", "not optimised"}}
	var curves []curve
	for _, k := range append(kinds(), mixed()) {
		rows, points, err := among(ctx, o, p, k, sizes, s)
		t.rows = append(t.rows, rows...)
		curves = append(curves, points)
		out.tables, out.plots = []table{t}, []plot{{"A request among policies", "policies", "µs", curves}}
		if err != nil {
			return out, fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return out, nil
}

// among measures one kind of rule at all sizes.
func among(ctx context.Context, o options, p *progress, k kind, sizes []int, s *signer) (rows [][]string, points curve, err error) {
	points.name = k.name
	token, err := s.token()
	if err != nil {
		return nil, points, err
	}
	for _, n := range sizes {
		if n > 10_000 && k.name != "exact path" {
			continue
		}
		p.now("%s, %d policies", k.name, n)
		forms := []form{{denials(k, 1, s), uncached(nil), o.requests()}, {denials(k, n, s), uncached(nil), o.requests()}}
		if n <= mostPlain {
			forms = append(forms, form{denials(k, n, s), uncached([]string{}), max(o.requests()/max(n/300, 1), 4*connections)})
		}
		got, err := compare(ctx, o, token, forms)
		if err != nil {
			return rows, points, err
		}
		plain := "not measured"
		if len(got) > 2 {
			plain = got[2].String()
		}
		rows = append(rows, []string{k.name, fmt.Sprint(n), got[1].String(), got[1].against(got[0]), k.goal(n), plain})
		points.points = append(points.points, [2]float64{float64(n), float64(got[1].none) / 1000})
	}
	return rows, points, nil
}

// goal is what a request among so many may cost against one among one.
func (k kind) goal(n int) string {
	switch {
	case n > 10_000:
		return "≤ 1.25"
	case n == 10_000:
		return fmt.Sprintf("≤ %.2f", k.most)
	default:
		return ""
	}
}

// mostPlain bounds the policies that are measured without the optimiser: a request costs milliseconds there.
const mostPlain = 10_000

// denials returns n policies of a kind and what verifies tokens.
func denials(k kind, n int, s *signer) []source.File {
	out := []source.File{s.verifying(1)}
	for i := range n {
		out = append(out, denial(i, k.rule(i)))
	}
	return out
}

func micros(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/1000) }
