package translate_test

import (
	"os"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// touching are objects all of which a gateway is served something of, each in two forms.
func touching() map[string][2]string {
	both := func(text, before, after string) [2]string {
		return [2]string{strings.ReplaceAll(text, "@", before), strings.ReplaceAll(text, "@", after)}
	}
	net := func(kind, name, spec string) string {
		return "apiVersion: networking.istio.io/v1\nkind: " + kind + "\nmetadata: {name: " + name + ", namespace: istio-system}\nspec: " + spec + "\n"
	}
	sec := func(kind, name, spec string) string {
		return strings.Replace(net(kind, name, spec), "networking", "security", 1)
	}
	return map[string][2]string{
		"gateway.yaml":   both(net("Gateway", "a", `{selector: {istio: ingressgateway}, servers: [{port: {number: @, name: http, protocol: HTTP}, hosts: ["*"]}, {port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*.example"], tls: {mode: SIMPLE, credentialName: one}}]}`), "80", "81"),
		"root.yaml":      both(net("VirtualService", "root", `{hosts: ["*"], gateways: [a], http: [{match: [{uri: {prefix: /@}}], delegate: {name: leaf}}, {route: [{destination: {host: back.example, subset: v1}}]}]}`), "a", "b"),
		"leaf.yaml":      both(net("VirtualService", "leaf", `{http: [{route: [{destination: {host: web.shop.svc.cluster.local, port: {number: 80}}}], timeout: @s}]}`), "1", "2"),
		"back.yaml":      both(net("ServiceEntry", "back", `{hosts: [back.example], resolution: STATIC, ports: [{number: 80, name: http, protocol: @}], workloadSelector: {labels: {app: w}}}`), "HTTP", "HTTP2"),
		"workload.yaml":  both(net("WorkloadEntry", "w", `{address: 10.1.0.@, labels: {app: w, version: v1}}`), "1", "2"),
		"labels.yaml":    both("apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: l, namespace: istio-system, labels: {app: @, version: v1}}\nspec: {address: 10.1.0.9}\n", "w", "other"),
		"rule.yaml":      both(net("DestinationRule", "rule", `{host: back.example, trafficPolicy: {connectionPool: {tcp: {maxConnections: @}}}, subsets: [{name: v1, labels: {version: v1}}]}`), "1", "2"),
		"service.yaml":   both("apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {ports: [{name: http, port: 80}, {name: http-more, port: @}]}\n", "81", "82"),
		"slice.yaml":     both("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}\naddressType: IPv4\nports: [{name: http, port: 8081}]\nendpoints: [{addresses: [10.3.0.@]}]\n", "1", "2"),
		"telemetry.yaml": both(strings.Replace(net("Telemetry", "logs", `{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: named}], accessLogging: [{providers: [{name: envoy}], disabled: @}]}`), "networking.istio.io/v1", "telemetry.istio.io/v1", 1), "true", "false"),
		"tokens.yaml":    both(sec("RequestAuthentication", "jwt", `{jwtRules: [{issuer: @, jwksUri: "https://keys.example"}]}`), "i", "j"),
		"wizard.yaml":    both("apiVersion: portreeve.dev/v1alpha1\nkind: JWTPolicy\nmetadata: {name: w, namespace: istio-system}\nspec: {enabled: @, jwt: {issuer: w, jwksUri: 'https://keys.example'}, matching: {mode: AUTH_IF_MATCHED, rules: [{paths: [/w]}]}}\n", "true", "false"),
		"deny.yaml":      both(sec("AuthorizationPolicy", "deny", `{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: named}], action: DENY, rules: [{from: [{source: {principals: [old/ns/a/sa/@]}}]}]}`), "a", "b"),
		"dry.yaml":       both("apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: dry, namespace: istio-system, annotations: {istio.io/dry-run: '@'}}\nspec: {action: DENY, rules: [{to: [{operation: {paths: [/dry]}}]}]}\n", "true", "false"),
		"custom.yaml":    both(sec("AuthorizationPolicy", "custom", `{action: CUSTOM, provider: {name: authz}, rules: [{to: [{operation: {paths: [/@]}}]}]}`), "a", "b"),
		"mesh.yaml":      both("trustDomain: @\ntrustDomainAliases: [old]\nextensionProviders: [{name: authz, envoyExtAuthzHttp: {service: back.example, port: 80}}]\n", "new", "newer"),
	}
}

// TestWhatTouchesAGatewayIsServed holds of each kind of object, of the mesh configuration and of secrets that an edit of
// it, or its removal, is served: what a program that was compiled before says of the gateway does not count any more.
func TestWhatTouchesAGatewayIsServed(t *testing.T) {
	secrets, err := os.ReadFile("testdata/gateway-tls/in/secrets.yaml")
	if err != nil {
		t.Fatal(err)
	}
	forms := touching()
	forms["secrets.yaml"] = [2]string{string(secrets), swapped(strings.Split(string(secrets), "---\n"))}
	g := model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway", "gateway.networking.k8s.io/gateway-name": "named"}}
	settings := model.DefaultSettings()
	settings.MeshFile = "mesh.yaml"
	files := func(edited string, form int) []source.File {
		var out []source.File
		for path, forms := range forms {
			text := forms[0]
			if path == edited {
				if form == 2 {
					continue
				}
				text = forms[form]
			}
			out = append(out, source.File{Path: path, Content: []byte(text)})
		}
		return out
	}
	before := translate.Compile(files("", 0), settings)
	was := servedBytes(t, before, g)
	if _, refused := before.For(g); len(refused) > 0 {
		t.Fatal(findings(refused))
	}
	for path := range forms {
		for form, name := range map[int]string{1: "edited", 2: "gone"} {
			now, fresh := before.Recompile(files(path, form), settings), translate.Compile(files(path, form), settings)
			if form == 1 && servedBytes(t, fresh, g) == was {
				t.Errorf("%s: the edit makes no difference", path)
			}
			if servedBytes(t, now, g) != servedBytes(t, fresh, g) {
				t.Errorf("%s, %s: what is served is not what the files say", path, name)
			}
		}
	}
}

// swapped gives the Secret one the content of another one.
func swapped(documents []string) string {
	out := append([]string{}, documents...)
	for i, d := range out {
		switch {
		case strings.Contains(d, "name: one,"):
			out[i] = strings.Replace(d, "name: one,", "name: two,", 1)
		case strings.Contains(d, "name: two,"):
			out[i] = strings.Replace(d, "name: two,", "name: one,", 1)
		}
	}
	return strings.Join(out, "---\n")
}
