package node_test

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/portreeve/portreeve/xds/node"
)

// build is what an Envoy says of its release; label is empty for a release.
func build(major, minor, patch uint32, label string) *corev3.Node_UserAgentBuildVersion {
	b := &corev3.BuildVersion{Version: &typev3.SemanticVersion{MajorNumber: major, MinorNumber: minor, Patch: patch}}
	if label != "" {
		b.Metadata = &structpb.Struct{Fields: map[string]*structpb.Value{"build.label": structpb.NewStringValue(label)}}
	}
	return &corev3.Node_UserAgentBuildVersion{UserAgentBuildVersion: b}
}

// TestReleases holds which Envoys are fit to be served, and which of these were never tested. What
// is not said, and all that is older, is not fit.
func TestReleases(t *testing.T) {
	const unknown, older = "does not say which Envoy", "want 1.39.0 or newer"
	text := &corev3.Node{Id: id, UserAgentVersionType: &corev3.Node_UserAgentVersion{UserAgentVersion: "1.40.0"}}
	of := func(b *corev3.Node_UserAgentBuildVersion) *corev3.Node {
		return &corev3.Node{Id: id, UserAgentName: "envoy", UserAgentVersionType: b}
	}
	for name, c := range map[string]struct {
		node     *corev3.Node
		shown    string
		unfit    string
		untested bool
	}{
		"nothing":             {node: &corev3.Node{Id: id}, unfit: unknown, untested: true},
		"a text":              {node: text, unfit: unknown, untested: true},
		"a build of nothing":  {node: of(&corev3.Node_UserAgentBuildVersion{}), unfit: unknown, untested: true},
		"zero":                {node: of(build(0, 0, 0, "")), unfit: unknown, untested: true},
		"zero with a label":   {node: of(build(0, 0, 0, "dev")), unfit: unknown, untested: true},
		"0.99":                {node: of(build(0, 99, 9, "")), shown: "0.99.9", unfit: older, untested: true},
		"1.36":                {node: of(build(1, 36, 4, "")), shown: "1.36.4", unfit: older, untested: true},
		"1.38":                {node: of(build(1, 38, 3, "")), shown: "1.38.3", unfit: older, untested: true},
		"before 1.39":         {node: of(build(1, 39, 0, "dev")), shown: "1.39.0-dev", unfit: older, untested: true},
		"1.39.0":              {node: of(build(1, 39, 0, "")), shown: "1.39.0"},
		"1.39 with a label":   {node: of(build(1, 39, 1, "fips")), shown: "1.39.1-fips"},
		"1.39.3":              {node: of(build(1, 39, 3, "")), shown: "1.39.3"},
		"1.40":                {node: of(build(1, 40, 0, "")), shown: "1.40.0"},
		"a later patch":       {node: of(build(1, 40, 9, "")), shown: "1.40.9"},
		"before 1.40":         {node: of(build(1, 40, 0, "dev")), shown: "1.40.0-dev", untested: true},
		"1.41":                {node: of(build(1, 41, 0, "")), shown: "1.41.0", untested: true},
		"2.0":                 {node: of(build(2, 0, 0, "")), shown: "2.0.0", untested: true},
		"a label that breaks": {node: of(build(1, 41, 0, "a\nb")), shown: "1.41.0-labelled", untested: true},
		"a long label":        {node: of(build(1, 41, 0, strings.Repeat("a", 9000))), shown: "1.41.0-labelled", untested: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := node.Parse(c.node)
			if err != nil {
				t.Fatal(err)
			}
			if got.Envoy.String() != c.shown || got.Envoy.Known() != (c.shown != "") || got.Envoy.Untested() != c.untested {
				t.Errorf("%q, known %v, untested %v", got.Envoy, got.Envoy.Known(), got.Envoy.Untested())
			}
			if reason := got.Envoy.Unfit(); (reason == "") != (c.unfit == "") || !strings.Contains(reason, c.unfit) {
				t.Errorf("the reason is %q, want %q", reason, c.unfit)
			}
		})
	}
}
