package envoy

import (
	"testing"

	meshv1alpha1 "istio.io/api/mesh/v1alpha1"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policy"
)

// TestNoLogNamesAClusterThatIsNotThere holds for a service that the model knows and of which
// no cluster comes about. The other logs stay.
func TestNoLogNamesAClusterThatIsNotThere(t *testing.T) {
	file := model.AccessLog{Name: "file", Provider: &meshv1alpha1.MeshConfig_ExtensionProvider{Provider: &meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyFileAccessLog{}}}
	service := model.AccessLog{Name: "service", Host: "collector.local", Cluster: "outbound|9000||collector.local", Provider: &meshv1alpha1.MeshConfig_ExtensionProvider{
		Provider: &meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyHttpAls{EnvoyHttpAls: &meshv1alpha1.MeshConfig_ExtensionProvider_EnvoyHttpGrpcV3LogProvider{}},
	}}
	v := model.View{
		Ports:      []model.Port{{Number: 8080, Traffic: model.HTTP}},
		AccessLogs: model.AccessLogs{Decided: true, Logs: []model.AccessLog{file, service}},
	}
	for _, l := range Render(v, policy.Of(v)).Listeners {
		if logs := l.GetAccessLog(); len(logs) != 1 || logs[0].GetName() != "envoy.access_loggers.stdout" {
			t.Errorf("the logs are %v, want the file only", logs)
		}
	}
	if len(v.AccessLogs.Logs) != 2 {
		t.Error("the view was changed")
	}
}
