package model

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	networkingv1alpha3 "istio.io/api/networking/v1alpha3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

func decode(t testing.TB, text string) []*resource.Resource {
	t.Helper()
	documents, found := source.Parse([]source.File{{Path: "f.yaml", Content: []byte(text)}})
	resources, more := resource.Decode(documents)
	if all := append(found, more...); all.HasErrors() {
		t.Fatal(all)
	}
	return resources
}

// TestIndexAgreesWithASearch holds the index against the definition: two selectors can
// meet on a workload unless a label has two values, or the namespaces differ.
func TestIndexAgreesWithASearch(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test wants the same order again
	some := func() workloadScope {
		out := workloadScope{namespace: []string{"", "a", "b"}[r.IntN(3)], labels: map[string]string{}}
		for _, k := range []string{"x", "y", "z"} {
			if r.IntN(2) == 0 {
				out.labels[k] = fmt.Sprint(r.IntN(4))
			}
		}
		return out
	}
	hits := 0
	for range 300 {
		x, all := newIndex(), []workloadScope{}
		for range r.IntN(6) {
			at := some()
			x.add(&resource.Resource{}, at)
			all = append(all, at)
			// Asking between additions must not freeze what was there.
			x.find(some())
		}
		for range 20 {
			asked, want := some(), false
			for _, at := range all {
				want = want || meet(at, asked)
			}
			if got := x.find(asked) != nil; got != want {
				t.Fatalf("%v among %v: found %v", asked, all, got)
			}
			if want {
				hits++
			}
		}
	}
	if hits == 0 || hits == 6000 {
		t.Errorf("%d of 6000 questions were hits: the test decides nothing", hits)
	}
}

func meet(a, b workloadScope) bool {
	for k, v := range a.labels {
		if w, ok := b.labels[k]; ok && v != w {
			return false
		}
	}
	return a.namespace == "" || b.namespace == "" || a.namespace == b.namespace
}

// TestClientCertificates holds that a warning about a peer's identity ends where each
// Gateway that the policy reaches asks for certificates.
func TestClientCertificates(t *testing.T) {
	const text = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g, namespace: istio-system}
