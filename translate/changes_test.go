package translate_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

const secretA, secretB = "apiVersion: v1\nkind: Secret\nmetadata: {name: web, namespace: istio-system}\nstringData: {tls.key: hidden-a}\n", "apiVersion: v1\nkind: Secret\nmetadata: {name: web, namespace: istio-system}\nstringData: {tls.key: hidden-b}\n"

// TestWhatAnEditChanges holds, for one edit after another, which objects it added (+), changed
// (~) and removed (-), of which nobody knows (?), and where each stands or stood.
func TestWhatAnEditChanges(t *testing.T) {
	type step struct {
		files map[string]string
		want  []string
	}
	unreadable := step{files: map[string]string{"unreadable": ""}, want: []string{"? p.yaml:3:18 AuthorizationPolicy istio-system/guard", "? p.yaml:8:18 RequestAuthentication istio-system/tokens"}}
	two := guard + "---\n" + tokens
	for name, c := range map[string]struct {
		before map[string]string
		steps  []step
	}{
		"nothing":            {map[string]string{"p.yaml": two}, []step{{map[string]string{"p.yaml": two}, nil}}},
		"comments and space": {map[string]string{"p.yaml": guard}, []step{{map[string]string{"p.yaml": "# new\n" + strings.Replace(guard, "spec: {", "spec:  {", 1) + "# end\n"}, nil}}},
		"another order":      {map[string]string{"p.yaml": two}, []step{{map[string]string{"p.yaml": tokens + "---\n" + guard}, nil}}},
		"another file":       {map[string]string{"p.yaml": two}, []step{{map[string]string{"p.yaml": guard, "q.yaml": tokens}, nil}}},
		"one of each": {map[string]string{"p.yaml": two}, []step{{map[string]string{"p.yaml": strings.Replace(guard, "/admin", "/other", 1) + "---\n" + jwt},
			[]string{"+ p.yaml:8:18 JWTPolicy istio-system/jwt", "~ p.yaml:3:18 AuthorizationPolicy istio-system/guard", "- p.yaml:8:18 RequestAuthentication istio-system/tokens"}}}},
		"another namespace": {map[string]string{"p.yaml": guard}, []step{{map[string]string{"p.yaml": strings.Replace(guard, "istio-system", "shop", 1)},
			[]string{"+ p.yaml:3:18 AuthorizationPolicy shop/guard", "- p.yaml:3:18 AuthorizationPolicy istio-system/guard"}}}},
		"annotations": {map[string]string{"p.yaml": guard}, []step{{map[string]string{"p.yaml": strings.Replace(guard, "istio-system}", "istio-system, annotations: {istio.io/dry-run: 'true'}}", 1)},
			[]string{"~ p.yaml:3:18 AuthorizationPolicy istio-system/guard"}}}},
		"labels":   {map[string]string{"p.yaml": guard}, []step{{map[string]string{"p.yaml": strings.Replace(guard, "istio-system}", "istio-system, labels: {a: b}}", 1)}, []string{"~ p.yaml:3:18 AuthorizationPolicy istio-system/guard"}}}},
		"the file": {map[string]string{"p.yaml": guard, "q.yaml": tokens}, []step{{map[string]string{"q.yaml": tokens}, []string{"- p.yaml:3:18 AuthorizationPolicy istio-system/guard"}}, {map[string]string{"q.yaml": tokens}, nil}}},
		"a secret": {map[string]string{"s.yaml": secretA}, []step{{map[string]string{"s.yaml": "# new\n" + secretA}, nil},
			{map[string]string{"s.yaml": secretB}, []string{"~ s.yaml:3:18 Secret istio-system/web"}}, {map[string]string{"q.yaml": guard}, []string{"+ q.yaml:3:18 AuthorizationPolicy istio-system/guard", "- s.yaml:3:18 Secret istio-system/web"}}}},
		"a directory of secrets": {map[string]string{"secrets/web/tls.key": "hidden-a"}, []step{{map[string]string{"secrets/web/tls.key": "hidden-b"}, []string{"~ secrets/web secret web"}},
			{map[string]string{}, []string{"- secrets/web secret web"}}}},
		"the mesh configuration": {map[string]string{"mesh.yaml": "rootNamespace: a\n"}, []step{{map[string]string{"mesh.yaml": "# new\nrootNamespace: a\n"}, nil},
			{map[string]string{"mesh.yaml": "rootNamespace: b\n"}, []string{"~ mesh.yaml:1:1 the mesh configuration"}}, {map[string]string{"mesh.yaml": "rootNamespac: a\n"}, []string{"? mesh.yaml:1:1 the mesh configuration"}},
			{map[string]string{}, []string{"? mesh.yaml:1:1 the mesh configuration"}}, {map[string]string{"mesh.yaml": "rootNamespace: b\n"}, nil}}},
		"a file that cannot be parsed, then goes": {map[string]string{"p.yaml": two}, []step{
			{map[string]string{"p.yaml": "kind: ["}, []string{"? p.yaml:3:18 AuthorizationPolicy istio-system/guard", "? p.yaml:8:18 RequestAuthentication istio-system/tokens"}},
			{map[string]string{"p.yaml": guard + "---\nkind: ["}, []string{"? p.yaml:8:18 RequestAuthentication istio-system/tokens"}},
			{map[string]string{"p.yaml": guard}, []string{"- p.yaml:8:18 RequestAuthentication istio-system/tokens"}}}},
		"a kind that is misspelt": {map[string]string{"p.yaml": two}, []step{{map[string]string{"p.yaml": strings.Replace(two, "AuthorizationPolicy", "AuthorisationPolicy", 1)}, []string{"? p.yaml:3:18 AuthorizationPolicy istio-system/guard"}}}},
		"an error of its own": {map[string]string{"p.yaml": two}, []step{{map[string]string{"p.yaml": strings.Replace(two, "DENY", "DENNY", 1)}, []string{"? p.yaml:3:18 AuthorizationPolicy istio-system/guard"}},
			{map[string]string{"p.yaml": strings.Replace(two, "/admin", "/other", 1)}, []string{"~ p.yaml:3:18 AuthorizationPolicy istio-system/guard"}}}},
		"a reading that failed": {map[string]string{"p.yaml": two}, []step{unreadable, {map[string]string{"p.yaml": two}, nil}}},
	} {
		t.Run(name, func(t *testing.T) {
			settings := model.DefaultSettings()
			settings.SecretsDirs = []string{"secrets"}
			if _, mesh := c.before["mesh.yaml"]; mesh {
				settings.MeshFile = "mesh.yaml"
			}
			program := translate.Compile(filesOf(c.before), settings)
			inventory, first := (*translate.Inventory)(nil).Next(program, nil)
			if first.Added.Total == 0 || len(first.Added.Named)+first.Changed.Total+first.Removed.Total+first.Unread.Total > 0 {
				t.Errorf("at first: %+v, want what is added, without names", first)
			}
			for i, s := range c.steps {
				var failed diag.List
				if _, ok := s.files["unreadable"]; ok {
					s.files, failed = nil, diag.List{diag.New(diag.CodeRead, diag.Position{File: "dir"}, "it cannot be read")}
				}
				var changes translate.Changes
				program = program.Recompile(filesOf(s.files), settings)
				inventory, changes = inventory.Next(program, failed)
				if diff := cmp.Diff(s.want, listed(changes)); diff != "" {
					t.Errorf("step %d (-want +got):\n%s", i, diff)
				}
				if strings.Contains(fmt.Sprintf("%+v", changes), "hidden") {
					t.Errorf("step %d: a secret is shown: %+v", i, changes)
				}
			}
		})
	}
}

