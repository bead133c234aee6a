package resource

import (
	"google.golang.org/protobuf/types/known/structpb"
	meshv1alpha1 "istio.io/api/mesh/v1alpha1"

	"github.com/portreeve/portreeve/translate/diag"
)

// logProvider checks a provider of access logs, and reports whether it is one.
func (c meshProviderChecker) logProvider(path Path, p *meshv1alpha1.MeshConfig_ExtensionProvider) bool {
	switch kind := p.GetProvider().(type) {
	case *meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyFileAccessLog:
		c.logFormat(path.Field("envoyFileAccessLog", "logFormat"), kind.EnvoyFileAccessLog.GetLogFormat().GetText(), kind.EnvoyFileAccessLog.GetLogFormat().GetLabels())
	case *meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyHttpAls:
		c.logService(path.Field("envoyHttpAls"), kind.EnvoyHttpAls)
	case *meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyTcpAls:
		c.logService(path.Field("envoyTcpAls"), kind.EnvoyTcpAls)
	case *meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyOtelAls:
		at := path.Field("envoyOtelAls")
		c.logService(at, kind.EnvoyOtelAls)
		c.logFormat(at.Field("logFormat"), kind.EnvoyOtelAls.GetLogFormat().GetText(), kind.EnvoyOtelAls.GetLogFormat().GetLabels())
	default:
		return false
	}
	return true
}

func (c meshProviderChecker) logFormat(path Path, text string, labels *structpb.Struct) {
	logFormatChecker(c).logText(path.Field("text"), text)
	if labels != nil {
		logFormatChecker(c).logValue(path.Field("labels"), structpb.NewStructValue(labels))
	}
}

// remoteLog is what the providers have in common that send logs to a service.
type remoteLog interface {
	GetService() string
	GetPort() uint32
}

func (c meshProviderChecker) logService(path Path, p remoteLog) {
	if !isProviderService(p.GetService()) {
		c.addMissing(diag.CodeMeshService, c.deepest(path, "service"), "%q is not a service", p.GetService()).WithHint("host or namespace/host, as in logs.observe.svc.cluster.local")
	}
	if port := p.GetPort(); port == 0 || port > 65535 {
		c.addMissing(diag.CodePort, c.deepest(path, "port"), "%s: %d is not a port", path, port).WithHint("1 to 65535")
	}
}

// defaultProviders says which of the default providers have no effect: those of traces and metrics.
func (c meshChecker) defaultProviders(p *meshv1alpha1.MeshConfig_DefaultProviders) {
	for _, name := range setFields(p) {
		if name != "accessLogging" {
			c.idle(Path{"defaultProviders", name})
		}
	}
}
