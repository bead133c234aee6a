package snapshot_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/xds/snapshot"
)

func ads() *corev3.ConfigSource {
	return &corev3.ConfigSource{ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}}}
}

// listener refers to a route, a secret and the extension configs that are named.
func listener(name string, extensions ...string) *listenerv3.Listener {
	hcm := &hcmv3.HttpConnectionManager{
		RouteSpecifier: &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{RouteConfigName: name + "-route", ConfigSource: ads()}},
	}
	for _, e := range extensions {
		hcm.HttpFilters = append(hcm.HttpFilters, &hcmv3.HttpFilter{Name: e, ConfigType: &hcmv3.HttpFilter_ConfigDiscovery{
			ConfigDiscovery: &corev3.ExtensionConfigSource{ConfigSource: ads(), TypeUrls: []string{"type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC"}},
		}})
	}
	tls := &tlsv3.DownstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{
		TlsCertificateSdsSecretConfigs: []*tlsv3.SdsSecretConfig{{Name: name + "-cert", SdsConfig: ads()}},
	}}
	return &listenerv3.Listener{
		Name:     name,
		Metadata: metadata(),
		FilterChains: []*listenerv3.FilterChain{{
			Filters:         []*listenerv3.Filter{{Name: "hcm", ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: match.Any(hcm)}}},
			TransportSocket: &corev3.TransportSocket{Name: "tls", ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: match.Any(tls)}},
		}},
	}
}

// metadata has maps with enough keys that two marshals in map order would differ.
func metadata() *corev3.Metadata {
	fields := map[string]*structpb.Value{}
	for i := range 20 {
		fields[fmt.Sprint("key-", i)] = structpb.NewNumberValue(float64(i))
	}
	return &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{"a": {Fields: fields}, "b": {Fields: fields}, "c": {}}}
}

func extension(name string) *corev3.TypedExtensionConfig {
	policies := map[string]*rbacv3.Policy{}
	for i := range 20 {
		policies[fmt.Sprint("policy-", i)] = &rbacv3.Policy{}
	}
	return &corev3.TypedExtensionConfig{Name: name, TypedConfig: match.Any(&rbachttpv3.RBAC{Rules: &rbacv3.RBAC{Policies: policies}})}
}

func eds(name string) *clusterv3.Cluster {
	return &clusterv3.Cluster{
		Name:                 name,
		ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS},
		EdsClusterConfig:     &clusterv3.Cluster_EdsClusterConfig{EdsConfig: ads()},
	}
}

func resources() envoy.Resources {
	return envoy.Resources{
		Listeners:        []*listenerv3.Listener{listener("http", "jwt", "deny"), listener("https", "deny", "allow")},
		Routes:           []*routev3.RouteConfiguration{{Name: "http-route"}, {Name: "https-route"}},
		Clusters:         []*clusterv3.Cluster{eds("a"), eds("b"), {Name: "c"}},
		Endpoints:        []*endpointv3.ClusterLoadAssignment{{ClusterName: "a"}, {ClusterName: "b"}},
		ExtensionConfigs: []*corev3.TypedExtensionConfig{extension("jwt"), extension("deny"), extension("allow")},
		Secrets:          []*tlsv3.Secret{{Name: "http-cert"}, {Name: "https-cert"}},
	}
}