func filesOf(files map[string]string) []source.File {
	var out []source.File
	for _, path := range slices.Sorted(maps.Keys(files)) {
		out = append(out, source.File{Path: path, Content: []byte(files[path])})
	}
	return out
}

func listed(c translate.Changes) []string {
	var out []string
	for _, kind := range []struct {
		sign string
		of   translate.Objects
	}{{"+", c.Added}, {"~", c.Changed}, {"-", c.Removed}, {"?", c.Unread}} {
		for _, object := range kind.of.Named {
			out = append(out, fmt.Sprintf("%s %s %s", kind.sign, object.Pos, object.Object))
		}
	}
	return out
}

// TestWhatAnEditChangesIsNamedWithinABound holds for an edit of ten thousand objects.
func TestWhatAnEditChangesIsNamedWithinABound(t *testing.T) {
	var many strings.Builder
	for i := range 10000 {
		many.WriteString(strings.Replace(guard, "name: guard", fmt.Sprintf("name: guard-%05d", i), 1) + "---\n")
	}
	one := map[string]string{"one.yaml": tokens}
	before := translate.Compile(filesOf(one), model.DefaultSettings())
	inventory, _ := (*translate.Inventory)(nil).Next(before, nil)
	program := before.Recompile(filesOf(map[string]string{"one.yaml": tokens, "many.yaml": many.String()}), model.DefaultSettings())
	inventory, changes := inventory.Next(program, nil)
	if changes.Added.Total != 10000 || len(changes.Added.Named) != 50 || changes.Added.Named[0].Object != "AuthorizationPolicy istio-system/guard-00000" {
		t.Errorf("added %d, %d of them named", changes.Added.Total, len(changes.Added.Named))
	}
	if _, changes = inventory.Next(before, nil); changes.Removed.Total != 10000 || len(changes.Removed.Named) != 50 {
		t.Errorf("removed %d, %d of them named", changes.Removed.Total, len(changes.Removed.Named))
	}
}

// BenchmarkWhatAnEditChanges is what telling of an edit costs beside ten thousand objects.
func BenchmarkWhatAnEditChanges(b *testing.B) {
	var many strings.Builder
	for i := range 10000 {
		many.WriteString(strings.Replace(guard, "name: guard", fmt.Sprintf("name: guard-%05d", i), 1) + "---\n")
	}
	program := translate.Compile(filesOf(map[string]string{"one.yaml": tokens, "many.yaml": many.String()}), model.DefaultSettings())
	inventory, _ := (*translate.Inventory)(nil).Next(program, nil)
	edited := program.Recompile(filesOf(map[string]string{"one.yaml": jwt, "many.yaml": many.String()}), model.DefaultSettings())
	for b.Loop() {
		inventory.Next(edited, nil)
	}
}