spec: {selector: {a: b}, servers: [{port: {number: 8443, name: x, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: p, namespace: istio-system}
spec: {rules: [{from: [{source: {principals: [x]}}]}]}
`
	for mode, warned := range map[networkingv1alpha3.ServerTLSSettings_TLSmode]bool{
		networkingv1alpha3.ServerTLSSettings_SIMPLE:          true,
		networkingv1alpha3.ServerTLSSettings_PASSTHROUGH:     true,
		networkingv1alpha3.ServerTLSSettings_MUTUAL:          false,
		networkingv1alpha3.ServerTLSSettings_OPTIONAL_MUTUAL: false,
		networkingv1alpha3.ServerTLSSettings_ISTIO_MUTUAL:    false,
	} {
		t.Run(mode.String(), func(t *testing.T) {
			resources := decode(t, text)
			resources[0].Spec.(*networkingv1alpha3.Gateway).GetServers()[0].Tls = &networkingv1alpha3.ServerTLSSettings{Mode: mode}
			_, found := Build(resources, DefaultSettings())
			if got := has(found, diag.CodePeerIdentity); got != warned {
				t.Errorf("warned = %v: %v", got, found)
			}
		})
	}
}

// TestPathNormalization holds that the mesh configuration is warned of exactly where a
// policy can be got by.
func TestPathNormalization(t *testing.T) {
	const deny = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p}\nspec: {action: DENY, rules: [{to: [{operation: {ports: [\"80\"], paths: [/a]}}]}]}\n"
	allow := strings.Replace(deny, "action: DENY", "action: ALLOW", 1)
	type mode = meshv1alpha1.MeshConfig_ProxyPathNormalization_NormalizationType
	for name, c := range map[string]struct {
		mode mode
		text string
		want bool
	}{
		"Istio's default, chosen": {meshv1alpha1.MeshConfig_ProxyPathNormalization_DEFAULT, deny, true},
		"everything":              {meshv1alpha1.MeshConfig_ProxyPathNormalization_DECODE_AND_MERGE_SLASHES, deny, false},
		"slashes only":            {meshv1alpha1.MeshConfig_ProxyPathNormalization_MERGE_SLASHES, deny, true},
		"nothing":                 {meshv1alpha1.MeshConfig_ProxyPathNormalization_NONE, deny, true},
		"nothing, which refuses":  {meshv1alpha1.MeshConfig_ProxyPathNormalization_NONE, allow, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := DefaultSettings()
			s.Mesh = &resource.Mesh{Config: &meshv1alpha1.MeshConfig{PathNormalization: &meshv1alpha1.MeshConfig_ProxyPathNormalization{Normalization: c.mode}}}
			s.MeshFile = "mesh.yaml"
			_, found := Build(decode(t, c.text), s)
			if got := has(found, diag.CodePathForm); got != c.want {
				t.Errorf("warned = %v: %v", got, found)
			}
		})
	}
}

// TestPathsAreBroughtToOneFormUnlessSaidOtherwise holds that nothing is warned of where nothing is said.
func TestPathsAreBroughtToOneFormUnlessSaidOtherwise(t *testing.T) {
	_, found := Build(decode(t, "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p}\nspec: {action: DENY, rules: [{to: [{operation: {ports: [\"80\"], paths: [/a]}}]}]}\n"), DefaultSettings())
	if has(found, diag.CodePathForm) {
		t.Errorf("warned: %v", found)
	}
}

// TestTrustedProxies holds that an address behind proxies is fine once a proxy is trusted.
func TestTrustedProxies(t *testing.T) {
	const text = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p}\nspec: {rules: [{from: [{source: {remoteIpBlocks: [10.0.0.1]}}]}]}\n"
	for name, topology := range map[string]*meshv1alpha1.Topology{
		"a trusted proxy":    {NumTrustedProxies: 1},
		"the PROXY protocol": {ProxyProtocol: &meshv1alpha1.Topology_ProxyProtocolConfiguration{}},
	} {
		t.Run(name, func(t *testing.T) {
			s := DefaultSettings()
			s.Mesh = &resource.Mesh{Config: &meshv1alpha1.MeshConfig{DefaultConfig: &meshv1alpha1.ProxyConfig{GatewayTopology: topology}}}
			if _, found := Build(decode(t, text), s); has(found, diag.CodeRemoteAddress) {
				t.Errorf("warned: %v", found)
			}
		})
	}
}

func has(l diag.List, code diag.Code) bool {
	for _, d := range l {
		if d.Code == code {
			return true
		}
	}
	return false
}

// many returns policies that each have a selector, issuer, host and principal of their own,
// which is the most expensive for the checks: all names differ and all are wrong.
func many(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p%d, namespace: n%d}\nspec:\n  selector: {matchLabels: {app: a%d}}\n  action: DENY\n  rules:\n  - from: [{source: {requestPrincipals: [\"i%d/*\"], notPrincipals: [x]}}]\n    to: [{operation: {hosts: [h%d.example], paths: [/private], ports: [\"80\"]}}]\n", i, i%50, i, i, i)
		if i%10 == 0 {
			fmt.Fprintf(&b, "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g%d, namespace: n%d}\nspec: {selector: {app: a%d}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [h%d.test]}]}\n", i, i%50, i, i)
		}
	}
	return b.String()
}

// tidy returns policies that are all in order.
func tidy(n int) string {
	var b strings.Builder
	b.WriteString("apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: istio-system}\nspec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [\"*.example\"]}]}\n")
	b.WriteString("---\napiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: r, namespace: istio-system}\nspec: {jwtRules: [{issuer: i, jwks: '{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}'}]}\n")
	for i := range n {
		fmt.Fprintf(&b, "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p%d, namespace: istio-system}\nspec:\n  selector: {matchLabels: {istio: ingressgateway}}\n  rules:\n  - from: [{source: {requestPrincipals: [\"i/*\"]}}]\n    to: [{operation: {hosts: [h%d.example], paths: [/private]}}]\n", i, i)
	}
	return b.String()
}

// BenchmarkBuild compares the checks with all of reading: they have to stay a small part of
// it, and to grow with the number of policies and not with its square.
func BenchmarkBuild(b *testing.B) {
	for name, text := range map[string]func(int) string{"tidy": tidy, "wrong": many} {
		for _, n := range []int{1000, 10000} {
			files := []source.File{{Path: "f.yaml", Content: []byte(text(n))}}
			b.Run(fmt.Sprintf("%s/%d/read", name, n), func(b *testing.B) {
				for b.Loop() {
					documents, _ := source.Parse(files)
					resource.Decode(documents)
				}
			})
			documents, _ := source.Parse(files)
			resources, _ := resource.Decode(documents)
			m, found := Build(resources, DefaultSettings())
			b.Run(fmt.Sprintf("%s/%d/check", name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					m.check(&Model{}, nil)
				}
				b.ReportMetric(float64(len(found)), "findings")
			})
		}
	}
}
