package translate_test

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
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

// recompiling is a directory that is edited at random, one small step after the other, together with flags and the
// mesh configuration.
type recompiling struct {
	random   *rand.Rand
	pool     []source.File
	dir      map[string][]byte
	settings model.Settings
	files    []source.File
	// The programs, and what each has written, as compiling on top of the one before gives them and as compiling from
	// nothing does.
	program, want          *translate.Program
	inventory, wantWritten *translate.Inventory
	changes, wantChanges   translate.Changes
}

func newRecompiling(t *testing.T, seed uint64) *recompiling {
	var pool []source.File
	for i, files := range inputs(t) {
		for _, f := range files {
			pool = append(pool, source.File{Path: fmt.Sprintf("%03d-%s", i, f.Path), Content: f.Content})
		}
	}
	for i, text := range []string{
		"apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: f, namespace: istio-system}\n",
		strings.Replace(jwt, "name: jwt", "name: guard", 1), jwt, guard, tokens, secretA,
		"apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: principals, namespace: istio-system}\nspec: {action: DENY, rules: [{from: [{source: {principals: [cluster.local/ns/a/sa/b]}}]}]}\n",
		"apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: below, namespace: istio-system}\nspec: {action: DENY, rules: [{to: [{operation: {paths: [/a/*]}}]}]}\n",
		"apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: allowed, namespace: istio-system}\nspec: {rules: [{to: [{operation: {paths: [/a/b, /a]}}]}]}\n",
	} {
		pool = append(pool, source.File{Path: fmt.Sprintf("own-%d.yaml", i), Content: []byte(text)})
	}
	return &recompiling{
		random: rand.New(rand.NewPCG(seed, 2)), pool: pool, //nolint:gosec // the same steps every time
		dir: map[string][]byte{"opening.yaml": []byte(openGateway)}, settings: model.DefaultSettings(), program: &translate.Program{},
	}
}

// newConcerning is a directory of few objects that concern each other.
func newConcerning(seed uint64) *recompiling {
	return &recompiling{
		random: rand.New(rand.NewPCG(seed, 2)), //nolint:gosec // the same steps every time
		dir:    map[string][]byte{}, settings: model.DefaultSettings(), program: &translate.Program{},
	}
}

// step edits, and compiles in both ways; before is what the program before is taken for.
func (r *recompiling) step(before func(*translate.Program, []source.File) *translate.Program) {
	for range 1 + r.random.IntN(3) {
		if len(r.pool) > 0 {
			edit(r.random, r.dir, r.pool)
		} else {
			concern(r.random, r.dir)
		}
	}
	r.configure()
	r.files = r.files[:0:0]
	for _, path := range slices.Sorted(maps.Keys(r.dir)) {
		r.files = append(r.files, source.File{Path: path, Content: slices.Clone(r.dir[path])})
	}
	if r.random.IntN(10) == 0 {
		r.random.Shuffle(len(r.files), func(i, j int) { r.files[i], r.files[j] = r.files[j], r.files[i] })
	}
	r.program, r.want = before(r.program, r.files).Recompile(r.files, r.settings), translate.Compile(r.files, r.settings)
	r.inventory, r.changes = r.inventory.Next(r.program, nil)
	r.wantWritten, r.wantChanges = r.wantWritten.Next(r.want, nil)
}

// configure changes flags and the mesh configuration now and then.
func (r *recompiling) configure() {
	one := func(of int) bool { return r.random.IntN(of) == 0 }
	r.settings.Ignored = nil
	if one(4) {
		r.settings.Ignored = []resource.Kind{resource.EnvoyFilter}
	}
	if one(8) {
		r.settings.MeshFile, r.dir[meshFile] = meshFile, []byte([]string{
			"trustDomain: example\n", "trustDomainAliases: [old]\ntrustDomain: example\n", "defaultVirtualServiceExportTo: [.]\ndefaultServiceExportTo: ['*']\n",
			"rootNamespace: shop\n", "pathNormalization: {normalization: NONE}\n", "{}\n", "{}\n", "{}\n", "nobody: knows\n",
		}[r.random.IntN(9)])
	}
	if one(10) {
		r.settings.MeshFile, r.dir["opening.yaml"] = "", []byte(openGateway)
		delete(r.dir, meshFile)
	}
	if one(6) {
		r.settings.Gateway = nil
		if one(2) {
			r.settings.Gateway = &model.Gateway{Namespace: []string{"istio-system", "shop"}[r.random.IntN(2)], Labels: map[string]string{"istio": "ingressgateway"}}
		}
	}
	r.settings.SecretsDirs = nil
	delete(r.dir, "secrets/web/tls.key")
	delete(r.dir, "secrets/web/tls.crt")
	if one(4) {
		r.settings.SecretsDirs = []string{"secrets"}
		r.dir["secrets/web/tls.key"], r.dir["secrets/web/tls.crt"] = []byte("hidden"), []byte(fmt.Sprint("public", r.random.IntN(2)))
	}
}

// differ says where the two programs differ, or nothing.
func (r *recompiling) differ(t *testing.T, step int) string {
	if d := cmp.Diff(told(r.want), told(r.program)); d != "" {
		return "what is told differs (-compiled +recompiled):\n" + d
	}
	if d := cmp.Diff(r.wantChanges, r.changes); d != "" {
		return "what the edit changed differs (-compiled +recompiled):\n" + d
	}
	for _, g := range gatewaysAsked() {
		if servedBytes(t, r.want, g) != servedBytes(t, r.program, g) {
			return "what is served differs"
		}
	}
	if step%10 == 0 {
		return cmp.Diff(r.want.Unservable().Lines(), r.program.Unservable().Lines())
	}
	return ""
}

