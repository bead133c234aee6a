package node_test

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/xds/node"
)

const id = "router~10.0.0.1~edge-1.istio-system~istio-system.svc.cluster.local"

func envoy(t *testing.T, id string, metadata map[string]any) *corev3.Node {
	t.Helper()
	m, err := structpb.NewStruct(metadata)
	if err != nil {
		t.Fatal(err)
	}
	return &corev3.Node{Id: id, Metadata: m}
}

func TestParse(t *testing.T) {
	labels := map[string]any{"istio": "ingressgateway", "app": "edge"}
	for name, tc := range map[string]struct {
		id        string
		metadata  map[string]any
		name      string
		namespace string
		labels    map[string]string
	}{
		"namespace of the id": {
			id: id, metadata: map[string]any{"LABELS": labels},
			name: "edge-1", namespace: "istio-system", labels: map[string]string{"istio": "ingressgateway", "app": "edge"},
		},
		"metadata wins": {
			id: id, metadata: map[string]any{"NAMESPACE": "edge", "LABELS": labels},
			name: "edge-1", namespace: "edge", labels: map[string]string{"istio": "ingressgateway", "app": "edge"},
		},
		"empty metadata namespace": {id: id, metadata: map[string]any{"NAMESPACE": ""}, name: "edge-1", namespace: "istio-system", labels: map[string]string{}},
		"null metadata":            {id: id, metadata: map[string]any{"NAMESPACE": nil, "LABELS": nil}, name: "edge-1", namespace: "istio-system", labels: map[string]string{}},
		"no metadata":              {id: id, name: "edge-1", namespace: "istio-system", labels: map[string]string{}},
		"namespace in metadata only": {
			id: "router~::1~edge~", metadata: map[string]any{"NAMESPACE": "edge"},
			name: "edge", namespace: "edge", labels: map[string]string{},
		},
		"dots in the name": {id: "router~10.0.0.1~a.b.c~d", name: "a.b", namespace: "c", labels: map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			n := envoy(t, tc.id, tc.metadata)
			got, err := node.Parse(n)
			if err != nil {
				t.Fatal(err)
			}
			want := node.Identity{ID: tc.id, Name: tc.name, Group: node.Of(model.Gateway{Namespace: tc.namespace, Labels: tc.labels})}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("identity (-want +got):\n%s", d)
			}
		})
	}
}

// TestLocality holds that where a node says it runs is a part of who it is.
func TestLocality(t *testing.T) {
	keys := map[string]bool{}
	for want, l := range map[string]*corev3.Locality{
		"": nil, "eu": {Region: "eu"}, "eu/one": {Region: "eu", Zone: "one"}, "eu/one/a": {Region: "eu", Zone: "one", SubZone: "a"},
	} {
		n := envoy(t, id, nil)
		n.Locality = l
		got, err := node.Parse(n)
		if err != nil || got.Group.Gateway.Locality != want {
			t.Errorf("locality %q (%v), want %q", got.Group.Gateway.Locality, err, want)
		}
		keys[got.Group.Key] = true
	}
	if len(keys) != 4 {
		t.Errorf("gateways in 4 places have the keys %v", keys)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, tc := range map[string]struct {
		node  *corev3.Node
		found string
		want  string
	}{
		"no node":               {nil, "no node", "router~IP~NAME.NAMESPACE~DOMAIN"},
		"empty id":              {envoy(t, "", nil), `""`, "router~IP~NAME.NAMESPACE~DOMAIN"},
		"plain id":              {envoy(t, "edge-1", nil), `"edge-1" has 1 part`, "router~IP~NAME.NAMESPACE~DOMAIN"},
		"too many parts":        {envoy(t, id+"~x", nil), "has 5 part", "router~IP~NAME.NAMESPACE~DOMAIN"},
		"sidecar":               {envoy(t, strings.Replace(id, "router", "sidecar", 1), nil), `"sidecar"`, "router~"},
		"not an IP address":     {envoy(t, "router~edge~a.b~c", nil), `"edge" is not an IP address`, "router~IP"},
		"no namespace":          {envoy(t, "router~10.0.0.1~edge~c", nil), "no namespace", "metadata NAMESPACE"},
		"no name":               {envoy(t, "router~10.0.0.1~.ns~c", nil), "no name", "NAME.NAMESPACE"},
		"namespace not a name":  {envoy(t, "router~10.0.0.1~a.NS~c", nil), `"NS" is not a namespace`, "a-z"},
		"long namespace":        {envoy(t, id, map[string]any{"NAMESPACE": strings.Repeat("a", 64)}), "metadata NAMESPACE", "at most 63"},
		"namespace is a number": {envoy(t, id, map[string]any{"NAMESPACE": 1}), "is a number", "a string"},
		"labels are a list":     {envoy(t, id, map[string]any{"LABELS": []any{"a"}}), "LABELS is a list", "object of strings"},
		"label is a number":     {envoy(t, id, map[string]any{"LABELS": map[string]any{"v": 1}}), `"v" is a number`, "a string"},
		"label is null":         {envoy(t, id, map[string]any{"LABELS": map[string]any{"v": nil}}), `"v" is null`, "a string"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := node.Parse(tc.node)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, s := range []string{tc.found, tc.want} {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %q", err, s)
				}
			}
		})
	}
}

