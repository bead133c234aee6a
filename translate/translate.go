// Package translate compiles policy files into Envoy configuration:
//
//	files ─ source ─ resource ─ wizard ─ model ─ policy ─ envoy ─▶ resources of one gateway
//
// It is pure: no network, clock, log, environment or global state. Whatever comes from
// outside (root namespace, fetched keys) is a value in the settings.
package translate

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/portreeve/portreeve/translate/constraint"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/optimize"
	"github.com/portreeve/portreeve/translate/policy"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
	"github.com/portreeve/portreeve/translate/wizard"
)

// Program is compiled policy. It is immutable and safe for concurrent use.
type Program struct {
	// Diags are all findings, in file order.
	Diags diag.List
	// Resources are the valid resources in Istio's own kinds, in file order.
	Resources []*resource.Resource
	model     *model.Model
	mesh      meshFile
	cache     decodeCache
	expanded  wizard.Expansions
	written   *written
	// judged remembers what of the resources Envoy's API allows.
	judged *constraint.Known
	// ruled remembers what was made of the rules of policies.
	ruled *policy.Known
	// packed remembers what filters of policy were packed to.
	packed *envoy.Known
	// rendered remembers what gateways were given; edition says what is another since the program before.
	rendered *renderings
	edition  *edition
	// keys are those that were fetched.
	keys model.Keys
	// optimized remembers what the optimiser made of rules, optimization is what it does.
	optimized    *optimize.Known
	optimization optimize.Options
	// identities are the valid GatewayIdentity objects, in file order.
	identities []model.GatewayIdentity
	// tests are the valid PolicyTest objects, in file order.
	tests []*resource.Resource
	// alerts are the AuditAlert objects that are sound by themselves, in file order.
	alerts []model.AuditAlert
	// elsewhere is where that comes from of which nothing better is known: the mesh configuration.
	elsewhere diag.Position
	// conditions says that configurations lead to the conditions within rules.
	conditions bool
}

// Compile compiles the files. It never fails: mistakes are findings in Program.Diags, and
// For refuses the gateways that they can reach.
//
// Secret manifests, and the files below settings.SecretsDirs, are for the Gateways that name
// them and are not among the program's resources. What time it is nobody knows here: see At.
//
// The file that settings.MeshFile names is the mesh configuration and not policy. Where it
// is named and missing, or is broken, every gateway is refused. So is it with the file that
// settings.GatewaysFile names.
func Compile(files []source.File, settings model.Settings) *Program {
	return (&Program{}).Recompile(files, settings)
}

// Recompile compiles the files as Compile does: equal arguments give an equal program,
// whatever the receiver is. It only takes less time where the receiver was compiled from
// many of the same files.
func (p *Program) Recompile(files []source.File, settings model.Settings) *Program {
	files, mesh := p.mesh.again(files, settings)
	settings.Mesh = mesh.mesh
	inFiles, files := resource.SecretsIn(files, settings.SecretsDirs, p.written.known())
	cache := p.cache.again(files, resource.Options{Ignored: settings.Ignored, DetectsOutliers: mesh.mesh.DetectsOutliers(), GatewaysFile: settings.GatewaysFile})
	objects, diags := cache.join()
	identities, others, twice := model.TakeIdentities(objects)
	tests, others := model.TakeTests(others)
	alerts, others, silent := model.TakeAlerts(others, settings)
	diags = slices.Concat(settings.Unread, withoutGateways(files, settings), diags, twice, silent)
	settings.Refused = cache.refused()
	settings.Secrets = slices.Concat(cache.secrets(), inFiles)
	settings.Disabled = wizard.Disabled(objects)
	resources, expanded, found := p.expanded.Expand(others)
	diags = append(diags, found...)
	written := newWritten(objects, cache)
	written.secrets, written.mesh, written.meshBroken = settings.Secrets, mesh.mesh, mesh.found.HasErrors()
	settings.Broken = model.BrokenBy(diags)
	settings.Broken.Mesh = mesh.found.HasErrors()
	m, found := p.model.Rebuild(resources, settings)
	diags = slices.Concat(mesh.found, diags, found)
	return &Program{
		Diags: diags.Sorted(), Resources: resources, model: m, mesh: mesh, cache: cache, expanded: expanded, written: written,
		judged: p.judged.Next(), elsewhere: diag.Position{File: settings.MeshFile}, identities: identities, tests: tests, alerts: alerts,
		rendered: p.rendered.next(), edition: p.edition.next(p.Resources, resources, settings), keys: settings.Keys,
		ruled: p.ruled.Next(), packed: p.packed.Next(), optimized: p.optimized.Next(), optimization: optimizationOf(settings.Optimization),
	}
}

