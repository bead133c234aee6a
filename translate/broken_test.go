package translate_test

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// couldBe are the kinds whose objects could be what a warning misses, by its code.
func couldBe() map[diag.Code][]resource.Kind {
	services := []resource.Kind{resource.ServiceEntry, resource.KubernetesService}
	endpoints := []resource.Kind{resource.WorkloadEntry, resource.EndpointSlice, resource.Endpoints}
	gateways := []resource.Kind{resource.Gateway}
	tokens := []resource.Kind{resource.RequestAuthentication, resource.JWTPolicy}
	policies := []resource.Kind{resource.AuthorizationPolicy, resource.JWTPolicy}
	return map[diag.Code][]resource.Kind{
		diag.CodeUnknownGateway: nil, diag.CodeSelectorUnknown: gateways, diag.CodeTargetUnserved: gateways, diag.CodeNamespaceUnserved: gateways,
		diag.CodeHostUnserved: gateways, diag.CodePortUnserved: gateways, diag.CodeUnknownService: services, diag.CodeUnknownPort: services, diag.CodeRuleUnused: services,
		diag.CodeEndpointsUnowned: {resource.KubernetesService}, diag.CodeProviderService: services, diag.CodeProviderPort: services,
		diag.CodeLogService: services, diag.CodeNoWorkload: endpoints, diag.CodeServiceEndpoints: endpoints, diag.CodeSubsetEmpty: slices.Concat(services, endpoints),
		diag.CodeUnknownSubset: {resource.DestinationRule}, diag.CodePlainToTLS: {resource.DestinationRule}, diag.CodeHidden: services,
		diag.CodeUnknownDelegate: {resource.VirtualService}, diag.CodeDelegateUnused: {resource.VirtualService}, diag.CodeNoAuthentication: tokens,
		diag.CodeUnknownIssuer: tokens, diag.CodeClaimUnverified: tokens, diag.CodeTokenOptional: policies, diag.CodePreflight: policies, diag.CodeConnectionsClosed: policies,
		diag.CodeSubtreeOnly: {resource.AuthorizationPolicy, resource.JWTPolicy, resource.VirtualService},
	}
}

// broken returns an object of a kind that cannot be read, so that it is left out.
func broken(kind resource.Kind, namespace string) source.File {
	versions := map[resource.Kind]string{
		resource.RequestAuthentication: "security.istio.io/v1", resource.AuthorizationPolicy: "security.istio.io/v1", resource.Telemetry: "telemetry.istio.io/v1",
		resource.JWTPolicy: "portreeve.dev/v1alpha1", resource.KubernetesService: "v1", resource.Endpoints: "v1", resource.EndpointSlice: "discovery.k8s.io/v1",
	}
	text := fmt.Sprintf("apiVersion: %s\nkind: %s\nmetadata: {name: left-out, namespace: %s}\nspec: 1\n", cmp.Or(versions[kind], "networking.istio.io/v1"), kind, namespace)
	return source.File{Path: "left-out.yaml", Content: []byte(text)}
}

// warned are files and settings of which something is said.
type warned struct {
	name     string
	files    []source.File
	settings model.Settings
}

// with returns what is found of the files with one more.
func (w warned) with(f source.File) diag.List {
	return translate.Compile(append(slices.Clone(w.files), f), w.settings).Diags
}

// allWarned returns the golden cases and the mistakes that have no error.
func allWarned(t *testing.T) []warned {
	t.Helper()
	var all []warned
	for _, in := range goldenFiles(t, "testdata/*/in") {
		settings := settingsOf(t, filepath.Dir(in))
		all = append(all, warned{in, settings.files(t, in), settings.Settings})
	}
	for _, path := range goldenFiles(t, mistakes) {
		w := warned{path, []source.File{{Path: "mistake.yaml", Content: []byte(content(t, path))}}, model.DefaultSettings()}
		if strings.HasPrefix(content(t, path), "# base\n") {
			w.files = append(w.files, source.File{Path: "base.yaml", Content: []byte(content(t, "testdata/mistakes/base.yaml"))})
		}
		all = append(all, w)
	}
	return slices.DeleteFunc(all, func(w warned) bool { return translate.Compile(w.files, w.settings).Diags.HasErrors() })
}

func count(l diag.List, code diag.Code) int {
	n := 0
	for _, d := range l {
		if d.Code == code {
			n++
		}
	}
	return n
}

// TestAnErrorIsSaidAndNotWhatItLeavesOut holds for each warning that something is not there: an
// object with errors that could be what is missing silences it, and so does a file that cannot
// be read; an object of another kind does not.
func TestAnErrorIsSaidAndNotWhatItLeavesOut(t *testing.T) {
	seen := map[diag.Code]bool{}
	for _, w := range allWarned(t) {
		before := translate.Compile(w.files, w.settings).Diags
		for code, kinds := range couldBe() {
			n := count(before, code)
			if n == 0 || seen[code] && !strings.Contains(w.name, "checks") && code != diag.CodeConnectionsClosed && code != diag.CodePreflight {
				continue
			}
			seen[code] = true
			silent := []source.File{{Path: "left-out.yaml", Content: []byte("a: [\n")}}
			for _, kind := range kinds {
				silent = append(silent, broken(kind, "istio-system"))
			}
			for _, f := range silent {
				if found := w.with(f); count(found, code) > 0 {
					t.Errorf("%s: %s is still said beside the error of\n%s\n%s", w.name, code, f.Content, findings(found))
				}
			}
			if found := w.with(broken(resource.Telemetry, "istio-system")); count(found, code) != n {
				t.Errorf("%s: %s is not said %d times beside a Telemetry with an error:\n%s", w.name, code, n, findings(found))
			}
		}
	}
	for code := range couldBe() {
		if !seen[code] {
			t.Errorf("no case has %s", code)
		}
	}
}