func gatewaysAsked() []model.Gateway {
	return []model.Gateway{ingress(), {Namespace: "shop", Labels: map[string]string{"istio": "ingressgateway"}}}
}

// TestRecompileIsCompile edits a directory at random, one small step after the other, and
// holds that compiling on top of the program before gives the very program that compiling
// from nothing gives: findings, what they reach, every byte that gateways are served, where it comes from, and what
// is said of the edit. In `make soak` it takes five times as many steps.
func TestRecompileIsCompile(t *testing.T) {
	for name, c := range map[string]struct {
		r     *recompiling
		steps int
	}{"files of all kinds": {newRecompiling(t, 1), rounds(200)}, "objects that concern each other": {newConcerning(1), rounds(700)}} {
		t.Run(name, func(t *testing.T) {
			r, steps, served := c.r, c.steps, 0
			if os.Getenv("PORTREEVE_SOAK") == "1" {
				steps *= 5
			}
			for step := range steps {
				r.step(func(p *translate.Program, _ []source.File) *translate.Program { return p })
				if d := r.differ(t, step); d != "" {
					t.Fatalf("step %d: %s", step, d)
				}
				if len(servedBytes(t, r.want, ingress())) > 0 {
					served++
				}
			}
			if served < steps/8 {
				t.Errorf("only %d of the steps had something to serve", served)
			}
		})
	}
}

// TestALieIsFound holds that the test above finds each cache that says what other input says.
func TestALieIsFound(t *testing.T) {
	for name, lie := range translate.Lies() {
		t.Run(name, func(t *testing.T) {
			r := newRecompiling(t, 1)
			for step := range 200 {
				r.step(func(p *translate.Program, files []source.File) *translate.Program { return p.Lying(lie, files) })
				if r.differ(t, 1) != "" {
					t.Logf("found at step %d", step)
					return
				}
			}
			t.Error("the lie is not found")
		})
	}
}

// edit does to one file what people do.
func edit(random *rand.Rand, dir map[string][]byte, pool []source.File) {
	from := pool[random.IntN(len(pool))]
	if random.IntN(3) == 0 {
		from = pool[len(pool)-1-random.IntN(9)]
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

// told is every finding with what it reaches, and all else that a program tells without being served.
func told(p *translate.Program) []string {
	var out []string
	for _, d := range p.Diags {
		out = append(out, fmt.Sprintf("%s [%s %s] %v %v", d, d.Object, d.Field, d.Scope.Everyone(), d.Scope.Targets()))
	}
	for _, r := range slices.Concat(p.Resources, p.Objects(), p.Tests()) {
		out = append(out, r.Key.String()+" "+r.Origin.At(nil).String())
	}
	identities, known := p.Identities()
	out = append(out, fmt.Sprint(identities, known, p.Certificates(), p.KeyRequests()))
	out = append(out, p.Unapplied(gatewaysAsked()).Lines()...)
	for _, g := range gatewaysAsked() {
		out = append(out, fmt.Sprint(p.Refusals(g).Lines(), p.EffectOn(g), p.PoliciesOf(g), p.KeySourcesFor(g), p.HasFilesFor("secrets", g)))
	}
	return out
}

// servedBytes is all that a gateway is served in every form, as text of its bytes.
func servedBytes(t *testing.T, p *translate.Program, g model.Gateway) string {
	t.Helper()
	var out []byte
	for _, render := range []func(model.Gateway) (envoy.Resources, diag.List){p.For, p.Static, p.Istio} {
		r, _ := render(g)
		out = appendAll(t, out, r.Listeners)
		out = appendAll(t, out, r.Routes)
		out = appendAll(t, out, r.Clusters)
		out = appendAll(t, out, r.Endpoints)
		out = appendAll(t, out, r.ExtensionConfigs)
		out = appendAll(t, out, r.Secrets)
		if len(r.Trace) > 0 {
			out = fmt.Append(out, r.Trace)
		}
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

// TestSuggestionsAreBoundedTogether adds slips one by one, until more names would have to be compared than may be: what is
// suggested for which of them is the same as where all are there from the beginning.
func TestSuggestionsAreBoundedTogether(t *testing.T) {
	if underRace {
		t.Skip("make full runs it")
	}
	var gateways strings.Builder
	for i := range 80 {
		fmt.Fprintf(&gateways, "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g%d, namespace: istio-system}\nspec: {selector: {app: a%d}, servers: [{port: {number: %d, name: http, protocol: HTTP}, hosts: [h%d.example]}]}\n", i, i, 8000+i, i)
	}
	files := []source.File{{Path: "0.yaml", Content: []byte(gateways.String())}}
	program := &translate.Program{}
	for i := range 70 {
		text := fmt.Sprintf("apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: m%02d, namespace: istio-system}\nspec: {selector: {matchLabels: {app: a%d-}}, action: DENY, rules: [{}]}\n", i, i)
		files = append(files, source.File{Path: fmt.Sprintf("p%02d.yaml", i), Content: []byte(text)})
		program = program.Recompile(files, model.DefaultSettings())
		if d := cmp.Diff(told(translate.Compile(files, model.DefaultSettings())), told(program)); d != "" {
			t.Fatalf("with %d slips (-compiled +recompiled):\n%s", i+1, d)
		}
	}
	if hint := program.Diags[len(program.Diags)-1].Hint; strings.Contains(hint, "did you mean") {
		t.Errorf("the last slip has the suggestion %q; want none, as too many names were compared", hint)
	}
}
