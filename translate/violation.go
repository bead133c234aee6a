package translate

import (
	"google.golang.org/protobuf/proto"

	"github.com/portreeve/portreeve/translate/constraint"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
)

// maxViolations bounds what is told of one gateway: a value that is used everywhere breaks everything.
const maxViolations = 100

// violations returns an error for everything in a gateway's resources that Envoy's API does not
// allow. Envoy would refuse the whole resource for it, and with it whatever comes later: one
// object would keep all others out. The error stands at the object, as far as the trace leads.
func (p *Program) violations(r envoy.Resources, g model.Gateway) diag.List {
	var out diag.List
	for _, m := range named(r) {
		for _, v := range p.judged.Judge(m.message) {
			if len(out) < maxViolations {
				out = append(out, p.violation(m, v, r.Trace, g))
			}
		}
	}
	return out.Sorted()
}

func (p *Program) violation(m rendered, v constraint.Violation, trace envoy.Trace, g model.Gateway) diag.Diagnostic {
	pos, known := trace.At(m.name, v.Path)
	if !known {
		pos = p.elsewhere
	}
	d := diag.New(diag.CodeConstraint, pos, "Envoy would refuse what is made of this, and all of the %s %s for it: %s", m.kind, m.name, v).
		WithHint("change the value that leads to it")
	d.Scope = diag.Limited(diag.Target{Namespace: g.Namespace, Labels: g.Labels})
	return d
}

// rendered is one resource of a gateway.
type rendered struct {
	kind, name string
	message    proto.Message
}

// named returns all resources with what people call them.
func named(r envoy.Resources) []rendered {
	var out []rendered
	for _, m := range r.Listeners {
		out = append(out, rendered{"listener", m.GetName(), m})
	}
	for _, m := range r.Routes {
		out = append(out, rendered{"routes", m.GetName(), m})
	}
	for _, m := range r.Clusters {
		out = append(out, rendered{"cluster", m.GetName(), m})
	}
	for _, m := range r.Endpoints {
		out = append(out, rendered{"endpoints", m.GetClusterName(), m})
	}
	for _, m := range r.ExtensionConfigs {
		out = append(out, rendered{"filter", m.GetName(), m})
	}
	for _, m := range r.Secrets {
		out = append(out, rendered{"secret", m.GetName(), m})
	}
	return out
}