func mustNew(t *testing.T, r envoy.Resources) *snapshot.Snapshot {
	t.Helper()
	s, err := snapshot.New(r)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// versions are the versions of the types and of every resource.
func versions(s *snapshot.Snapshot) map[string]map[string]string {
	out := map[string]map[string]string{"types": {}}
	for _, typ := range snapshot.Types() {
		out["types"][typ.Short] = s.GetVersion(typ.URL)
		out[typ.Short] = s.GetVersionMap(typ.URL)
	}
	return out
}

// Promise 4: the same input gives the same versions, in whatever order it comes.
func TestEqualResourcesHaveEqualVersions(t *testing.T) {
	want := versions(mustNew(t, resources()))
	if n := len(want["ECDS"]); n != 3 {
		t.Fatalf("%d extension configs, want 3", n)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		r := resources()
		rng.Shuffle(len(r.Listeners), func(i, j int) { r.Listeners[i], r.Listeners[j] = r.Listeners[j], r.Listeners[i] })
		rng.Shuffle(len(r.Routes), func(i, j int) { r.Routes[i], r.Routes[j] = r.Routes[j], r.Routes[i] })
		rng.Shuffle(len(r.Clusters), func(i, j int) { r.Clusters[i], r.Clusters[j] = r.Clusters[j], r.Clusters[i] })
		rng.Shuffle(len(r.Endpoints), func(i, j int) { r.Endpoints[i], r.Endpoints[j] = r.Endpoints[j], r.Endpoints[i] })
		rng.Shuffle(len(r.Secrets), func(i, j int) { r.Secrets[i], r.Secrets[j] = r.Secrets[j], r.Secrets[i] })
		rng.Shuffle(len(r.ExtensionConfigs), func(i, j int) {
			r.ExtensionConfigs[i], r.ExtensionConfigs[j] = r.ExtensionConfigs[j], r.ExtensionConfigs[i]
		})
		if d := cmp.Diff(want, versions(mustNew(t, r))); d != "" {
			t.Fatalf("versions (-want +got):\n%s", d)
		}
	}
}

// Promise 2: a policy edit changes the version of its extension config and of nothing else.
func TestEditChangesOnlyItsType(t *testing.T) {
	before := versions(mustNew(t, resources()))
	r := resources()
	r.ExtensionConfigs[1] = &corev3.TypedExtensionConfig{Name: "deny", TypedConfig: match.Any(&rbachttpv3.RBAC{})}
	after := versions(mustNew(t, r))
	for _, typ := range snapshot.Types() {
		changed := before["types"][typ.Short] != after["types"][typ.Short]
		if changed != (typ.Short == "ECDS") {
			t.Errorf("%s changed: %v", typ.Short, changed)
		}
	}
	for name, v := range before["ECDS"] {
		if changed := v != after["ECDS"][name]; changed != (name == "deny") {
			t.Errorf("extension config %s changed: %v", name, changed)
		}
	}
}

func TestEveryTypeHasAVersion(t *testing.T) {
	form := regexp.MustCompile(`^[0-9a-f]{16}$`)
	for name, r := range map[string]envoy.Resources{"empty": {}, "full": resources()} {
		s := mustNew(t, r)
		for _, typ := range snapshot.Types() {
			if v := s.GetVersion(typ.URL); !form.MatchString(v) {
				t.Errorf("%s: version of %s = %q, want 16 hex digits", name, typ.Short, v)
			}
			if s.GetVersionMap(typ.URL) == nil {
				t.Errorf("%s: %s has no version map, so delta streams would race to build it", name, typ.Short)
			}
		}
	}
}

func TestInputIsNotChanged(t *testing.T) {
	r := resources()
	r.Listeners[0], r.Listeners[1] = r.Listeners[1], r.Listeners[0]
	r.ExtensionConfigs = append(r.ExtensionConfigs, extension("aaa"))
	mustNew(t, r)
	if r.Listeners[0].GetName() != "https" || r.ExtensionConfigs[3].GetName() != "aaa" || r.ExtensionConfigs[0].GetName() != "jwt" {
		t.Error("the order of the resources changed")
	}
}

// In state-of-the-world one resource that nobody asks for would hold back all of its type.
func TestUnreferencedIsLeftOut(t *testing.T) {
	r := resources()
	r.ExtensionConfigs = append(r.ExtensionConfigs, extension("unused"))
	r.Secrets = append(r.Secrets, &tlsv3.Secret{Name: "unused"})
	if d := cmp.Diff(versions(mustNew(t, resources())), versions(mustNew(t, r))); d != "" {
		t.Errorf("versions (-want +got):\n%s", d)
	}
}

func TestNewRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		edit func(*envoy.Resources)
		want string
	}{
		"two of one name":             {func(r *envoy.Resources) { r.Clusters = append(r.Clusters, eds("a")) }, `two resources have the name "a"`},
		"no name":                     {func(r *envoy.Resources) { r.Clusters = append(r.Clusters, &clusterv3.Cluster{}) }, "no name"},
		"no endpoints":                {func(r *envoy.Resources) { r.Endpoints = r.Endpoints[:1] }, "ClusterLoadAssignment"},
		"no route":                    {func(r *envoy.Resources) { r.Routes = r.Routes[:1] }, "RouteConfiguration"},
		"no extension config":         {func(r *envoy.Resources) { r.ExtensionConfigs = r.ExtensionConfigs[1:] }, `listener http refers to "jwt"`},
		"no secret":                   {func(r *envoy.Resources) { r.Secrets = nil }, `listener https refers to "https-cert"`},
		"text that is not UTF-8":      {func(r *envoy.Resources) { r.Clusters[2].AltStatName = "\xff" }, `marshal "c"`},
		"endpoints of no cluster":     {func(r *envoy.Resources) { r.Endpoints[0].ClusterName = "x" }, `"x" not listed`},
		"all faults at the same time": {func(r *envoy.Resources) { r.Secrets, r.ExtensionConfigs = nil, nil }, "5 errors"},
	} {
		t.Run(name, func(t *testing.T) {
			r := resources()
			tc.edit(&r)
			s, err := snapshot.New(r)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error = %v, want one that says %q", err, tc.want)
			}
			if s != nil {
				t.Error("a refused snapshot was returned")
			}
		})
	}
}

