package main

import (
	"fmt"
	"os"
	"path/filepath"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
	"github.com/portreeve/portreeve/xds/bootstrap"
)

// floor is what an edit costs without a control plane: the same resources in files that the same Envoy watches.
type floor struct{ dir string }

// rendered compiles files as the program does.
func rendered(files []source.File, settings model.Settings) (*translate.Program, error) {
	program := translate.Compile(files, settings)
	if errors := program.Diags.Errors(); len(errors) > 0 {
		return nil, fmt.Errorf("what is measured has %d errors: %s", len(errors), errors[0])
	}
	return program, nil
}

// policyOf returns the extension config of what files say, as a file that Envoy reads.
func policyOf(files []source.File) ([]byte, envoy.Resources, error) {
	program, err := rendered(files, model.DefaultSettings())
	if err != nil {
		return nil, envoy.Resources{}, err
	}
	r, refused := program.For(gateway())
	if len(refused) > 0 {
		return nil, r, fmt.Errorf("it is refused: %s", refused[0])
	}
	packed := match.Any(r.ExtensionConfigs[0])
	text, err := proto.Marshal(&discoveryv3.DiscoveryResponse{VersionInfo: "1", TypeUrl: packed.GetTypeUrl(), Resources: []*anypb.Any{packed}})
	return text, r, err
}

// put puts the policy in place by renaming.
func (f floor) put(text []byte) error {
	path := filepath.Join(f.dir, "policy.pb")
	if err := os.WriteFile(path+"~", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+"~", path)
}

// bootstrap returns that of an Envoy that holds everything itself but the policy, which it reads from the file.
func (f floor) bootstrap(r envoy.Resources) (*bootstrapv3.Bootstrap, error) {
	r.Secrets, r.Clusters = nil, nil
	for i, l := range r.Listeners {
		l = proto.CloneOf(l)
		for _, chain := range l.GetFilterChains() {
			for _, filter := range chain.GetFilters() {
				if err := f.fromFile(filter, r); err != nil {
					return nil, err
				}
			}
		}
		r.Listeners[i] = l
	}
	return bootstrap.Static(bootstrap.Options{Name: "bench", Gateway: gateway(), AdminAddress: "127.0.0.1:0"}, r)
}

// fromFile has a connection manager read its policy from the file, and hold its routes itself.
func (f floor) fromFile(filter *listenerv3.Filter, r envoy.Resources) error {
	manager := &hcmv3.HttpConnectionManager{}
	if err := filter.GetTypedConfig().UnmarshalTo(manager); err != nil {
		return err
	}
	manager.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: r.Routes[0]}
	for _, h := range manager.GetHttpFilters() {
		if discovery := h.GetConfigDiscovery(); discovery != nil {
			discovery.ConfigSource = &corev3.ConfigSource{
				ResourceApiVersion:    corev3.ApiVersion_V3,
				ConfigSourceSpecifier: &corev3.ConfigSource_PathConfigSource{PathConfigSource: &corev3.PathConfigSource{Path: filepath.Join(f.dir, "policy.pb")}},
			}
		}
	}
	filter.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: match.Any(manager)}
	return nil
}
