// Package translate compiles policy files into Envoy configuration:
//
//	files ─ source ─ resource ─ wizard ─ model ─ envoy ─▶ resources of one gateway
//
// It is pure: no network, clock, log, environment or global state. Whatever comes from
// outside (root namespace, fetched keys) is a value in the settings.
package translate

import (
	"github.com/portreeve/portreeve/internal/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
	"github.com/portreeve/portreeve/translate/wizard"
)

// Program is compiled policy. It is immutable and safe for concurrent use.
type Program struct {
	// Diags are all findings, in file order.
	Diags diag.List
	// Resources are the valid resources in Istio's own kinds, in file order.
	Resources []resource.Resource
	model     *model.Model
}

// Compile compiles the files. It never fails: mistakes are findings in Program.Diags, and
// For refuses the gateways that they can reach.
func Compile(files []source.File, settings model.Settings) *Program {
	documents, diags := source.Parse(files)
	written, found := resource.Decode(documents)
	diags = append(diags, found...)
	resources, found := wizard.Expand(written)
	diags = append(diags, found...)
	m, found := model.Build(resources, settings)
	diags = append(diags, found...)
	return &Program{Diags: diags.Sorted(), Resources: resources, model: m}
}

// For returns the configuration of a gateway, and the errors that refuse it. When there
// are any, the resources are empty: a configuration that an error can have touched is
// never handed out, not even in part.
func (p *Program) For(g model.Gateway) (envoy.Resources, diag.List) {
	return p.render(g, envoy.Render)
}

// Static is For with everything inlined, for a gateway without a control plane.
func (p *Program) Static(g model.Gateway) (envoy.Resources, diag.List) {
	return p.render(g, envoy.RenderStatic)
}

func (p *Program) render(g model.Gateway, with func(model.View) envoy.Resources) (envoy.Resources, diag.List) {
	var refusing diag.List
	for _, d := range p.Diags.Errors() {
		if p.model.Reaches(d.Reach, g) {
			refusing = append(refusing, d)
		}
	}
	if len(refusing) > 0 {
		return envoy.Resources{}, refusing
	}
	return with(p.model.For(g)), nil
}