// The policy of TCP servers is delivered too, and its absence is found too.
func TestNetworkFiltersAreReferences(t *testing.T) {
	r := resources()
	r.Listeners = append(r.Listeners, &listenerv3.Listener{Name: "tcp", FilterChains: []*listenerv3.FilterChain{{
		Filters: []*listenerv3.Filter{{Name: "network", ConfigType: &listenerv3.Filter_ConfigDiscovery{
			ConfigDiscovery: &corev3.ExtensionConfigSource{ConfigSource: ads()},
		}}},
	}}})
	if _, err := snapshot.New(r); err == nil || !strings.Contains(err.Error(), `"network"`) {
		t.Errorf("a missing extension config gives %v", err)
	}
	r.ExtensionConfigs = append(r.ExtensionConfigs, extension("network"))
	if _, ok := mustNew(t, r).GetVersionMap(resourcev3.ExtensionConfigType)["network"]; !ok {
		t.Error("the extension config is not delivered")
	}
}

// A certificate where Envoy looks for authorities would have it verify nobody.
func TestASecretWithoutAuthoritiesIsRefused(t *testing.T) {
	r := resources()
	context := &tlsv3.DownstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{
		ValidationContextType: &tlsv3.CommonTlsContext_CombinedValidationContext{CombinedValidationContext: &tlsv3.CommonTlsContext_CombinedCertificateValidationContext{
			DefaultValidationContext:         &tlsv3.CertificateValidationContext{},
			ValidationContextSdsSecretConfig: &tlsv3.SdsSecretConfig{Name: "clients", SdsConfig: ads()},
		}},
	}}
	r.Listeners = append(r.Listeners, &listenerv3.Listener{Name: "mutual", FilterChains: []*listenerv3.FilterChain{{
		TransportSocket: &corev3.TransportSocket{Name: "tls", ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: match.Any(context)}},
	}}})
	authority := &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: "ca"}}
	for name, tc := range map[string]struct {
		secret *tlsv3.Secret
		want   string
	}{
		"a certificate": {&tlsv3.Secret{Name: "clients", Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{CertificateChain: authority}}}, "no authority"},
		"nothing":       {&tlsv3.Secret{Name: "clients", Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{}}}, "no authority"},
		"authorities":   {&tlsv3.Secret{Name: "clients", Type: &tlsv3.Secret_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{TrustedCa: authority}}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			with := r
			with.Secrets = append(slices.Clone(r.Secrets), tc.secret)
			_, err := snapshot.New(with)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("error = %v, want %q", err, tc.want)
			}
		})
	}
}
