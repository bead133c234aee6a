package translate_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	rbachttpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// everyField is a rule with each field in a line of its own, whose value stands nowhere else.
const everyField = `  - from:
    - source:
        principals: [zq01]
        notPrincipals: [zq02]
        requestPrincipals: [zq03/*]
        notRequestPrincipals: [zq04/*]
        namespaces: [zq05]
        notNamespaces: [zq06]
        ipBlocks: [10.71.0.0]
        notIpBlocks: [10.72.0.0]
        remoteIpBlocks: [10.73.0.0]
        notRemoteIpBlocks: [10.74.0.0]
        trustDomains: [zq09]
        notTrustDomains: [zq10]
    - source:
        requestPrincipals: [zq11/*]
    - source:
        serviceAccounts: [zq07]
        notServiceAccounts: [zq08]
    to:
    - operation:
        hosts: [zq12]
        notHosts: [zq13]
        methods: [ZQ14]
        notMethods: [ZQ15]
        paths: [/zq16]
        notPaths: [/zq17]
        ports: ["6171"]
        notPorts: ["6172"]
    - operation:
        paths: [/zq18]
    when:
    - key: request.headers[x-a]
      values: [zq19]
      notValues: [zq20]
    - key: destination.port
      values: ["6173"]
      notValues: ["6174"]
    - key: request.auth.claims[group]
      values: [zq21]
      notValues: [zq22]
`

// customFields are those of them that a rule has which asks an authorizer.
const customFields = `  - from:
    - source:
        ipBlocks: [10.75.0.0]
        notRemoteIpBlocks: [10.76.0.0]
    to:
    - operation:
        hosts: [zq31]
        notPaths: [/zq32]
    when:
    - key: request.headers[x-a]
      notValues: [zq33]
`

// TestEveryConditionIsTracedToItsField holds that each condition of a rule that Envoy gets leads to the field
// that asks it, of every action, and where several issuers make several conditions of one.
func TestEveryConditionIsTracedToItsField(t *testing.T) {
	var text strings.Builder
	text.WriteString("apiVersion: security.istio.io/v1\nkind: RequestAuthentication\nmetadata: {name: t, namespace: istio-system}\nspec: {jwtRules: [{issuer: zq03, jwksUri: 'https://zq03.example/keys', presence: REQUIRED}, {issuer: zq11, jwksUri: 'https://zq11.example/keys'}]}\n")
	const object = "---\napiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: %s, namespace: istio-system}\nspec:\n  action: %s\n  rules:\n%s"
	for _, action := range []string{"ALLOW", "DENY", "AUDIT"} {
		fmt.Fprintf(&text, object, strings.ToLower(action), action, everyField)
	}
	fmt.Fprintf(&text, object, "custom", "CUSTOM\n  provider: {name: opa}", customFields)
	settings := model.DefaultSettings()
	settings.MeshFile = "mesh.yaml"
	mesh := "extensionProviders: [{name: opa, envoyExtAuthzHttp: {service: opa.example, port: 80}}]"
	program := translate.Compile([]source.File{
		{Path: "a.yaml", Content: []byte(text.String())}, {Path: "mesh.yaml", Content: []byte(mesh)},
		{Path: "opa.yaml", Content: []byte("apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: opa, namespace: istio-system}\nspec: {hosts: [opa.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: DNS}\n")},
	}, settings)
	resources, refused := program.WithConditions().For(ingress())
	if len(refused) > 0 {
		t.Fatal(refused)
	}
	served, _ := program.For(ingress())
	for name := range served.Trace[envoy.PolicyFilter].All() {
		if strings.Contains(name, "Permissions") || strings.Contains(name, "Principals") {
			t.Errorf("what is served is traced to %s", name)
		}
	}
	served.Trace = resources.Trace
	if diff := cmp.Diff(served, resources, protocmp.Transform()); diff != "" {
		t.Errorf("what is served differs where conditions are traced:\n%s", diff)
	}
	var chain filterchainv3.FilterChainConfig
	if err := resources.ExtensionConfigs[0].GetTypedConfig().UnmarshalTo(&chain); err != nil {
		t.Fatal(err)
	}
	lines, traced := strings.Split(text.String(), "\n"), 0
	for _, f := range chain.GetDefaultFilterChain().GetFilters() {
		var config rbachttpv3.RBAC
		if err := f.GetTypedConfig().UnmarshalTo(&config); err != nil {
			continue // no RBAC
		}
		for _, rules := range []*rbacv3.RBAC{config.GetRules(), config.GetShadowRules()} {
			for key, rule := range rules.GetPolicies() {
				for clause, part := range clausesOf(rule) {
					pos, ok := resources.Trace[f.GetName()].At(key + "." + clause)
					if strings.Contains(part, "zq") || strings.Contains(part, "ZQ") {
						traced++
					}
					if !ok && strings.Contains(part, "present_match") { // of a token that is there
						continue
					}
					if !ok {
						t.Errorf("%s %s %s leads nowhere: %s", f.GetName(), key, clause, part)
						continue
					}
					value := regexp.MustCompile(`\[/?"?([^\]"/]+)`).FindStringSubmatch(lines[pos.Line-1])
					if value == nil || !strings.Contains(part, value[1]) {
						t.Errorf("%s %s %s leads to %q, and is %s", f.GetName(), key, clause, lines[pos.Line-1], part)
					}
				}
			}
		}
	}
	if traced < 100 {
		t.Errorf("%d conditions were looked at", traced)
	}
}

// clausesOf returns each condition of a rule by its path.
func clausesOf(rule *rbacv3.Policy) map[string]string {
	out := map[string]string{}
	text := func(m proto.Message) string { return prototext.MarshalOptions{}.Format(m) }
	for i, p := range rule.GetPermissions() {
		for j, part := range p.GetAndRules().GetRules() {
			out[fmt.Sprintf("Permissions[%d].AndRules.Rules[%d]", i, j)] = text(part)
		}
	}
	for i, p := range rule.GetPrincipals() {
		for j, part := range p.GetAndIds().GetIds() {
			out[fmt.Sprintf("Principals[%d].AndIds.Ids[%d]", i, j)] = text(part)
		}
	}
	return out
}
