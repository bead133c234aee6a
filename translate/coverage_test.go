package translate_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	"go.yaml.in/yaml/v3"
	securityv1beta1 "istio.io/api/security/v1beta1"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/policy"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// TestEveryCodeHasACase fails for a code of the table that no golden file shows.
func TestEveryCodeHasACase(t *testing.T) {
	// Codes that no golden file can show, with the test that holds them instead.
	elsewhere := map[diag.Code]string{
		diag.CodeRead:          "TestAMissingMeshFileIsAnError, and internal/reload for what cannot be read",
		diag.CodeLimit:         "translate/source: TestTooManyDocuments, TestLimits",
		diag.CodeLost:          "internal/input: TestALostDirectory",
		diag.CodeHeld:          "internal/input: TestAFileThatCannotBeRead",
		diag.CodeComplement:    "translate/wizard: the complement of too many rules",
		diag.CodeConstraint:    "TestAViolationStandsAtItsObject",
		diag.CodeNoneConnected: "TestPoliciesOfNoGateway, and internal/reload: TestPoliciesOfNoConnectedGateway",
		diag.CodeUnguarded:     "TestAGatewayIsNotLeftWithoutPolicy",
		diag.CodeTestFailed:    "internal/reload: TestRequiredTests",
		diag.CodeUntested:      "internal/reload: TestRequiredTests",
		diag.CodeAlertWebhook:  "TestAWebhookThatThereIsNotIsAnError",
		diag.CodeAlertMany:     "TestThereIsABoundOfAuditAlerts",
		diag.CodeIgnoreFile:    "internal/input: TestRulesThatCannotBeRead",
		diag.CodeIgnoreComment: "internal/findings: TestACommentThatSaysTooLittleIsAFinding",
		diag.CodeIgnoreError:   "internal/findings: TestACommentThatSaysTooLittleIsAFinding",
		diag.CodeIgnoreUnused:  "internal/findings: TestACommentIsAboutItsLineTheNextOneOrTheObject",
	}
	shown, mistaken := all(t, "testdata/*/want.diag")+all(t, "resource/testdata/*.diag"), codesOfMistakes(t)
	for _, info := range diag.Codes() {
		has := mistaken[string(info.Code)] || strings.Contains(shown, fmt.Sprintf(": %s %s: ", info.Severity, info.Code))
		switch where, other := elsewhere[info.Code]; {
		case !has && !other:
			t.Errorf("no golden file shows %s (%s): add a document that has it to translate/resource/testdata/*.yaml, or to translate/testdata/<case>/in where it needs several objects, and run the package's tests with -update", info.Code, info.Summary)
		case has && other:
			t.Errorf("%s has a golden file; take it off the list of this test (%s)", info.Code, where)
		}
	}
}

// TestAMissingMeshFileIsAnError holds the one finding that no text can have.
func TestAMissingMeshFileIsAnError(t *testing.T) {
	settings := model.DefaultSettings()
	settings.MeshFile = "mesh.yaml"
	program := translate.Compile(nil, settings)
	if _, refused := program.For(ingress()); len(refused) != 1 || refused[0].Code != diag.CodeRead || refused[0].Hint == "" {
		t.Errorf("want one %s that refuses every gateway, got %v", diag.CodeRead, refused)
	}
}

// TestAMissingGatewaysFileIsAnError holds the same for the file of GatewayIdentity objects, of which nothing is
// known then.
func TestAMissingGatewaysFileIsAnError(t *testing.T) {
	settings := model.DefaultSettings()
	settings.GatewaysFile = gatewaysFile
	program := translate.Compile(nil, settings)
	if _, refused := program.For(ingress()); len(refused) != 1 || refused[0].Code != diag.CodeRead || refused[0].Hint == "" {
		t.Errorf("want one %s that refuses every gateway, got %v", diag.CodeRead, refused)
	}
	if mappings, known := program.Identities(); known || len(mappings) > 0 {
		t.Errorf("the mapping is known although its file is missing: %v", mappings)
	}
}

// TestEveryFilterHasACase fails for a filter of policy that has no configuration in any
// golden file.
func TestEveryFilterHasACase(t *testing.T) {
	configured := map[string]bool{}
	for _, path := range goldenFiles(t, "testdata/*/want.yaml") {
		var root yaml.Node
		if err := yaml.Unmarshal([]byte(content(t, path)), &root); err != nil {
			t.Fatal(err)
		}
		configuredFilters(&root, configured)
	}
	for _, name := range filterNames(t) {
		if !configured[name] {
			t.Errorf("the filter %s is empty in every want.yaml: add a case to translate/testdata in which it does something", name)
		}
	}
}

