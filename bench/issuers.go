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
	token, err := s.token()
	if err != nil {
		return out, err
	}
	for _, n := range []int{1, 10, 100} {
		p.now("%d issuers", n)
		of := func(n int) []source.File { return []source.File{s.verifying(n)} }
		got, err := compare(ctx, o, token, []form{{of(1), uncached(nil), o.requests()}, {of(n), uncached(nil), o.requests()}, {of(n), uncached([]string{}), o.requests()}})
		if err != nil {
			return out, err
		}
		goal := ""
		if n == 100 {
			goal = "≤ 1.10"
		}
		t.rows = append(t.rows, []string{fmt.Sprint(n), got[1].String(), got[1].against(got[0]), goal, got[2].String()})
		ours.points = append(ours.points, [2]float64{float64(n), float64(got[1].token) / 1000})
		plain.points = append(plain.points, [2]float64{float64(n), float64(got[2].token) / 1000})
	}
	peers := curve{"Istio (elsewhere)", [][2]float64{{1, 56}, {10, 136}, {100, 842}}}
	out.plots = []plot{{"A valid token of the last issuer", "issuers", "µs", []curve{ours, plain, peers}}}
	p.now("the same token again")
	again, err := repeated(ctx, o, s, token)
	if err != nil {
		return out, err
	}
	p.now("many principals")
	principals, err := manyPrincipals(ctx, o, s, token)
	if err != nil {
		return out, err
	}
	out.tables = []table{t, again, principals}
	return out, nil
}

// repeated measures a token that is remembered against one that is verified anew each time.
func repeated(ctx context.Context, o options, s *signer, token string) (table, error) {
	files := []source.File{s.verifying(1)}
	got, err := compare(ctx, o, token, []form{{files, uncached(nil), o.requests()}, {files, model.DefaultSettings(), o.requests()}})
	if err != nil {
		return table{}, err
	}
	return table{
		caption: "The same token again, one issuer: microseconds a request", header: []string{"verified anew", "remembered", "ratio", "goal"},
		rows: [][]string{{micros(got[0].token), micros(got[1].token), fmt.Sprintf("%.2f", float64(got[1].token)/float64(got[0].token)), "≤ 0.50"}},
	}, nil
}

// manyPrincipals measures one policy that denies many principals.
func manyPrincipals(ctx context.Context, o options, s *signer, token string) (table, error) {
	out := table{caption: "One DENY policy of many principals, none of which the token is of: microseconds a request", header: []string{"principals", "optimised", "against one", "goal", "not optimised"}}
	for _, n := range []int{1_300, 10_000} {
		files := func(n int) []source.File { return []source.File{s.verifying(1), denial(0, principals(n))} }
		got, err := compare(ctx, o, token, []form{{files(1), uncached(nil), o.requests()}, {files(n), uncached(nil), o.requests()}, {files(n), uncached([]string{}), o.requests() / 4}})
		if err != nil {
			return out, err
		}
		goal := ""
		if n == 1_300 {
			goal = "≤ 1.15"
		}
		out.rows = append(out.rows, []string{fmt.Sprint(n), got[1].String(), got[1].against(got[0]), goal, got[2].String()})
	}
	return out, nil
}

// principals is a rule about so many of them.
func principals(n int) string {
	names := make([]string, 0, n)
	for i := range n {
		names = append(names, fmt.Sprintf("%q", fmt.Sprintf("%s/user-%d", issuer, i)))
	}
	return "from: [{source: {requestPrincipals: [" + strings.Join(names, ", ") + "]}}]"
}
