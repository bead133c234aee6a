package model

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
)

func TestTrustDomains(t *testing.T) {
	domains := trustDomains{"new.example", "old.example", "other"}
	for value, want := range map[string][]string{
		"new.example/ns/a/sa/b":   {"new.example/ns/a/sa/b", "old.example/ns/a/sa/b", "other/ns/a/sa/b"},
		"old.example/ns/a/sa/b":   {"new.example/ns/a/sa/b", "old.example/ns/a/sa/b", "other/ns/a/sa/b"},
		"cluster.local/ns/a/sa/b": {"new.example/ns/a/sa/b", "old.example/ns/a/sa/b", "other/ns/a/sa/b"},
		"*.example/ns/a/sa/b":     {"*.example/ns/a/sa/b", "other/ns/a/sa/b"},
		"*-x.example/ns/a/sa/b":   {"*-x.example/ns/a/sa/b"},
		"ot*/ns/a/sa/b":           {"new.example/ns/a/sa/b", "old.example/ns/a/sa/b", "other/ns/a/sa/b"},
		"foreign/ns/a/sa/b":       {"foreign/ns/a/sa/b"},
		"*/ns/a/sa/b":             {"*/ns/a/sa/b"},
		"*":                       {"*"},
		"new.example/ns/a":        {"new.example/ns/a"},
		"new.example/ns/a/sa/b/c": {"new.example/ns/a/sa/b/c"},
		"new.example/ns/a/sa/*":   {"new.example/ns/a/sa/*", "old.example/ns/a/sa/*", "other/ns/a/sa/*"},
	} {
		t.Run(value, func(t *testing.T) {
			if diff := cmp.Diff(want, domains.principals([]string{value})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if diff := cmp.Diff([]string{"foreign", "new.example", "old.example", "other", "*.example"}, domains.names([]string{"foreign", "other", "old.example", "*.example"})); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
}

func TestTrustDomainsOfAMesh(t *testing.T) {
	for name, c := range map[string]struct {
		mesh *meshv1alpha1.MeshConfig
		want trustDomains
	}{
		"none":          {&meshv1alpha1.MeshConfig{}, nil},
		"one":           {&meshv1alpha1.MeshConfig{TrustDomain: "a"}, trustDomains{"a"}},
		"with aliases":  {&meshv1alpha1.MeshConfig{TrustDomain: "a", TrustDomainAliases: []string{"b"}}, trustDomains{"a", "b"}},
		"only an alias": {&meshv1alpha1.MeshConfig{TrustDomainAliases: []string{"b"}}, trustDomains{"cluster.local", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, trustDomainsOf(c.mesh)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