// filterNames returns the filters of policy, for requests and for connections: without policy
// all are there, empty, and those of a provider once something asks it. The name of the
// provider is taken off.
func filterNames(t *testing.T) []string {
	t.Helper()
	resources, _ := translate.Compile(withAuthorizers(source.File{Path: "authorizing.yaml", Content: []byte(authorizing)})).For(ingress())
	var chain filterchainv3.FilterChainConfig
	if err := resources.ExtensionConfigs[0].GetTypedConfig().UnmarshalTo(&chain); err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range slices.Concat(chain.GetDefaultFilterChain().GetFilters(), resources.ExtensionConfigs[1:]) {
		out = append(out, kindOfFilter(f.GetName()))
	}
	if len(out) == 0 {
		t.Fatal("no filters")
	}
	return out
}

// kindOfFilter takes the name of a provider off the name of a filter.
func kindOfFilter(name string) string {
	for _, kind := range []string{policy.CustomFilter, policy.ExtAuthzFilter, policy.NetworkAskFilter, policy.NetworkExtAuthzFilter} {
		if strings.HasPrefix(name, kind) {
			return kind
		}
	}
	return name
}

// configuredFilters notes the name of every filter whose configuration is more than its type.
func configuredFilters(n *yaml.Node, out map[string]bool) {
	var name string
	var config *yaml.Node
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		switch n.Content[i].Value {
		case "name":
			name = n.Content[i+1].Value
		case "typedConfig":
			config = n.Content[i+1]
		}
	}
	if config != nil && len(config.Content) > 2 {
		out[kindOfFilter(name)] = true
	}
	for _, c := range n.Content {
		configuredFilters(c, out)
	}
}

// TestEveryWhenKeyHasACase fails for a key of a condition that does not stand, both with
// values and with notValues, in a case that has a want.yaml.
func TestEveryWhenKeyHasACase(t *testing.T) {
	values, notValues := map[string]bool{}, map[string]bool{}
	for _, want := range goldenFiles(t, "testdata/*/want.yaml") {
		for _, when := range conditions(t, filepath.Join(filepath.Dir(want), "in")) {
			key := form(when.GetKey())
			values[key] = values[key] || len(when.GetValues()) > 0
			notValues[key] = notValues[key] || len(when.GetNotValues()) > 0
		}
	}
	for _, key := range resource.WhenKeys() {
		if !values[key] || !notValues[key] {
			t.Errorf("no case has the key %s with values (%v) and notValues (%v): add it to translate/testdata/table-b6-conditions/in", key, values[key], notValues[key])
		}
	}
}

func conditions(t *testing.T, dir string) []*securityv1beta1.Condition {
	t.Helper()
	documents, _ := source.Parse(read(t, dir))
	resources, _ := resource.Decode(documents)
	var out []*securityv1beta1.Condition
	for _, r := range resources {
		policy, ok := r.Spec.(*securityv1beta1.AuthorizationPolicy)
		if !ok {
			continue
		}
		for _, rule := range policy.GetRules() {
			out = append(out, rule.GetWhen()...)
		}
	}
	return out
}

// form returns the key as WhenKeys has it.
func form(key string) string {
	name, _, bracketed := strings.Cut(key, "[")
	if strings.HasPrefix(name, "experimental.envoy.filters.") {
		name = "experimental.envoy.filters.*"
	}
	if bracketed {
		name += "[]"
	}
	return name
}

