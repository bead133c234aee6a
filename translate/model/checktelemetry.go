package model

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	telemetryv1alpha1 "istio.io/api/telemetry/v1alpha1"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
)

// telemetry warns of logs that are not written although somebody asks for them.
func (c providerChecks) telemetry() diag.List {
	out := append(c.defaultLogs(), c.logServices()...)
	first := map[string]*attached{}
	for _, t := range c.policies.inOrder(resource.Telemetry) {
		out = append(out, c.scope(t)...)
		key := t.Namespace + " " + t.attachment.key()
		if older, again := first[key]; again {
			out = append(out, diagnosticAt(diag.CodeTelemetryShadowed, t.Resource, resource.Path{"metadata", "name"}, "%s is older and for the same workloads, so this one does not count", older.Key).
				WithHint("put both into one object"))
			continue
		}
		first[key] = t
		for i, entry := range t.Spec.(*telemetryv1alpha1.Telemetry).GetAccessLogging() {
			out = append(out, c.logEntry(t, i, entry)...)
		}
	}
	return out
}

// key is equal for attachments to the same workloads.
func (a attachment) key() string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(a.labels)) {
		out = append(out, fmt.Sprintf("%q=%q", k, a.labels[k]))
	}
	for _, t := range a.targets {
		out = append(out, fmt.Sprintf("%q/%q/%q", t.GetGroup(), t.GetKind(), t.GetName()))
	}
	return strings.Join(out, ",")
}

func (c providerChecks) logEntry(t *attached, index int, entry *telemetryv1alpha1.AccessLogging) diag.List {
	var out diag.List
	path := resource.Path{"spec", "accessLogging", index}
	if len(entry.GetProviders()) == 0 && index == 0 && !c.inheritsProviders(t) && !c.settings.Broken.Mesh {
		out = append(out, diagnosticAt(diag.CodeLogDefault, t.Resource, path, "%s names no provider and the mesh configuration has no default one, so it has no effect", path).
			WithHint("providers: [{name: envoy}]; accessLogFile of the mesh configuration is not a provider"))
	}
	for i, p := range entry.GetProviders() {
		if logProvider(c.settings.Mesh.Config, p.GetName()) == nil && !c.settings.Broken.Mesh {
			at := path.Field("providers", i, "name")
			out = append(out, diagnosticAt(diag.CodeLogProvider, t.Resource, at, "the mesh configuration has no access log %q, so nothing is logged to it", p.GetName()).WithHint("%s", c.knownLogs()))
		}
	}
	return out
}

// inheritsProviders reports whether an entry that names no provider is about some: the
// default ones, or those of a more general Telemetry.
func (c providerChecks) inheritsProviders(t *attached) bool {
	if len(c.settings.Mesh.Config.GetDefaultProviders().GetAccessLogging()) > 0 {
		return true
	}
	general := c.policies[resource.Telemetry][c.settings.RootNamespace]
	if t.Namespace != c.settings.RootNamespace {
		general = slices.Concat(general, c.policies[resource.Telemetry][t.Namespace])
	}
	return slices.ContainsFunc(general, func(other *attached) bool {
		return other != t && other.attachment.everyWorkload() && slices.ContainsFunc(other.Spec.(*telemetryv1alpha1.Telemetry).GetAccessLogging(),
			func(e *telemetryv1alpha1.AccessLogging) bool { return len(e.GetProviders()) > 0 })
	})
}

// defaultLogs warns of default providers that do not exist.
func (c providerChecks) defaultLogs() diag.List {
	var out diag.List
	for i, name := range c.settings.Mesh.Config.GetDefaultProviders().GetAccessLogging() {
		if logProvider(c.settings.Mesh.Config, name) == nil {
			out = append(out, c.meshDiagnostic(diag.CodeLogProvider, resource.Path{"defaultProviders", "accessLogging", i}, "the mesh configuration has no access log %q, so nothing is logged to it", name).
				WithHint("%s", c.knownLogs()))
		}
	}
	return out
}

// logServices warns of providers that send to a service which no document defines.
func (c providerChecks) logServices() diag.List {
	var out diag.List
	for i, p := range c.settings.Mesh.Config.GetExtensionProviders() {
		to, field := remoteOf(p)
		if to == nil {
			continue
		}
		namespace, host := serviceHost(to.GetService())
		if !c.settings.Broken.service() && !slices.ContainsFunc(c.services.of(host), func(d definition) bool {
			_, ok := d.Port(to.GetPort())
			return ok && (namespace == "" || namespace == d.Origin.Namespace)
		}) {
			out = append(out, c.meshDiagnostic(diag.CodeLogService, resource.Path{"extensionProviders", i, field, "service"}, "no service defines %s with port %d, so nothing is logged to it", to.GetService(), to.GetPort()).
				WithHint("add a ServiceEntry with this host and the port with protocol: GRPC"))
		}
	}
	return out
}

func (c providerChecks) knownLogs() string {
	names := []string{standardLog}
	for _, p := range c.settings.Mesh.Config.GetExtensionProviders() {
		if logProvider(c.settings.Mesh.Config, p.GetName()) != nil {
			names = append(names, p.GetName())
		}
	}
	slices.Sort(names)
	return "one of " + strings.Join(slices.Compact(names), ", ")
}
