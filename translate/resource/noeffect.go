package resource

import (
	"fmt"
	"slices"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// The kinds whose objects can be an error only because they would be ignored: an EnvoyFilter
// always, extensions where they say that they authenticate or authorize.
const (
	EnvoyFilter      Kind = "EnvoyFilter"
	WasmPlugin       Kind = "WasmPlugin"
	TrafficExtension Kind = "TrafficExtension"
)

// Ignorable returns the kinds that Options.Ignored may name: those whose objects are an
// error only because they would have no effect. Leaving out a policy, or a kind of which
// too little is known to say what its absence means, cannot be asked for.
func Ignorable() []Kind { return []Kind{EnvoyFilter, WasmPlugin, TrafficExtension} }

// noEffect is a kind that Istio has and that a gateway on a stock Envoy, without a mesh, cannot
// honour.
type noEffect struct {
	kind  Kind
	group string
	// effect says what it means that the object is ignored.
	effect func(*reporter) string
	hint   string
	// guards reports an object that may be what guards the gateways.
	guards func(*reporter) bool
}

func kindsWithoutEffect() []noEffect {
	const extensionsGroup, installGroup = "extensions.istio.io", "install.istio.io"
	return []noEffect{
		{EnvoyFilter, networkingGroup, always("requests pass without what it adds to Envoy, which may be a check or a limit"), "say it with the other kinds and take it out of the directory", func(*reporter) bool { return true }},
		{WasmPlugin, extensionsGroup, extensionEffect, "say it with RequestAuthentication and AuthorizationPolicy, or take it out of the directory", inSecurityPhase},
		{TrafficExtension, extensionsGroup, extensionEffect, "say it with RequestAuthentication and AuthorizationPolicy, or take it out of the directory", inSecurityPhase},
		{"Sidecar", networkingGroup, always("a gateway sees every service that is exported to its namespace"), "limit what a gateway sees by exportTo, or take it out of the directory", never},
		{"PeerAuthentication", securityGroup, peerEffect, "tls.mode: MUTUAL in a server of a Gateway, or take it out of the directory", never},
		{"ProxyConfig", networkingGroup, always("a gateway keeps the threads, the environment and the image that it was started with"), "start Envoy as it is meant to run, and take it out of the directory", never},
		{"WorkloadGroup", networkingGroup, always("no endpoint comes from it, and its probes do not run"), "list the endpoints in a ServiceEntry, or take it out of the directory", never},
		{"IstioOperator", installGroup, always("it installs Istio, and there is none; the mesh configuration in it does not count"), "write what stands below spec.meshConfig into a file and name that with --mesh-config", never},
	}
}

func never(*reporter) bool { return false }

// inSecurityPhase reports an extension that runs where requests are authenticated or refused. A
// phase that is not known, such as a number or authn, may be one of these, and fails closed.
func inSecurityPhase(r *reporter) bool {
	return !slices.Contains([]string{"", "null", "~", "UNSPECIFIED_PHASE", "STATS"}, textAt(r, "spec", "phase"))
}

func always(effect string) func(*reporter) string { return func(*reporter) string { return effect } }

// extensionEffect names what an extension in a phase of security would have done.
func extensionEffect(r *reporter) string {
	switch phase := textAt(r, "spec", "phase"); phase {
	case "AUTHN":
		return "requests pass without it, and it is in the phase AUTHN: nobody is authenticated by it"
	case "AUTHZ":
		return "requests pass without it, and it is in the phase AUTHZ: nothing is refused by it"
	default:
		return "requests pass without it, also where it authenticates or refuses them"
	}
}

// peerEffect names what the mode of a PeerAuthentication would have asked for.
func peerEffect(r *reporter) string {
	const where = "only a Gateway asks clients for a certificate, and connections to backends are plain where no DestinationRule says otherwise"
	if textAt(r, "spec", "mtls", "mode") == "STRICT" {
		return "connections pass without mutual TLS although it is STRICT; " + where
	}
	return "connections pass without the mutual TLS that it asks for; " + where
}

func textAt(r *reporter, steps ...string) string {
	if n := at(r.origin.Document.Root, steps...); n != nil {
		return n.Value
	}
	return ""
}

// noEffect returns the finding about an object that has no effect, or false where the kind is
// another. It is a warning, except for what may be what guards: an EnvoyFilter, which nobody can
// tell from one that does not, and an extension in a phase of security. That is an error until
// the user says that it may be ignored. The error reaches what the object would have changed.
func (d *Decoder) noEffect(document source.Document, group, kind string) (diag.Diagnostic, bool) {
	all := kindsWithoutEffect()
	i := slices.IndexFunc(all, func(k noEffect) bool { return string(k.kind) == kind && k.group == group })
	if i < 0 {
		return diag.Diagnostic{}, false
	}
	k := all[i]
	r := newReporter(document, k.kind)
	code, verb, hint, scope := diag.CodeNoEffectKind, "is ignored", k.hint, diag.Limited()
	if k.guards(r) && !slices.Contains(d.options.Ignored, k.kind) {
		code, verb, hint, scope = diag.CodeRefusedKind, "cannot be honoured", fmt.Sprintf("%s; or --ignore %s, where nothing depends on it", k.hint, k.kind), noEffectScope(r)
	}
	f := diag.New(code, document.Position(child(document.Root, "kind")), "%s %s: %s", k.kind, verb, k.effect(r)).WithHint("%s", hint)
	f.Field, f.Scope = "kind", scope
	if r.meta.valid {
		f.Object = r.key.String()
	}
	return f, true
}

// noEffectScope is the workloads of its namespace that an object selects, or every gateway where
// that cannot be read.
func noEffectScope(r *reporter) diag.Scope {
	selector, field := at(r.origin.Document.Root, "spec", "workloadSelector"), "labels"
	if r.key.Kind != EnvoyFilter {
		selector, field = at(r.origin.Document.Root, "spec", "selector"), "matchLabels"
	}
	var labels map[string]string
	ok := true
	if selector != nil && !isNull(selector) {
		labels, ok = stringsOf(child(selector, field))
	}
	refs := at(r.origin.Document.Root, "spec", "targetRefs")
	if !r.meta.valid || !ok || misleading(labels) || refs != nil {
		return diag.Scope{}
	}
	return diag.Limited(diag.Target{Namespace: r.key.Namespace, Labels: labels})
}
