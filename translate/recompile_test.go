package translate_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// TestRecompileIsCompile edits a directory at random, one small step after the other, and
// holds that compiling on top of the program before gives the very program that compiling
// from nothing gives: findings, what they reach, and every byte that gateways are served.
func TestRecompileIsCompile(t *testing.T) {
	var pool []source.File
	for i, files := range inputs(t) {
		for _, f := range files {
			pool = append(pool, source.File{Path: fmt.Sprintf("%03d-%s", i, f.Path), Content: f.Content})
		}
	}
	pool = append(pool, source.File{Path: "filter.yaml", Content: []byte("apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: f, namespace: istio-system}\n")})
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same steps every time
	dir := map[string][]byte{"opening.yaml": []byte(openGateway)}
	program := &translate.Program{}
	settings := model.DefaultSettings()
	served := 0
	for step := range 1000 {
		for range 1 + random.IntN(3) {
			edit(random, dir, pool)
		}
		settings.MeshFile, settings.Ignored = "", nil
		if random.IntN(4) == 0 {
			settings.Ignored = []resource.Kind{resource.EnvoyFilter}
		}
		files := make([]source.File, 0, len(dir))
		for _, path := range slices.Sorted(maps.Keys(dir)) {
			files = append(files, source.File{Path: path, Content: slices.Clone(dir[path])})
		}
		program = program.Recompile(files, settings)
		want := translate.Compile(files, settings)
		if d := cmp.Diff(told(want), told(program)); d != "" {
			t.Fatalf("step %d: what is told differs (-compiled +recompiled):\n%s", step, d)
		}
		if a, b := servedBytes(t, want), servedBytes(t, program); a != b {
			t.Fatalf("step %d: what is served differs", step)
		} else if len(a) > 0 {
			served++
		}
	}
	if served < 200 {
		t.Errorf("only %d of the steps had something to serve", served)
	}
}

// edit does to one file what people do.
func edit(random *rand.Rand, dir map[string][]byte, pool []source.File) {
	from := pool[random.IntN(len(pool))]
	if random.IntN(12) == 0 {
		from = pool[len(pool)-1]
	}
	paths := slices.Sorted(maps.Keys(dir))
	path := paths[random.IntN(len(paths))]
	switch random.IntN(9) {
	case 0, 1, 2: // a new file, or one as it once was
		dir[from.Path] = from.Content
	case 3: // another content under a known path
		dir[path] = from.Content
	case 4: // half of a file
		dir[path] = dir[path][:random.IntN(len(dir[path])+1)]
	case 5: // the same content under two paths
		dir["copy-"+fmt.Sprint(random.IntN(3))+".yaml"] = dir[path]
	case 6: // one letter, which leaves the length as it is
		if at := bytes.IndexByte(dir[path], "aeiost"[random.IntN(6)]); at >= 0 {
			dir[path] = slices.Concat(dir[path][:at], []byte{'u'}, dir[path][at+1:])
		}
	default:
		if len(dir) > 1 {
			delete(dir, path)
		}
	}
	if len(dir) > 12 || random.IntN(6) == 0 { // so that there is often something without an error
		clear(dir)
		dir["opening.yaml"] = []byte(openGateway)
	}
}

// told is every finding with what it reaches, and the names of what is left.
func told(p *translate.Program) []string {
	var out []string
	for _, d := range p.Diags {
		out = append(out, fmt.Sprintf("%s [%s %s] %v %v", d, d.Object, d.Field, d.Scope.Everyone(), d.Scope.Targets()))
	}
	for _, r := range p.Resources {
		out = append(out, r.Key.String())
	}
	return append(out, fmt.Sprint(p.KeyRequests()))
}

// servedBytes is all that a gateway is served in every form, as text of its bytes.
func servedBytes(t *testing.T, p *translate.Program) string {
	t.Helper()
	var out []byte
	for _, render := range []func(model.Gateway) (envoy.Resources, diag.List){p.For, p.Static, p.Istio} {
		r, _ := render(ingress())
		out = appendAll(t, out, r.Listeners)
		out = appendAll(t, out, r.Routes)
		out = appendAll(t, out, r.Clusters)
		out = appendAll(t, out, r.Endpoints)
		out = appendAll(t, out, r.ExtensionConfigs)
		out = appendAll(t, out, r.Secrets)
	}
	return string(out)
}

func appendAll[M proto.Message](t *testing.T, out []byte, list []M) []byte {
	t.Helper()
	for _, m := range list {
		var err error
		if out, err = (proto.MarshalOptions{Deterministic: true}).MarshalAppend(out, m); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestAnEditCostsWhatItTouches holds that an edit of one file among many takes the others from
// the program before. What is made is counted, which unlike time is the same on every machine.
func TestAnEditCostsWhatItTouches(t *testing.T) {
	const n = 200
	files := fleet(n, benchRoutes)
	whole := testing.AllocsPerRun(3, func() { translate.Compile(files, model.DefaultSettings()) })
	program, i := translate.Compile(files, model.DefaultSettings()), 0
	edit := testing.AllocsPerRun(3, func() {
		edited := slices.Clone(files)
		edited[i].Content = []byte(benchRoutes(i, fmt.Sprintf("/%d/", i)))
		program, i = program.Recompile(edited, model.DefaultSettings()), i+1
	})
	if edit > whole/20 {
		t.Errorf("an edit makes %.0f allocations, all of it %.0f; want a twentieth at most", edit, whole)
	}
}
