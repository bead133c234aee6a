package resource_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// TestValuesThatEnvoyRefuses holds the limits that Envoy has and Istio's validation has not:
// what Envoy refuses keeps all other policy from the gateway too.
func TestValuesThatEnvoyRefuses(t *testing.T) {
	long, limit := strings.Repeat("x", 8193), strings.Repeat("x", 8192)
	from := func(field, v string) any {
		return map[string]any{"rules": []any{map[string]any{"from": []any{map[string]any{"source": map[string]any{field: []string{v}}}}}}}
	}
	when := func(key, v string) any {
		return map[string]any{"rules": []any{map[string]any{"when": []any{map[string]any{"key": key, "values": []string{v}}}}}}
	}
	regex := func(re string) any {
		return map[string]any{"hosts": []string{"*"}, "gateways": []string{"g"}, "http": []any{map[string]any{
			"match": []any{map[string]any{"uri": map[string]any{"regex": re}}}, "directResponse": map[string]any{"status": 200},
		}}}
	}
	timeout := func(v string) any {
		return map[string]any{"hosts": []string{"*"}, "gateways": []string{"g"}, "http": []any{map[string]any{
			"timeout": v, "route": []any{map[string]any{"destination": map[string]any{"host": "a.example"}}},
		}}}
	}
	for name, c := range map[string]struct {
		kind resource.Kind
		spec any
		code diag.Code
	}{
		"a namespace of 8193 bytes":         {resource.AuthorizationPolicy, from("namespaces", long), diag.CodeTooMany},
		"a namespace of 8192 bytes":         {resource.AuthorizationPolicy, from("namespaces", limit), ""},
		"not a principal of 8193 bytes":     {resource.AuthorizationPolicy, from("notPrincipals", "*"+long), diag.CodeTooMany},
		"a trust domain of 8193 bytes":      {resource.AuthorizationPolicy, from("trustDomains", long), diag.CodeTooMany},
		"a request principal of 8193 bytes": {resource.AuthorizationPolicy, from("requestPrincipals", long+"/a"), ""},
		"the namespace of a condition":      {resource.AuthorizationPolicy, when("source.namespace", long), diag.CodeTooMany},
		"the claim of a condition":          {resource.AuthorizationPolicy, when("request.auth.claims[a]", long), ""},
		"a duration of 292 years":           {resource.VirtualService, timeout("9223372035s"), ""},
		"a duration beyond":                 {resource.VirtualService, timeout("9223372036s"), diag.CodeWrongType},
		"an escape of a byte":               {resource.VirtualService, regex(`\x{FF}\xFF`), ""},
		"an escape beyond a byte":           {resource.VirtualService, regex(`a\x{100}`), diag.CodeVirtualService},
		"an escape behind a backslash":      {resource.VirtualService, regex(`\\x{100}`), ""},
		"an escape behind two":              {resource.VirtualService, regex(`\\\x{100}`), diag.CodeVirtualService},
		"an escape in quotes":               {resource.VirtualService, regex(`\Qa\x{100}\Eb`), ""},
		"an escape behind quotes":           {resource.VirtualService, regex(`\Qa\E\x{100}`), diag.CodeVirtualService},
		"quotes that do not end":            {resource.VirtualService, regex(`\Qa\x{100}`), ""},
		"the character itself":              {resource.VirtualService, regex("\u0100"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := fmt.Sprint(codesOf(object(t, c.kind, c.spec).Errors()))
			want := "[]"
			if c.code != "" {
				want = fmt.Sprintf("[%s]", c.code)
			}
			if got != want {
				t.Errorf("errors %s, want %s", got, want)
			}
		})
	}
}

func codesOf(l diag.List) []diag.Code {
	out := []diag.Code{}
	for _, d := range l {
		out = append(out, d.Code)
	}
	return out
}

// TestNamesAsKubernetesHasThem holds that the parts of an object's name, unlike those of a
// host, can be of any length.
func TestNamesAsKubernetesHasThem(t *testing.T) {
	for name, valid := range map[string]bool{
		strings.Repeat("x", 253): true, strings.Repeat("x", 254): false, "a.b": true, "a..b": false, "-a": false, "a-": false, "a_b": false, "A": false,
		strings.Repeat("x", 64) + "." + strings.Repeat("0", 64): true,
	} {
		_, found := compile(source.File{Path: "f", Content: []byte("apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: " + name + "}\n")})
		if got := !found.HasErrors(); got != valid {
			t.Errorf("name %.70s: valid = %v, want %v: %v", name, got, valid, found)
		}
	}
}
