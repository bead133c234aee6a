package translate_test

import (
	"fmt"
	"testing"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// TestAGatewayThatAnEditDoesNotTouchIsNotRendered holds that such a gateway is given the same resources, message for
// message, and that all others are not.
func TestAGatewayThatAnEditDoesNotTouchIsNotRendered(t *testing.T) {
	denies := func(app, path string) string {
		return "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: of-" + app + ", namespace: istio-system}\nspec: {selector: {matchLabels: {app: " + app + "}}, action: DENY, rules: [{to: [{operation: {paths: [" + path + "]}}]}]}\n"
	}
	entry := "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: s}\nspec: {hosts: [s.example], resolution: STATIC, location: MESH_EXTERNAL, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 10.0.0.%d}]}\n"
	files := func(pathOfA, pathOfB string, address int) []source.File {
		return []source.File{
			{Path: "a.yaml", Content: []byte(denies("a", pathOfA))}, {Path: "b.yaml", Content: []byte(denies("b", pathOfB))}, {Path: "s.yaml", Content: []byte(fmt.Sprintf(entry, address))},
		}
	}
	a, b := model.Gateway{Namespace: "istio-system", Labels: map[string]string{"app": "a"}}, model.Gateway{Namespace: "istio-system", Labels: map[string]string{"app": "b"}}
	settings := model.DefaultSettings()
	program := translate.Compile(files("/1", "/1", 1), settings)
	program.For(a)
	program.For(b)
	for _, c := range []struct {
		name         string
		next         func(*translate.Program) *translate.Program
		sameA, sameB bool
	}{
		{"an edit of a", func(p *translate.Program) *translate.Program { return p.Recompile(files("/2", "/1", 1), settings) }, false, true},
		{"an edit of b", func(p *translate.Program) *translate.Program { return p.Recompile(files("/2", "/2", 1), settings) }, true, false},
		{"the same files, and keys that are there", func(p *translate.Program) *translate.Program {
			return p.Recompile(files("/2", "/2", 1), settings).WithKeys(nil)
		}, true, true},
		{"other keys", func(p *translate.Program) *translate.Program {
			return p.WithKeys(model.Keys{{URI: "https://keys.example"}: "{}"})
		}, false, false},
		{"an edit of a service", func(p *translate.Program) *translate.Program { return p.Recompile(files("/2", "/2", 2), settings) }, false, false},
		{"other settings", func(p *translate.Program) *translate.Program {
			return p.Recompile(files("/2", "/2", 2), model.Settings{DomainSuffix: "example"})
		}, false, false},
	} {
		next := c.next(program)
		for g, want := range map[*model.Gateway]bool{&a: c.sameA, &b: c.sameB} {
			before, _ := program.For(*g)
			after, refused := next.For(*g)
			if len(refused) > 0 {
				t.Fatal(refused)
			}
			if same := &before.Clusters[0] == &after.Clusters[0]; same != want {
				t.Errorf("%s: the gateway of %s has the same resources: %v, want %v", c.name, g.Labels["app"], same, want)
			}
		}
		program = next
	}
}

// TestASecretThatStaysTheSameTouchesNoGateway holds that a directory of secrets has an edit render no more gateways, and
// that another key is seen.
func TestASecretThatStaysTheSameTouchesNoGateway(t *testing.T) {
	settings := model.DefaultSettings()
	settings.SecretsDirs = []string{"secrets"}
	files := func(path, key string) []source.File {
		return []source.File{
			{Path: "a.yaml", Content: []byte("apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: istio-system}\nspec: {selector: {matchLabels: {app: a}}, action: DENY, rules: [{to: [{operation: {paths: [" + path + "]}}]}]}\n")},
			{Path: "secrets/web/tls.crt", Content: []byte("public")}, {Path: "secrets/web/tls.key", Content: []byte(key)},
		}
	}
	b := model.Gateway{Namespace: "istio-system", Labels: map[string]string{"app": "b"}}
	program := translate.Compile(files("/1", "hidden"), settings)
	for _, c := range []struct {
		path, key string
		same      bool
	}{{"/2", "hidden", true}, {"/2", "HIDDEN", false}, {"/3", "HIDDEN", true}} {
		before, _ := program.For(b)
		program = program.Recompile(files(c.path, c.key), settings)
		after, refused := program.For(b)
		if len(refused) > 0 {
			t.Fatal(refused)
		}
		if same := &before.ExtensionConfigs[0] == &after.ExtensionConfigs[0]; same != c.same {
			t.Errorf("path %s, key %s: it has the same resources: %v, want %v", c.path, c.key, same, c.same)
		}
	}
}
