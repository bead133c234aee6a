package translate

import (
	"fmt"

	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
)

// maxNamed bounds the objects of a gateway that are named one by one.
const maxNamed = 10

// Unguarded returns the errors that refuse a program to a gateway that is served another one:
// something is enforced there by what is served, and by the program nothing would be, without
// anybody saying so. That is mostly a slip: a name is misspelt, a file is called otherwise. Who
// wants it writes what lets everything pass, or a JWTPolicy that is switched off.
//
// The findings stand where the objects are written that enforce something now; the first ten
// of them are named.
func (p *Program) Unguarded(g model.Gateway, served *Program) diag.List {
	if p.model.Enforces(g) || p.Disabled(g) {
		return nil
	}
	lost := sources(served.model.Effect(g).Enforcing)
	var out diag.List
	for _, object := range lost[:min(len(lost), maxNamed)] {
		others := ""
		if len(lost) > maxNamed {
			others = fmt.Sprintf(" (one of %d)", len(lost))
		}
		path := resource.Path{"metadata", "name"}
		d := diag.New(diag.CodeUnguarded, object.Origin.At(path), "%s%s is enforced on gateways that nothing would be enforced on any more: %s", object.Key, others, p.whyNot(object, g)).
			WithHint("put it right, or say that everything may pass: a JWTPolicy with enabled: false, or an AuthorizationPolicy with action: ALLOW and rules: [{}], in the namespace %s or the root namespace", g.Namespace)
		d.Object, d.Field = object.Key.String(), path.String()
		out = append(out, d)
	}
	return out.Sorted()
}

// Disabled reports whether somebody said on purpose that nothing is to be enforced on a gateway.
func (p *Program) Disabled(g model.Gateway) bool { return p.model.Disabled(g) != nil }

// whyNot says why an object of another program is not enforced on a gateway, as far as that
// can be told.
func (p *Program) whyNot(object *resource.Resource, g model.Gateway) string {
	now := p.written.byKey()[object.Key]
	if now == nil {
		return p.whereabouts(object)
	}
	root := p.model.RootNamespace()
	switch spec := now.Spec.(type) {
	case *securityv1beta1.RequestAuthentication:
		if len(spec.GetJwtRules()) == 0 {
			return "it has no jwtRules any more"
		}
	case *securityv1beta1.AuthorizationPolicy:
		if now.DryRun() {
			return fmt.Sprintf("it is a dry run now (%s)", now.Origin.At(resource.Path{"metadata", "annotations", resource.DryRunAnnotation}))
		}
		if spec.GetAction() == securityv1beta1.AuthorizationPolicy_AUDIT {
			return fmt.Sprintf("its action is AUDIT now (%s)", now.Origin.At(resource.Path{"spec", "action"}))
		}
	}
	if now.Namespace != root && now.Namespace != g.Namespace {
		return fmt.Sprintf("its namespace is neither theirs, %s, nor the root namespace, which is %s now", g.Namespace, root)
	}
	return fmt.Sprintf("it does not select them any more (%s)", now.Origin.At(resource.Path{"spec", "selector"}))
}

// whereabouts says what became of an object that is not there under its name.
func (p *Program) whereabouts(object *resource.Resource) string {
	file := object.Origin.Document.File
	switch moved := p.written.byName()[nameOf(object)]; {
	case p.written.unusable()[object.Key]:
		return "it has errors and is left out"
	case moved != nil:
		return fmt.Sprintf("its namespace is %s now (%s)", moved.Namespace, moved.Origin.At(resource.Path{"metadata", "namespace"}))
	case !p.written.reads(file):
		return fmt.Sprintf("%s is not among the files that are read any more", file)
	default:
		return fmt.Sprintf("it does not stand in %s any more", file)
	}
}
