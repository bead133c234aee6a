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

// inert is a kind that Istio has and that a gateway on a stock Envoy, without a mesh, cannot
// honour.
type inert struct {
	kind  Kind
	group string
	// effect says what it means that the object is ignored.
	effect func(*checker) string
	hint   string
	// guards reports an object that may be what guards the gateways.
	guards func(*checker) bool
}

func inertKinds() []inert {
	const extensionsGroup, installGroup = "extensions.istio.io", "install.istio.io"
	return []inert{
		{EnvoyFilter, networkingGroup, always("requests pass without what it adds to Envoy, which may be a check or a limit"), "say it with the other kinds and take it out of the directory", func(*checker) bool { return true }},
		{WasmPlugin, extensionsGroup, extensionEffect, "say it with RequestAuthentication and AuthorizationPolicy, or take it out of the directory", inSecurityPhase},
		{TrafficExtension, extensionsGroup, extensionEffect, "say it with RequestAuthentication and AuthorizationPolicy, or take it out of the directory", inSecurityPhase},
		{"Sidecar", networkingGroup, always("a gateway sees every service that is exported to its namespace"), "limit what a gateway sees by exportTo, or take it out of the directory", never},
		{"PeerAuthentication", securityGroup, peerEffect, "tls.mode: MUTUAL in a server of a Gateway, or take it out of the directory", never},
		{"ProxyConfig", networkingGroup, always("a gateway keeps the threads, the environment and the image that it was started with"), "start Envoy as it is meant to run, and take it out of the directory", never},
		{"WorkloadGroup", networkingGroup, always("no endpoint comes from it, and its probes do not run"), "list the endpoints in a ServiceEntry, or take it out of the directory", never},
		{"IstioOperator", installGroup, always("it installs Istio, and there is none; the mesh configuration in it does not count"), "write what stands below spec.meshConfig into a file and name that with --mesh-config", never},
	}
}

func never(*checker) bool { return false }

// inSecurityPhase reports an extension that runs where requests are authenticated or refused. A
// phase that is not known, such as a number or authn, may be one of these, and fails closed.
func inSecurityPhase(c *checker) bool {
	return !slices.Contains([]string{"", "null", "~", "UNSPECIFIED_PHASE", "STATS"}, textAt(c, "spec", "phase"))
}

func always(effect string) func(*checker) string { return func(*checker) string { return effect } }

// extensionEffect names what an extension in a phase of security would have done.
func extensionEffect(c *checker) string {
	switch phase := textAt(c, "spec", "phase"); phase {
	case "AUTHN":
		return "requests pass without it, and it is in the phase AUTHN: nobody is authenticated by it"
	case "AUTHZ":
		return "requests pass without it, and it is in the phase AUTHZ: nothing is refused by it"
	default:
		return "requests pass without it, also where it authenticates or refuses them"
	}
}

// peerEffect names what the mode of a PeerAuthentication would have asked for.
func peerEffect(c *checker) string {
	const where = "only a Gateway asks clients for a certificate, and connections to backends are plain where no DestinationRule says otherwise"
	if textAt(c, "spec", "mtls", "mode") == "STRICT" {
		return "connections pass without mutual TLS although it is STRICT; " + where
	}
	return "connections pass without the mutual TLS that it asks for; " + where
}

func textAt(c *checker, steps ...string) string {
	if n := at(c.origin.Document.Root, steps...); n != nil {
		return n.Value
	}
	return ""
}

// inert returns the finding about an object that has no effect, or false where the kind is
// another. It is a warning, except for what may be what guards: an EnvoyFilter, which nobody can
// tell from one that does not, and an extension in a phase of security. That is an error until
// the user says that it may be ignored. The error reaches what the object would have changed.
func (d *Decoder) inert(document source.Document, group, kind string) (diag.Diagnostic, bool) {
	all := inertKinds()
	i := slices.IndexFunc(all, func(k inert) bool { return string(k.kind) == kind && k.group == group })
	if i < 0 {
		return diag.Diagnostic{}, false
	}
	k := all[i]
	c := &checker{origin: Origin{Document: document}, key: Key{Kind: k.kind}}
	c.metadata()
	c.key.Namespace, c.key.Name = c.meta.namespace, c.meta.name
	code, verb, hint, scope := diag.CodeInertKind, "is ignored", k.hint, diag.Limited()
	if k.guards(c) && !slices.Contains(d.options.Ignored, k.kind) {
		code, verb, hint, scope = diag.CodeRefusedKind, "cannot be honoured", fmt.Sprintf("%s; or --ignore %s, where nothing depends on it", k.hint, k.kind), c.inertReach()
	}
	f := diag.New(code, document.Position(child(document.Root, "kind")), "%s %s: %s", k.kind, verb, k.effect(c)).WithHint("%s", hint)
	f.Field, f.Reach = "kind", scope
	if c.meta.valid {
		f.Object = c.key.String()
	}
	return f, true
}

// inertReach is the workloads of its namespace that an object selects, or every gateway where
// that cannot be read.
func (c *checker) inertReach() diag.Scope {
	selector, field := at(c.origin.Document.Root, "spec", "workloadSelector"), "labels"
	if c.key.Kind != EnvoyFilter {
		selector, field = at(c.origin.Document.Root, "spec", "selector"), "matchLabels"
	}
	var labels map[string]string
	ok := true
	if selector != nil && !isNull(selector) {
		labels, ok = stringsOf(child(selector, field))
	}
	refs := at(c.origin.Document.Root, "spec", "targetRefs")
	if !c.meta.valid || !ok || misleading(labels) || refs != nil {
		return diag.Scope{}
	}
	return diag.Limited(diag.Target{Namespace: c.key.Namespace, Labels: labels})
}