// tableRows are the rows of the tables of what a policy means: JWT rules, empty rules
// (B-2), strings (B-3), sources (B-4), request principals (B-5), conditions (B-6),
// operations (B-7), sets of policies (B-8), dry runs (B-10), authorizers (B-11) and trust
// domains (B-12); and of what routing means: names (E-1), Gateways (E-2), VirtualServices (E-3),
// DestinationRules (E-4) and services (E-5, E-6).
func tableRows() map[string][]string {
	return map[string][]string{
		"A-2": {"issuer", "audiences", "jwks", "fromHeaders", "fromParams", "fromCookies", "none of the three", "outputPayloadToHeader",
			"forwardOriginalToken", "outputClaimToHeaders", "spaceDelimitedClaims", "presence", "jwksUri", "timeout", "discovery"},
		"B-2": {"absent ALLOW", "absent DENY", "absent AUDIT", "absent CUSTOM", "[{}] ALLOW", "[{}] DENY", "[{}] AUDIT", "[{}] CUSTOM", "no policy"},
		"B-3": {"*", "*x", "x*", "other", "*x*", "a*b", "**", "template"},
		"B-4": {"principals", "namespaces", "serviceAccounts", "trustDomains", "ipBlocks", "remoteIpBlocks"},
		"B-5": {"*", "*/s", "*i/s", "*s", "i/*", "i/s*", "i*", "i/s", "i", "several"},
		"B-6": {"request.headers[Name]", "request.headers[:authority]", "request.auth.audiences", "request.auth.presenter", "request.auth.claims[a][b]",
			"destination.ip", "destination.port", "connection.sni", "experimental", "rejected destination.labels[app]", "rejected destination.namespace",
			"rejected destination.name", "rejected destination.user", "rejected anything.else"},
		"B-7":  {"hosts", "methods", "paths", "ports", "order", "nothing left", "several entries"},
		"B-8":  {"key", "one filter for an action", "ALLOW", "DENY", "AUDIT is LOG", "another namespace"},
		"B-11": {"envoyExtAuthzHttp, every field", "envoyExtAuthzGrpc, every field", "unknown provider", "provider without a service", "several providers"},
		"B-12": {"aliases"},
		"E-1":  {"listener", "RDS, HTTP", "RDS, HTTPS", "HCM stat_prefix", "virtual hosts collapse", "virtual host of no host", "cluster", "route", "SDS secret"},
		"E-2": {"metadata and selector", "port.number, name, protocol", "bind", "hosts", "name", "tls.httpsRedirect", "tls.mode SIMPLE", "tls.mode MUTUAL, OPTIONAL_MUTUAL",
			"tls.mode ISTIO_MUTUAL, AUTO_PASSTHROUGH", "tls.mode PASSTHROUGH", "credentialName(s), caCertCredentialName",
			"serverCertificate, privateKey, caCertificates, caCrl, tlsCertificates", "subjectAltNames, verifyCertificateSpki/Hash, insecureSkipVerify",
			"min/maxProtocolVersion, cipherSuites, ecdhCurves", "what is refused", "conflicts on a port", "filter chains of a port", "PROXY protocol", "connection manager"},
		"E-3": {"hosts", "gateways", "exportTo", "order", "catch-all", "one route per match", "match.uri", "match.headers and withoutHeaders", "match.method, authority, scheme",
			"match.queryParams", "match.port, gateways", "match.sourceLabels, sourceNamespace", "match.statPrefix, name", "@request.auth.claims", "one destination",
			"several destinations", "destination", "redirect", "directResponse", "rewrite", "timeout", "retries", "fault", "mirror, mirrors", "corsPolicy", "headers", "delegate", "tls[], tcp[]"},
		"E-4": {"host", "subsets[].name/labels/trafficPolicy", "loadBalancer.simple", "loadBalancer.consistentHash", "loadBalancer.backendUtilization", "warmup", "localityLbSetting",
			"connectionPool.tcp", "connectionPool.http", "outlierDetection", "tls DISABLE/SIMPLE/MUTUAL/ISTIO_MUTUAL", "proxyProtocol, tunnel", "lookup"},
		"E-5": {"hosts × ports", "resolution STATIC / DNS / DNS_ROUND_ROBIN / NONE / DYNAMIC_DNS", "endpoints[] or workloadSelector → WorkloadEntry",
			"DNS without endpoints", "no endpoints", "subjectAltNames", "location, exportTo, addresses"},
		"E-6": {"short name", "Kubernetes Service", "trafficDistribution"},
		"B-10": {"DENY only dry run", "ALLOW only dry run, no default deny", "false is enforced", "dry run of allow-nothing",
			"together with an enforced policy", "not for AUDIT", "not for CUSTOM", "neither true nor false"},
	}
}

var rowComment = regexp.MustCompile(`(?m)^ *# ([ABE]-[0-9]+) (.+)$`)

// TestEveryRowHasACase holds that each row is named by one comment "# B-3 *x" in the input
// of a case, and that no comment names a row that there is not.
func TestEveryRowHasACase(t *testing.T) {
	named := map[[2]string][]string{}
	for _, path := range goldenFiles(t, "testdata/*/in/*.yaml") {
		for _, m := range rowComment.FindAllStringSubmatch(content(t, path), -1) {
			named[[2]string{m[1], m[2]}] = append(named[[2]string{m[1], m[2]}], path)
		}
	}
	for table, rows := range tableRows() {
		for _, row := range rows {
			if at := named[[2]string{table, row}]; len(at) != 1 {
				t.Errorf("%s %s has %d cases, want 1: %v", table, row, len(at), at)
			}
		}
	}
	for row, at := range named {
		if !slices.Contains(tableRows()[row[0]], row[1]) {
			t.Errorf("%v: there is no row %s %s; add it to tableRows", at, row[0], row[1])
		}
	}
}

// TestRowsAreRendered holds that a case which shows a row has something to show: an error that it
// never had, from a rule that came later, would leave a golden that no change can break.
func TestRowsAreRendered(t *testing.T) {
	refusals := []string{"custom-unknown", "server-conflicts-tls", "table-b2-refused", "table-b6-refused", "table-b10-refused", "table-e2-refused"}
	for _, path := range goldenFiles(t, "testdata/*/in/*.yaml") {
		dir := filepath.Dir(filepath.Dir(path))
		rendered, err := filepath.Glob(filepath.Join(dir, "want*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if len(rendered) == 0 && rowComment.MatchString(content(t, path)) && !slices.Contains(refusals, filepath.Base(dir)) {
			t.Errorf("%s shows rows, and nothing is rendered of it", path)
		}
	}
}

func goldenFiles(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files %s: %v", pattern, err)
	}
	return paths
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func all(t *testing.T, pattern string) string {
	t.Helper()
	var b strings.Builder
	for _, path := range goldenFiles(t, pattern) {
		b.WriteString(content(t, path))
	}
	return b.String()
}
