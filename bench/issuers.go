package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

func measureIssuers(ctx context.Context, o options, p *progress) (part, error) {
	out := part{
		title: "Processor time of a token",
		text:  "What a request with a valid token of the last of several issuers costs Envoy, each verified anew; the same token again, which the gateway remembers; and one policy that names many principals.",
	}
	s, err := newSigner()
	if err != nil {
		return out, err
	}
	t := table{caption: "Microseconds a request, without / with a token", header: []string{"issuers", "optimised", "against one", "goal", "not optimised"}}
	ours, plain := curve{name: "optimised"}, curve{name: "--optimize=off"}
	for _, n := range []int{1, 10, 100} {
		p.now("%d issuers", n)
		none, err := ofIssuers(ctx, o, s, n, noToken)
		if err != nil {
			return out, err
		}
		token, err := ofIssuers(ctx, o, s, n, s.token)
		if err != nil {
			return out, err
		}
		goal := ""
		if n == 100 {
			goal = "≤ 1.10"
		}
		t.rows = append(t.rows, []string{
			fmt.Sprint(n), micros(none.optimised) + " / " + micros(token.optimised), fmt.Sprintf("%.2f / %.2f", against(none), against(token)), goal,
			micros(none.plain) + " / " + micros(token.plain),
		})
		ours.points = append(ours.points, [2]float64{float64(n), float64(token.optimised) / 1000})
		plain.points = append(plain.points, [2]float64{float64(n), float64(token.plain) / 1000})
	}
	peers := curve{"Istio (elsewhere)", [][2]float64{{1, 56}, {10, 136}, {100, 842}}}
	out.plots = []plot{{"A valid token of the last issuer", "issuers", "µs", []curve{ours, plain, peers}}}
	p.now("the same token again")
	again, err := repeated(ctx, o, s)
	if err != nil {
		return out, err
	}
	p.now("many principals")
	principals, err := manyPrincipals(ctx, o, s)
	if err != nil {
		return out, err
	}
	out.tables = []table{t, again, principals}
	return out, nil
}

// compareScenes stages several gateways and returns what a request costs at each.
func compareScenes(ctx context.Context, o options, token string, forms []form) (comparison, error) {
	var scenes []*scene
	defer func() {
		for _, s := range scenes {
			_ = s.end()
		}
	}()
	for _, f := range forms {
		port := freePort()
		one, err := stage(ctx, o, append([]source.File{listening(port)}, f.files...), f.settings, port, token)
		if err != nil {
			return comparison{}, err
		}
		scenes = append(scenes, one)
	}
	requests, rounds := o.effort()
	got, err := costs(ctx, scenes, requests, rounds)
	if err != nil {
		return comparison{}, err
	}
	return comparison{got[0], got[1], got[len(got)-1]}, nil
}

// form is policy in one form.
type form struct {
	files    []source.File
	settings model.Settings
}

func ofIssuers(ctx context.Context, o options, s *signer, n int, with func() (string, error)) (comparison, error) {
	token, err := with()
	if err != nil {
		return comparison{}, err
	}
	return compareScenes(ctx, o, token, []form{
		{[]source.File{s.verifying(1)}, uncached(nil)}, {[]source.File{s.verifying(n)}, uncached(nil)}, {[]source.File{s.verifying(n)}, uncached([]string{})},
	})
}

// repeated measures a token that is remembered against one that is verified anew each time.
func repeated(ctx context.Context, o options, s *signer) (table, error) {
	token, err := s.token()
	if err != nil {
		return table{}, err
	}
	files := []source.File{s.verifying(1)}
	got, err := compareScenes(ctx, o, token, []form{{files, uncached(nil)}, {files, model.DefaultSettings()}})
	if err != nil {
		return table{}, err
	}
	return table{
		caption: "The same token again, one issuer: microseconds a request", header: []string{"verified anew", "remembered", "ratio", "goal"},
		rows: [][]string{{micros(got.one), micros(got.optimised), fmt.Sprintf("%.2f", against(got)), "≤ 0.50"}},
	}, nil
}

// manyPrincipals measures one policy that allows many principals.
func manyPrincipals(ctx context.Context, o options, s *signer) (table, error) {
	out := table{caption: "One ALLOW policy of many principals, a valid token of the last: microseconds a request", header: []string{"principals", "optimised", "against one", "goal", "not optimised"}}
	token, err := s.token()
	if err != nil {
		return out, err
	}
	for _, n := range []int{1_300, 10_000} {
		got, err := compareScenes(ctx, o, token, []form{
			{[]source.File{s.verifying(1), allowing(1)}, uncached(nil)},
			{[]source.File{s.verifying(1), allowing(n)}, uncached(nil)},
			{[]source.File{s.verifying(1), allowing(n)}, uncached([]string{})},
		})
		if err != nil {
			return out, err
		}
		goal := ""
		if n == 1_300 {
			goal = "≤ 1.15"
		}
		out.rows = append(out.rows, []string{fmt.Sprint(n), micros(got.optimised), fmt.Sprintf("%.2f", against(got)), goal, micros(got.plain)})
	}
	return out, nil
}

// allowing is a policy that allows somebody, and others before.
func allowing(n int) source.File {
	var names []string
	for i := range n - 1 {
		names = append(names, fmt.Sprintf("%q", fmt.Sprintf("%s/user-%d", issuer, i)))
	}
	names = append(names, fmt.Sprintf("%q", issuer+"/somebody"))
	return source.File{Path: "allow.yaml", Content: fmt.Appendf(nil, `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: principals, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  rules:
  - from: [{source: {requestPrincipals: [%s]}}]
`, strings.Join(names, ", "))}
}
