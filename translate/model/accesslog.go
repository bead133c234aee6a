package model

import (
	"maps"
	"slices"
	"strings"

	meshv1alpha1 "istio.io/api/mesh/v1alpha1"
	telemetryv1alpha1 "istio.io/api/telemetry/v1alpha1"

	"github.com/portreeve/portreeve/translate/resource"
)

// AccessLogs are the logs that a gateway writes.
type AccessLogs struct {
	// Decided says that a Telemetry or a default provider says which they are, also where
	// that is none. Otherwise it is the mesh configuration's accessLogFile.
	Decided bool
	// Logs are ordered by the names of their providers.
	Logs []AccessLog
}

// AccessLog is one of them.
type AccessLog struct {
	// Name is the provider's; of its parts one is set.
	Name     string
	Provider *meshv1alpha1.MeshConfig_ExtensionProvider
	// Filtered says that only that is logged for which the expression, in CEL, is true.
	Filtered   bool
	Expression string
	// Host and Cluster are those of the service that the log is sent to.
	Host    Host
	Cluster string
}

// remote is what a provider that sends to a service says.
type remote interface {
	GetService() string
	GetPort() uint32
}

// remoteOf returns where a provider of access logs sends to, and the name of the field that
// says it, or nil where it writes to a file or is no such provider.
func remoteOf(p *meshv1alpha1.MeshConfig_ExtensionProvider) (remote, string) {
	switch {
	case p.GetEnvoyHttpAls() != nil:
		return p.GetEnvoyHttpAls(), "envoyHttpAls"
	case p.GetEnvoyTcpAls() != nil:
		return p.GetEnvoyTcpAls(), "envoyTcpAls"
	case p.GetEnvoyOtelAls() != nil:
		return p.GetEnvoyOtelAls(), "envoyOtelAls"
	default:
		return nil, ""
	}
}

// standardLog is the provider that Istio's mesh configuration always has.
const standardLog = "envoy"

// logProvider returns the provider of access logs of a name, without regard to case as in
// Istio, or nil.
func logProvider(mesh *meshv1alpha1.MeshConfig, name string) *meshv1alpha1.MeshConfig_ExtensionProvider {
	for _, p := range mesh.GetExtensionProviders() {
		if !strings.EqualFold(p.GetName(), name) {
			continue
		}
		if service, _ := remoteOf(p); service != nil || p.GetEnvoyFileAccessLog() != nil {
			return p
		}
		return nil
	}
	if strings.EqualFold(name, standardLog) {
		return &meshv1alpha1.MeshConfig_ExtensionProvider{Name: standardLog, Provider: &meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyFileAccessLog{
			EnvoyFileAccessLog: &meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyFileAccessLogProvider{Path: "/dev/stdout"},
		}}
	}
	return nil
}

// accessLogs returns the logs of a gateway, to which the services are visible. A provider
// that has to send to a service which is not there logs nothing: Envoy would refuse the
// whole listener for it.
func (m *Model) accessLogs(g Gateway, services []Service) AccessLogs {
	mesh := m.settings.Mesh.Config
	levels := m.telemetry(g)
	if len(levels) == 0 && len(mesh.GetDefaultProviders().GetAccessLogging()) == 0 {
		return AccessLogs{}
	}
	var out AccessLogs
	merged := mergedLogs(levels, mesh.GetDefaultProviders().GetAccessLogging())
	for _, name := range slices.Sorted(maps.Keys(merged)) {
		provider := logProvider(mesh, name)
		if provider == nil {
			continue
		}
		out.Decided = true
		log := AccessLog{Name: provider.GetName(), Provider: provider}
		if said := merged[name]; said.disabled {
			continue
		} else if said.filter != nil {
			log.Filtered, log.Expression = true, said.filter.GetExpression()
		}
		if service, _ := remoteOf(provider); service != nil {
			if log.Host, log.Cluster = logService(View{Services: services, ambiguous: m.services.ambiguous}, service); log.Cluster == "" {
				continue
			}
		}
		out.Logs = append(out.Logs, log)
	}
	return out
}

// logService returns the host and cluster of a service that the gateway sees with that
// port, or nothing.
func logService(v View, to remote) (Host, string) {
	namespace, host := serviceHost(to.GetService())
	s, visible := v.service(host)
	if !visible || namespace == "" && v.ambiguous[host] || namespace != "" && s.Origin.Namespace != namespace {
		return "", ""
	}
	if _, ok := s.Port(to.GetPort()); !ok {
		return "", ""
	}
	return host, ClusterName(host, to.GetPort())
}

// telemetry returns what the Telemetry objects say that count for a gateway, the most
// general first: of the root namespace, of the gateway's, and of the gateway itself, of each
// the oldest. One that is for some workloads counts in its own namespace only, also where
// that is the root namespace.
func (m *Model) telemetry(g Gateway) [][]*telemetryv1alpha1.AccessLogging {
	var out [][]*telemetryv1alpha1.AccessLogging
	add := func(namespace string, counts func(attachment) bool) {
		for _, t := range m.policies[resource.Telemetry][namespace] {
			if !counts(t.attachment) {
				continue
			}
			if logging := t.Spec.(*telemetryv1alpha1.Telemetry).GetAccessLogging(); len(logging) > 0 {
				out = append(out, logging)
			}
			return
		}
	}
	add(m.settings.RootNamespace, attachment.everyWorkload)
	if g.Namespace != m.settings.RootNamespace {
		add(g.Namespace, attachment.everyWorkload)
	}
	add(g.Namespace, func(a attachment) bool { return !a.everyWorkload() && a.selects(g, g.Namespace) })
	return out
}

// everyWorkload reports an attachment to all workloads of a namespace.
func (a attachment) everyWorkload() bool { return len(a.labels) == 0 && len(a.targets) == 0 }

// logSaid is what is said of one provider.
type logSaid struct {
	disabled bool
	filter   *telemetryv1alpha1.AccessLogging_Filter
}

// mergedLogs mirrors how Istio merges the levels into what is said of each provider. The
// last level that names providers says which ones there are; an entry without a provider is
// about those of the entry before it, at first the default ones.
func mergedLogs(levels [][]*telemetryv1alpha1.AccessLogging, defaults []string) map[string]logSaid {
	out := map[string]logSaid{}
	if len(levels) == 0 {
		for _, name := range defaults {
			out[name] = logSaid{}
		}
		return out
	}
	scope, filters := defaults, map[string]*telemetryv1alpha1.AccessLogging_Filter{}
	for _, level := range levels {
		var named []string
		for _, entry := range level {
			if !ofGateways(entry) {
				continue
			}
			for _, name := range providersOf(entry) {
				named, filters[name] = append(named, name), entry.GetFilter()
			}
		}
		if len(named) > 0 {
			scope = named
		}
	}
	before := defaults
	for _, entry := range slices.Concat(levels...) {
		if names := providersOf(entry); len(names) > 0 {
			before = names
		}
		for _, name := range before {
			if slices.Contains(scope, name) && ofGateways(entry) {
				out[name] = logSaid{disabled: entry.GetDisabled().GetValue(), filter: filters[name]}
			}
		}
	}
	return out
}

func providersOf(entry *telemetryv1alpha1.AccessLogging) []string {
	var out []string
	for _, p := range entry.GetProviders() {
		out = append(out, p.GetName())
	}
	return out
}

// ofGateways reports whether an entry is about what gateways do: they are clients.
func ofGateways(entry *telemetryv1alpha1.AccessLogging) bool {
	return entry.GetMatch().GetMode() != telemetryv1alpha1.WorkloadMode_SERVER
}
