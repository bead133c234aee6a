package model_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate/model"
)

// secure is an HTTPS server of port 1.
func secure(name, hosts string) string {
	return "{port: {number: 1, name: " + name + ", protocol: HTTPS}, hosts: [" + hosts + "], tls: {mode: SIMPLE, serverCertificate: /a, privateKey: /b}}"
}

// TestMisdirected holds which hosts a server knows to be another's, or its own without routes:
// "host 421" and "host 404".
func TestMisdirected(t *testing.T) {
	for name, c := range map[string]struct{ own, other, hosts, want string }{
		"apart":                     {"a.test", "b.test", "'*'", "b.test 421"},
		"the other is within":       {"'*.test'", "b.test", "'*'", ""},
		"the own is within":         {"a.test", "'*.test'", "'*'", "*.test 421"},
		"the own has no routes":     {"a.test", "'*.test'", "b.test", "a.test 404, *.test 421"},
		"a part of it has no route": {"'*.a.test'", "'*.test'", "x.a.test", "*.a.test 404, *.test 421"},
		"everything":                {"a.test", "'*', b.test", "'*'", "* 421"},
		"the own is everything":     {"'*'", "b.test", "'*'", ""},
		"several":                   {"a.test", "c.test, '*.b.test'", "'*'", "*.b.test 421, c.test 421"},
		"twice":                     {"a.test", "b.test, x/b.test", "'*'", "b.test 421"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, misdirected(t, c.own, c.hosts, c.other)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestMisdirectedIsBounded holds that many servers of a port do not all know each other's hosts.
func TestMisdirectedIsBounded(t *testing.T) {
	var many []string
	for i := range 256 {
		many = append(many, fmt.Sprintf("h%d.test", i))
	}
	if got := strings.Count(misdirected(t, "a.test", "'*'", strings.Join(many, ", ")), "421"); got != 256 {
		t.Errorf("%d hosts, want 256", got)
	}
	if got := misdirected(t, "a.test", "'*'", strings.Join(append(many, "one-more.test"), ", ")); got != "* 421" {
		t.Errorf("beyond the bound: %s", got)
	}
}

// misdirected is what a server with hosts knows beside another one.
func misdirected(t *testing.T, own, hosts, other string) string {
	t.Helper()
	m, _ := built(t, gateway("g", "a: a", secure("own", own)+", "+secure("other", other)),
		"apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: v}\nspec: {hosts: ["+hosts+"], gateways: [g], http: [{directResponse: {status: 200}}]}")
	var out []string
	for _, c := range m.For(model.Gateway{Namespace: "default", Labels: map[string]string{"a": "a"}}).Ports[0].Chains {
		if c.HTTP.Server.Port != "own" {
			continue
		}
		for _, h := range c.HTTP.Misdirected {
			for _, d := range h.Domains {
				out = append(out, fmt.Sprintf("%s %d", d, map[bool]int{true: 421, false: 404}[h.Elsewhere]))
			}
		}
	}
	return strings.Join(out, ", ")
}