// Values that look like separators must not make two gateways one.
func TestKeyIsInjective(t *testing.T) {
	l := func(kv ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return m
	}
	gateways := []model.Gateway{
		{Namespace: "a"}, {Namespace: "b"}, {Namespace: ""}, {Namespace: `""`}, {Namespace: "a{}"},
		{Namespace: "a", Labels: l("x", "y")}, {Namespace: "b", Labels: l("x", "y")},
		{Namespace: "a", Labels: l("x", "y,z")}, {Namespace: "a", Labels: l("x", "y", "z", "")},
		{Namespace: "a", Labels: l("x", `y","z":"`)}, {Namespace: "a", Labels: l("x", "", "y", "")},
		{Namespace: "a", Labels: l("x:y", "")}, {Namespace: "a", Labels: l("x", ":y")}, {Namespace: "a", Labels: l("", "x")},
		{Namespace: `a{"x":"y"}`}, {Namespace: `a{"x":"y",`, Labels: l("x", "y")}, {Namespace: `"a"`},
		{Namespace: "a", Labels: l("x", "\xff")}, {Namespace: "a", Labels: l("x", "\ufffd")}, {Namespace: "a", Labels: l("x", `\xff`)},
	}
	seen := map[string]int{}
	for i, g := range gateways {
		key := node.Of(g).Key
		if j, ok := seen[key]; ok {
			t.Errorf("%+v and %+v share the key %s", gateways[j], g, key)
		}
		seen[key] = i
	}
}

func TestKeyIsCanonical(t *testing.T) {
	want := `edge{"app":"a","istio":"ingressgateway","version":"v1"}`
	for range 20 {
		g := model.Gateway{Namespace: "edge", Labels: map[string]string{"version": "v1", "istio": "ingressgateway", "app": "a"}}
		if got := node.Of(g).Key; got != want {
			t.Fatalf("key = %s, want %s", got, want)
		}
	}
	if a, b := node.Of(model.Gateway{Namespace: "a"}).Key, node.Of(model.Gateway{Namespace: "a", Labels: map[string]string{}}).Key; a != b {
		t.Errorf("nil and empty labels have the keys %s and %s", a, b)
	}
}

func TestGroupSharesNothing(t *testing.T) {
	g := model.Gateway{Namespace: "a", Labels: map[string]string{"x": "y"}}
	group := node.Of(g)
	g.Labels["x"] = "z"
	if group.Gateway.Labels["x"] != "y" {
		t.Error("a group changed with the gateway that it was made of")
	}
}