// For returns the configuration of a gateway, and the errors that refuse it. When there
// are any, the resources are empty: a configuration that an error can have touched is
// never handed out, not even in part.
func (p *Program) For(g model.Gateway) (envoy.Resources, diag.List) {
	refusing := p.Refusals(g)
	if len(refusing) > 0 || p.rendered == nil {
		return p.render(g, p.optimization, p.packed.Render)
	}
	if known, ok := p.untouched(g); ok {
		return known, nil
	}
	out, refused := p.render(g, p.optimization, p.packed.Render)
	if len(refused) == 0 {
		p.rendered.keep(keyOf(g), rendering{p.edition.self, p.keys, out})
	}
	return out, refused
}

// Static is For with everything inlined, for a gateway without a control plane.
func (p *Program) Static(g model.Gateway) (envoy.Resources, diag.List) {
	return p.render(g, p.optimization, envoy.RenderStatic)
}

// Istio is For in Istio's own shape, for comparison: the filters that Istio would
// generate, under the names that it gives them. It is not what gateways are served.
func (p *Program) Istio(g model.Gateway) (envoy.Resources, diag.List) {
	return p.render(g, optimize.Options{}, envoy.RenderIstio)
}

// WithConditions returns the same program, whose configurations also say where each condition within a rule is
// written, for who explains requests. They are no different otherwise, and take a third longer to make.
func (p *Program) WithConditions() *Program {
	out := *p
	out.conditions, out.rendered = true, nil
	return &out
}

// Unoptimized returns the same program whose configurations are not rewritten: rule by rule as policy says it. Verdicts
// are the same, and all reasons for them can be told.
func (p *Program) Unoptimized() *Program {
	out := *p
	out.optimization, out.rendered = optimize.Options{}, nil
	return &out
}

// Both returns what a gateway is served, as For does, and the same rule by rule and with the places of conditions, for
// who explains requests: verdicts are those of the first, and all reasons stand in the second.
func (p *Program) Both(g model.Gateway) (served, told envoy.Resources, refused diag.List) {
	if served, refused = p.For(g); len(refused) > 0 {
		return served, told, refused
	}
	told, refused = p.Unoptimized().WithConditions().For(g)
	return served, told, refused
}

// optimizationOf returns what the optimiser does by the settings.
func optimizationOf(s model.Optimization) optimize.Options {
	out := optimize.Standard()
	if s.Rules != nil {
		out.Rules = s.Rules
	}
	if s.JWTCacheEntries != nil {
		out.JWTCacheEntries = *s.JWTCacheEntries
	}
	if s.AnySize {
		out.Thresholds = optimize.Thresholds{Index: 1, Fold: 1, Issuers: 1}
	}
	return out
}

// KeyRequests returns the sources of keys that the control plane has to fetch, each once, in order.
func (p *Program) KeyRequests() []model.KeyRequest { return p.model.KeyRequests() }

// KeySourcesFor returns those of the sources of KeyRequests that a gateway's policy names.
func (p *Program) KeySourcesFor(g model.Gateway) []model.KeySource { return p.model.KeySourcesFor(g) }

// WithKeys returns the same program with other fetched keys. It costs nothing.
func (p *Program) WithKeys(keys model.Keys) *Program {
	out := *p
	out.model, out.judged, out.ruled, out.packed = p.model.WithKeys(keys), p.judged.Next(), p.ruled.Next(), p.packed.Next()
	out.keys, out.rendered = maps.Clone(keys), p.rendered.next()
	return &out
}

// Identities returns what gateways that have proved who they are may be, in file order. It is false where
// that is not wholly known: where an error reaches every gateway, as all of GatewayIdentity objects do. It
// fails closed: of half a mapping nothing counts.
func (p *Program) Identities() ([]model.GatewayIdentity, bool) {
	for _, d := range p.Diags.Errors() {
		if p.model.ReachesAll(d.Scope) {
			return nil, false
		}
	}
	return p.identities, true
}

// Tests returns the valid PolicyTest objects, in file order. They are not among Resources: no gateway is
// served anything of them.
func (p *Program) Tests() []*resource.Resource { return p.tests }