// TestAPolicyWithErrorsSilencesWhatItCanApplyTo holds that a policy of another namespace could not
// be the one that is missed.
func TestAPolicyWithErrorsSilencesWhatItCanApplyTo(t *testing.T) {
	tokens := source.File{Path: "tokens.yaml", Content: []byte("apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: tokens, namespace: shop}\nspec: {jwtRules: [{issuer: a, jwksUri: \"https://a.example/keys\"}]}\n")}
	w := warned{files: []source.File{tokens}, settings: model.DefaultSettings()}
	for namespace, want := range map[string]int{"shop": 0, "istio-system": 0, "elsewhere": 1} {
		if found := w.with(broken(resource.AuthorizationPolicy, namespace)); count(found, diag.CodeTokenOptional) != want {
			t.Errorf("beside a broken policy in %s, want it %d times:\n%s", namespace, want, findings(found))
		}
	}
}

// TestABrokenMeshIsSaidAndNotWhatItHolds holds for what only the mesh configuration could have said.
func TestABrokenMeshIsSaidAndNotWhatItHolds(t *testing.T) {
	codes, seen := []diag.Code{diag.CodeUnknownProvider, diag.CodeRemoteAddress, diag.CodePortUnserved, diag.CodeLogProvider, diag.CodeLogDefault}, map[diag.Code]bool{}
	var all []warned
	for _, in := range goldenFiles(t, "testdata/*/in") {
		settings := settingsOf(t, filepath.Dir(in))
		all = append(all, warned{in, settings.files(t, in), settings.Settings})
	}
	for _, path := range goldenFiles(t, mistakes) {
		all = append(all, warned{path, []source.File{{Path: "mistake.yaml", Content: []byte(content(t, path))}}, model.DefaultSettings()})
	}
	for _, w := range all {
		before := translate.Compile(w.files, w.settings).Diags
		w.files = slices.DeleteFunc(slices.Clone(w.files), func(f source.File) bool { return f.Path == w.settings.MeshFile })
		w.settings.MeshFile = meshFile
		found := w.with(source.File{Path: meshFile, Content: []byte("nobody: knows\n")})
		for _, code := range codes {
			seen[code] = seen[code] || count(before, code) > 0
			if count(found, code) > 0 {
				t.Errorf("%s: %s is said of a mesh configuration that cannot be read:\n%s", w.name, code, findings(found))
			}
		}
	}
	for _, code := range codes {
		if !seen[code] {
			t.Errorf("no case has %s", code)
		}
	}
}

// TestAFailoverIsJudgedWithTheMesh holds that outlierDetection of the mesh configuration counts for a
// failover, and that an edit of that file alone is enough.
func TestAFailoverIsJudgedWithTheMesh(t *testing.T) {
	rule := source.File{Path: "rule.yaml", Content: []byte("apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: a, namespace: istio-system}\nspec:\n  host: a.example\n  trafficPolicy: {loadBalancer: {localityLbSetting: {failover: [{from: a, to: b}]}}}\n")}
	settings := model.DefaultSettings()
	settings.MeshFile = meshFile
	program := &translate.Program{}
	for _, c := range []struct {
		mesh string
		want int
	}{{"{}", 1}, {"defaultTrafficPolicy: {outlierDetection: {consecutive5xxErrors: 3}}", 0}, {"{}", 1}} {
		program = program.Recompile([]source.File{rule, {Path: meshFile, Content: []byte(c.mesh)}}, settings)
		if count(program.Diags, diag.CodeLocality) != c.want {
			t.Errorf("with the mesh configuration %s, want it %d times:\n%s", c.mesh, c.want, findings(program.Diags))
		}
	}
}

// TestADenyRuleIsJudgedWithTheGateways holds that a Gateway in any file, also one with errors, says
// which servers there are, and that it is said of a second object of one name too.
func TestADenyRuleIsJudgedWithTheGateways(t *testing.T) {
	text := "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: a, namespace: istio-system}\nspec: {action: DENY, rules: [{to: [{operation: {paths: [/a]}}]}]}\n"
	files := []source.File{{Path: "a.yaml", Content: []byte(text)}, {Path: "b.yaml", Content: []byte(text)}}
	for name, c := range map[string]struct {
		more []source.File
		want int
	}{
		"no Gateway":     {nil, 2},
		"a Gateway":      {[]source.File{{Path: "c.yaml", Content: []byte(openGateway)}}, 0},
		"one with error": {[]source.File{broken(resource.Gateway, "istio-system")}, 0},
		"another kind":   {[]source.File{broken(resource.VirtualService, "istio-system")}, 2},
	} {
		program := translate.Compile(files, model.DefaultSettings())
		if found := program.Recompile(append(slices.Clone(files), c.more...), model.DefaultSettings()).Diags; count(found, diag.CodeDenyTCP) != c.want {
			t.Errorf("%s: want it %d times:\n%s", name, c.want, findings(found))
		}
	}
}
