package route_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"

	_ "github.com/portreeve/portreeve/translate/envoy" // the messages in every Any
	"github.com/portreeve/portreeve/translate/explain/route"
)

// TestEverythingThatIsRenderedIsUnderstood makes the route configurations of all cases of the compiler ready.
func TestEverythingThatIsRenderedIsUnderstood(t *testing.T) {
	files, err := filepath.Glob("../../testdata/*/want.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	made := 0
	for _, file := range files {
		for _, config := range goldenRoutes(t, file) {
			if _, err := route.New(config); err != nil {
				t.Errorf("%s: %v", file, err)
			}
			made++
		}
	}
	if made < 50 {
		t.Errorf("only %d route configurations were found", made)
	}
}

// goldenRoutes are the route configurations of a case.
func goldenRoutes(t testing.TB, file string) []*routev3.RouteConfiguration {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Routes []any `yaml:"routes"`
	}
	if err := yaml.Unmarshal(text, &golden); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	var out []*routev3.RouteConfiguration
	for _, r := range golden.Routes {
		out = append(out, decoded(t, r))
	}
	return out
}

// decoded is a route configuration from what YAML or JSON has of it.
func decoded(t testing.TB, from any) *routev3.RouteConfiguration {
	t.Helper()
	text, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	out := &routev3.RouteConfiguration{}
	if err := protojson.Unmarshal(text, out); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return out
}