// Alerts returns the valid AuditAlert objects, in file order, and the keys of those that are written and broken, of which
// the last good ones count. It is false where what is written is not wholly known: something could not be read, or is an
// object of which not even the name is known, or the mesh configuration, which names the root namespace, is broken.
func (p *Program) Alerts() (alerts []model.AuditAlert, broken []resource.Key, known bool) {
	if p.written == nil || p.written.meshBroken {
		return nil, nil, false
	}
	var names []string
	for _, d := range p.Diags.Errors() {
		switch name, ofAlert := strings.CutPrefix(d.Object, string(resource.AuditAlert)+" "); {
		case d.Object == "":
			return nil, nil, false
		case ofAlert:
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		namespace, name, _ := strings.Cut(name, "/")
		broken = append(broken, resource.Key{Kind: resource.AuditAlert, Namespace: namespace, Name: name})
	}
	return slices.DeleteFunc(slices.Clone(p.alerts), func(a model.AuditAlert) bool { return slices.Contains(broken, a.Key) }), broken, true
}

// Objects returns the valid objects as they are written, in file order, PolicyTests and such that are
// expanded to others among them.
func (p *Program) Objects() []*resource.Resource { return p.written.objects }

// Documents returns how many documents the files of policy hold that could be read, those among them that are broken,
// or of kinds that are ignored.
func (p *Program) Documents() int {
	n := 0
	for _, f := range p.written.cache.files {
		n += f.documents
	}
	return n
}

// Certificates returns the certificates of the Secrets that Gateways name, in file order.
func (p *Program) Certificates() []model.Certificate { return p.model.Certificates() }

// At returns the same program with the findings that there are at a moment: an expired
// certificate is an error, or a warning where it is among those served, by their
// fingerprints. A program without it takes certificates whatever their dates are.
func (p *Program) At(now time.Time, served map[string]bool) *Program {
	out := *p
	if dated := p.model.Dated(now, served); len(dated) > 0 {
		out.Diags = slices.Concat(p.Diags, dated).Sorted()
	}
	return &out
}

// InScope reports whether a gateway is in the scope of a finding or a certificate.
func (p *Program) InScope(scope diag.Scope, g model.Gateway) bool { return p.model.InScope(scope, g) }

// HasFilesIn reports whether the program was compiled from a file in a directory, or below it.
func (p *Program) HasFilesIn(dir string) bool {
	return slices.ContainsFunc(p.cache.files, func(f *decodedFile) bool { return within(f.path, dir) })
}

// HasFilesFor reports whether anything in the files of a directory can touch a gateway. A file
// whose objects are not for certain gateways only, or of which that is not known, touches all.
func (p *Program) HasFilesFor(dir string, g model.Gateway) bool {
	judged := map[string]bool{}
	for _, r := range p.Resources {
		file := r.Origin.Document.File
		if !within(file, dir) {
			continue
		}
		if p.model.Touches(r, g) {
			return true
		}
		judged[file] = true
	}
	return slices.ContainsFunc(p.cache.files, func(f *decodedFile) bool {
		return within(f.path, dir) && (!judged[f.path] || f.diags.HasErrors() || len(f.secrets) > 0)
	})
}

// within reports whether a file is in a directory, or below it.
func within(file, dir string) bool {
	return dir == "." || strings.HasPrefix(file, strings.TrimSuffix(dir, "/")+"/")
}

// Refusals returns the errors that refuse a gateway its configuration, but for what only the
// rendered configuration shows: For returns that too.
func (p *Program) Refusals(g model.Gateway) diag.List {
	var out diag.List
	for _, d := range p.Diags {
		if d.Severity == diag.Error && p.InScope(d.Scope, g) {
			out = append(out, d)
		}
	}
	return append(out, p.model.Missing(g)...).Sorted()
}

func (p *Program) render(g model.Gateway, as optimize.Options, with func(model.View, policy.Policy) envoy.Resources) (envoy.Resources, diag.List) {
	if refusing := p.Refusals(g); len(refusing) > 0 {
		return envoy.Resources{}, refusing
	}
	v := p.model.For(g)
	v.Conditions = p.conditions
	written := p.ruled.Of(v)
	out := with(v, optimize.Policy(written, as, p.optimized))
	violating := p.violations(out, g)
	if len(violating) == 0 {
		return out, nil
	}
	if told := p.violations(with(v, written), g); len(told) > 0 {
		violating = told // rule by rule: what is made of many rules together leads to none of them
	}
	return envoy.Resources{}, violating
}

// withoutGateways returns the error that the file of GatewayIdentity objects is named and not there, unless it
// has been said that it could not be read.
func withoutGateways(files []source.File, settings model.Settings) diag.List {
	path := settings.GatewaysFile
	if path == "" || slices.ContainsFunc(files, func(f source.File) bool { return f.Path == path }) ||
		slices.ContainsFunc(settings.Unread, func(d diag.Diagnostic) bool { return d.Pos.File == path }) {
		return nil
	}
	return diag.List{diag.New(diag.CodeRead, diag.Position{File: path}, "the file of GatewayIdentity objects is not there").WithHint("create the file, or start without --gateways")}
}
