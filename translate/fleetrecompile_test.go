package translate_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// fleetFiles are the forms that each file takes; %[1]s is one of a few namespaces, %[2]s the label of a selector, %[3]d a
// small number, and %[4]s more metadata.
func fleetFiles() map[string][]string {
	istio := func(group, kind, name, spec string) string {
		return "apiVersion: " + group + "\nkind: " + kind + "\nmetadata: {name: " + name + ", namespace: %[1]s%[4]s}\nspec: " + spec + "\n"
	}
	net := func(kind, name, spec string) string { return istio("networking.istio.io/v1", kind, name, spec) }
	sec := func(kind, name, spec string) string { return istio("security.istio.io/v1", kind, name, spec) }
	const key = `{"keys":[{"kty":"oct","kid":"k","alg":"HS256","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}]}`
	return map[string][]string{
		"gateway-a": {
			net("Gateway", "a", `{selector: {%[2]s}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}`),
			net("Gateway", "a", `{selector: {%[2]s}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["shop/*.example", "./a.example"], tls: {httpsRedirect: true}}]}`),
			net("Gateway", "a", `{selector: {%[2]s}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*.example"], tls: {mode: SIMPLE, credentialName: web}}]}`),
			net("Gateway", "a", `{selector: {%[2]s}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*.example"], tls: {mode: MUTUAL, credentialName: web, caCertCredentialName: web}}]}`),
		},
		"gateway-b": {
			net("Gateway", "b", `{selector: {%[2]s}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [b.example]}]}`),
			net("Gateway", "b", `{selector: {%[2]s}, servers: [{port: {number: 9000, name: tcp, protocol: TCP}, hosts: ["*"]}]}`),
			net("Gateway", "b", `{selector: {%[2]s}, servers: [{port: {number: 443, name: tls, protocol: TLS}, hosts: [b.example], tls: {mode: PASSTHROUGH}}]}`),
		},
		"root": {
			net("VirtualService", "root", `{hosts: ["a.example"], gateways: [istio-system/a, b], http: [{match: [{uri: {prefix: /d}}], delegate: {name: leaf, namespace: shop}}, {route: [{destination: {host: back.example, port: {number: 80}}}]}]}`),
			net("VirtualService", "root", `{hosts: ["*"], gateways: [istio-system/a], http: [{match: [{gateways: [istio-system/b], uri: {prefix: /m}}], directResponse: {status: 201}}, {route: [{destination: {host: back.example, subset: v%[3]d}}]}]}`),
			net("VirtualService", "root", `{hosts: ["*"], gateways: [istio-system/b, shop/b], tcp: [{route: [{destination: {host: back.example, port: {number: 80}}}]}]}`),
			net("VirtualService", "root", `{hosts: ["b.example"], gateways: [b], tls: [{match: [{sniHosts: [b.example]}], route: [{destination: {host: back.example, port: {number: 80}}}]}]}`),
			net("VirtualService", "root", `{hosts: ["a.example"], exportTo: [.], gateways: [istio-system/a], http: [{redirect: {uri: /%[3]d}}]}`),
		},
		"leaf": {
			net("VirtualService", "leaf", `{http: [{match: [{uri: {prefix: /d/%[3]d}}], directResponse: {status: 202}}]}`),
			net("VirtualService", "leaf", `{exportTo: [istio-system], http: [{route: [{destination: {host: web.shop.svc.cluster.local, port: {number: 80}}}]}]}`),
		},
		"back": {
			net("ServiceEntry", "back", `{hosts: [back.example], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 10.0.0.%[3]d, labels: {version: v1}}]}`),
			net("ServiceEntry", "back", `{hosts: [back.example], exportTo: [shop], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], workloadSelector: {labels: {app: w}}}`),
			net("ServiceEntry", "back", `{hosts: [back.example], resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}]}`),
			net("ServiceEntry", "back", `{hosts: ["*.back.example"], resolution: DYNAMIC_DNS, ports: [{number: 80, name: http, protocol: HTTP}]}`),
		},
		"back-too": {net("ServiceEntry", "back-too", `{hosts: [back.example], resolution: STATIC, exportTo: [.], ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 10.9.0.%[3]d}]}`)},
		"workload": {
			net("WorkloadEntry", "w", `{address: 10.1.0.%[3]d, labels: {app: w, version: v1}}`), net("WorkloadEntry", "w", `{address: 10.1.0.1, weight: %[3]d, labels: {app: w}}`),
			"apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {name: w, namespace: %[1]s, labels: {app: w%[3]d}}\nspec: {address: 10.1.0.9}\n",
		},
		"rule": {
			net("DestinationRule", "rule", `{host: back.example, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}`),
			net("DestinationRule", "rule", `{host: back.example, exportTo: [.], trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}, subsets: [{name: v1, labels: {version: v1}}]}`),
			net("DestinationRule", "rule", `{host: back.example, workloadSelector: {matchLabels: {%[2]s}}, trafficPolicy: {connectionPool: {tcp: {maxConnections: %[3]d}}}}`),
			net("DestinationRule", "rule", `{host: back.example, trafficPolicy: {tls: {mode: SIMPLE, credentialName: web, sni: back.example}}}`),
			net("DestinationRule", "rule", `{host: "*.example", trafficPolicy: {connectionPool: {http: {http2MaxRequests: %[3]d}}}}`),
		},
		"service": {
			"apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {ports: [{name: http, port: 80, targetPort: 808%[3]d}]}\n",
			"apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop, annotations: {networking.istio.io/exportTo: ., x: '%[3]d'}}\nspec: {selector: {app: w}, ports: [{name: http, port: 80}]}\n",
		},
		"slice": {
			"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}\naddressType: IPv4\nports: [{name: http, port: 8081}]\nendpoints: [{addresses: [10.3.0.%[3]d]}]\n",
			"apiVersion: v1\nkind: Endpoints\nmetadata: {name: web, namespace: shop}\nsubsets: [{addresses: [{ip: 10.4.0.%[3]d}], ports: [{name: http, port: 8081}]}]\n",
		},
		"telemetry": {
			istio("telemetry.istio.io/v1", "Telemetry", "logs", `{accessLogging: [{providers: [{name: envoy}]}]}`),
			istio("telemetry.istio.io/v1", "Telemetry", "logs", `{selector: {matchLabels: {%[2]s}}, accessLogging: [{disabled: true}]}`),
			istio("telemetry.istio.io/v1", "Telemetry", "logs", `{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: named}], accessLogging: [{providers: [{name: envoy}], filter: {expression: 'response.code >= 40%[3]d'}}]}`),
		},
		"jwt": {
			sec("RequestAuthentication", "jwt", `{selector: {matchLabels: {%[2]s}}, jwtRules: [{issuer: i%[3]d, jwks: '`+key+`'}]}`),
			sec("RequestAuthentication", "jwt", `{jwtRules: [{issuer: i%[3]d, jwksUri: "https://keys.example/%[3]d"}, {issuer: other, jwks: '`+key+`', fromParams: [t], outputPayloadToHeader: x-p}]}`),
			sec("RequestAuthentication", "jwt", `{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: named}], jwtRules: [{issuer: i1, jwks: '`+key+`', presence: REQUIRED}]}`),
		},
		"jwt-too": {sec("RequestAuthentication", "jwt-too", `{jwtRules: [{issuer: i1, jwksUri: "https://keys.example/0", outputClaimToHeaders: [{header: x-c, claim: c}]}]}`)},
		"wizard": {
			"apiVersion: portreeve.dev/v1alpha1\nkind: JWTPolicy\nmetadata: {name: wizard, namespace: %[1]s%[4]s}\nspec: {selector: {matchLabels: {%[2]s}}, jwt: {issuer: w%[3]d, jwksUri: 'https://keys.example/1'}, matching: {mode: AUTH_IF_MATCHED, rules: [{paths: [/w]}]}}\n",
			"apiVersion: portreeve.dev/v1alpha1\nkind: JWTPolicy\nmetadata: {name: wizard, namespace: %[1]s%[4]s}\nspec: {enabled: false, jwt: {issuer: w, jwksUri: 'https://keys.example/1'}, matching: {mode: BYPASS_AUTH_IF_MATCHED, rules: [{paths: [/w%[3]d]}]}}\n",
			"apiVersion: portreeve.dev/v1alpha1\nkind: JWTPolicy\nmetadata: {name: wizard, namespace: %[1]s%[4]s}\nspec: {jwt: {issuer: w, jwksUri: 'https://keys.example/1'}, matching: {mode: BYPASS_AUTH_IF_MATCHED, rules: [{paths: [/w%[3]d]}]}}\n",
		},
		"deny": {
			sec("AuthorizationPolicy", "deny", `{selector: {matchLabels: {%[2]s}}, action: DENY, rules: [{to: [{operation: {paths: [/x%[3]d]}}]}]}`),
			sec("AuthorizationPolicy", "deny", `{action: DENY, rules: [{from: [{source: {principals: [old/ns/a/sa/b, cluster.local/ns/a/sa/b], namespaces: [n%[3]d]}}]}]}`),
			sec("AuthorizationPolicy", "deny", `{targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: named}], action: DENY, rules: [{when: [{key: 'request.auth.claims[c]', values: [v%[3]d]}]}]}`),
			sec("AuthorizationPolicy", "deny", `{targetRefs: [{group: networking.istio.io, kind: ServiceEntry, name: back}], action: DENY, rules: [{}]}`),
			sec("AuthorizationPolicy", "deny", `{action: DENY, rules: [{to: [{operation: {ports: ['80', '90%[3]d']}}], from: [{source: {remoteIpBlocks: [10.%[3]d.0.0/16]}}]}]}`),
		},
		"allow": {
			sec("AuthorizationPolicy", "allow", `{selector: {matchLabels: {%[2]s}}, rules: [{to: [{operation: {methods: [GET], hosts: [a%[3]d.example]}}]}]}`),
			sec("AuthorizationPolicy", "allow", `{}`), sec("AuthorizationPolicy", "allow", `{rules: [{from: [{source: {requestPrincipals: ['i1/*', 'i%[3]d/a']}}]}]}`),
		},
		"audit": {sec("AuthorizationPolicy", "audit", `{selector: {matchLabels: {%[2]s}}, action: AUDIT, rules: [{to: [{operation: {paths: [/y%[3]d]}}]}]}`)},
		"custom": {
			sec("AuthorizationPolicy", "custom", `{selector: {matchLabels: {%[2]s}}, action: CUSTOM, provider: {name: authz}, rules: [{to: [{operation: {paths: [/z%[3]d]}}]}]}`),
			sec("AuthorizationPolicy", "custom", `{action: CUSTOM, provider: {name: authz2}, rules: [{}]}`),
		},
		"identity": {"apiVersion: portreeve.dev/v1alpha1\nkind: GatewayIdentity\nmetadata: {name: ingress}\nspec: {uids: [10%[3]d], namespace: %[1]s}\n"},
		"secret":   {"apiVersion: v1\nkind: Secret\nmetadata: {name: web, namespace: %[1]s}\nstringData: {tls.key: hidden-%[3]d}\n", "SECRET one", "SECRET two"},
		"broken":   {"apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: broken, namespace: %[1]s}\nspec: {selector: {matchLabels: {%[2]s}}, actoin: DENY}\n"},
		"mesh.yaml": {
			"{}\n", "trustDomain: example\ntrustDomainAliases: [old]\n", "trustDomain: example\n", "rootNamespace: shop\n", "defaultServiceExportTo: [.]\n", "defaultVirtualServiceExportTo: [.]\n", "defaultDestinationRuleExportTo: [.]\n",
			"accessLogFile: /dev/stdout\n", "accessLogFile: /dev/stdout\naccessLogFormat: 'x%[3]d'\n", "pathNormalization: {normalization: NONE}\n", "defaultConfig: {gatewayTopology: {numTrustedProxies: %[3]d}}\n", "connectTimeout: %[3]ds\n",
			"extensionProviders: [{name: authz, envoyExtAuthzHttp: {service: back.example, port: 80, timeout: %[3]ds}}, {name: authz2, envoyExtAuthzGrpc: {service: web.shop.svc.cluster.local, port: 80}}]\n",
			"extensionProviders: [{name: authz, envoyExtAuthzHttp: {service: back.example, port: 80, failOpen: true}}]\ndefaultProviders: {accessLogging: [logs]}\n",
		},
	}
}

// fleetDir is a directory of objects of all kinds, for gateways of several namespaces and labels, and its flags.
type fleetDir struct {
	random   *rand.Rand
	files    map[string]string
	settings model.Settings
	secrets  []string
}

func (d *fleetDir) of(list ...string) string { return list[d.random.IntN(len(list))] }

func newFleetDir(t *testing.T, seed uint64) *fleetDir {
	t.Helper()
	text, err := os.ReadFile("testdata/gateway-tls/in/secrets.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for _, document := range strings.Split(string(text), "---\n") {
		if strings.Contains(document, "tls.key") && !strings.Contains(document, "ca.crt") {
			pairs = append(pairs, document)
		}
	}
	if len(pairs) < 2 {
		t.Fatal("there are fewer than two pairs")
	}
	return &fleetDir{random: rand.New(rand.NewPCG(seed, 77)), files: map[string]string{}, settings: model.DefaultSettings(), secrets: pairs} //nolint:gosec // the same steps every time
}

// write makes a form of a file.
func (d *fleetDir) write(name string) string {
	forms := fleetFiles()[name]
	text := forms[d.random.IntN(len(forms))]
	namespace := d.of("istio-system", "istio-system", "shop", "other")
	if pair, is := strings.CutPrefix(text, "SECRET "); is {
		document := d.secrets[map[string]int{"one": 0, "two": 1}[pair]]
		return renamed(document, "web", namespace)
	}
	created := d.of("", "", ", creationTimestamp: '2024-01-01T00:00:00Z'", ", annotations: {a: '1'}", ", labels: {app: w}")
	if strings.Contains(text, "AuthorizationPolicy") && !strings.Contains(text, "AUDIT") && d.random.IntN(5) == 0 {
		created = ", annotations: {istio.io/dry-run: 'true'}"
	}
	text = fmt.Sprintf(text+"#%[1]s %[2]s %[3]d %[4]s", namespace, d.of("istio: ingressgateway", "istio: ingressgateway", "app: a", "app: b", "app: c"), d.random.IntN(5), created)
	return text[:strings.LastIndex(text, "\n")+1]
}

// renamed gives the object of a document a name and a namespace.
func renamed(document, name, namespace string) string {
	var out []string
	for _, line := range strings.Split(document, "\n") {
		if strings.HasPrefix(line, "metadata:") {
			line = "metadata: {name: " + name + ", namespace: " + namespace + "}"
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// edit does something to the directory, or to the flags.
func (d *fleetDir) edit() {
	all := slices.Sorted(maps.Keys(fleetFiles()))
	name := all[d.random.IntN(len(all))]
	if d.random.IntN(4) == 0 {
		name = d.of("back", "workload", "telemetry", "root", "leaf", "secret", "gateway-a", "jwt")
	}
	switch there := slices.Sorted(maps.Keys(d.files)); d.random.IntN(12) {
	case 0, 1:
		delete(d.files, name)
	case 2: // all below moves
		if text, is := d.files[name]; is {
			d.files[name] = "# a comment\n" + text
		}
	case 3: // from one file to another
		if text, is := d.files[name]; is && name != "mesh.yaml" {
			delete(d.files, name)
			d.files["moved-"+name] = text
		}
	case 4: // two objects in one file
		if len(there) > 0 && name != "mesh.yaml" && name != "broken" {
			at := there[d.random.IntN(len(there))]
			if at != "mesh.yaml" && at != name && !strings.Contains(d.files[at], "---\n") {
				delete(d.files, name)
				delete(d.files, "moved-"+name)
				d.files[at] = d.files[at] + "---\n" + d.write(name)
			}
		}
	case 5:
		delete(d.files, "broken")
		d.settings.RootNamespace = d.of("", "", "", "shop")
	case 6:
		d.settings.KeyFetch = []model.KeyFetch{model.FetchByControlPlane, model.FetchByControlPlane, model.FetchByGateway}[d.random.IntN(3)]
		delete(d.files, "broken")
	case 7:
		d.settings.Optimization = model.Optimization{}
		if d.random.IntN(3) == 0 {
			d.settings.Optimization.AnySize = true
		}
	default:
		delete(d.files, "moved-"+name)
		d.files[name] = d.write(name)
	}
	d.settings.MeshFile = ""
	if _, is := d.files["mesh.yaml"]; is {
		d.settings.MeshFile = "mesh.yaml"
	}
}

func (d *fleetDir) read() []source.File {
	var out []source.File
	for _, path := range slices.Sorted(maps.Keys(d.files)) {
		name := path
		if path != "mesh.yaml" {
			name += ".yaml"
		}
		out = append(out, source.File{Path: name, Content: []byte(d.files[path])})
	}
	return out
}

func fleetAsked() []model.Gateway {
	gateway := func(namespace string, labels ...string) model.Gateway {
		out := model.Gateway{Namespace: namespace, Labels: map[string]string{"istio": "ingressgateway"}}
		for i := 0; i < len(labels); i += 2 {
			out.Labels[labels[i]] = labels[i+1]
		}
		return out
	}
	return []model.Gateway{
		gateway("istio-system", "app", "a"), gateway("istio-system", "app", "b"), gateway("shop", "app", "a"), gateway("shop", "gateway.networking.k8s.io/gateway-name", "named"),
		gateway("other"), {Namespace: "istio-system", Labels: map[string]string{"app": "c"}, Locality: "eu/one"},
	}
}

// TestRecompileOfAFleetIsCompile holds that of objects of all kinds, for gateways of several namespaces and labels, each
// is served, after any sequence of edits, what it is served of the same files by a program that knows of nothing.
func TestRecompileOfAFleetIsCompile(t *testing.T) {
	steps := rounds(400)
	if os.Getenv("PORTREEVE_SOAK") == "1" {
		steps = 3000
	}
	d, program, good, served := newFleetDir(t, 1), &translate.Program{}, map[string]string{}, 0
	for step := range steps {
		before := maps.Clone(d.files)
		if refused := len(program.Diags.Errors()) > 0; !refused {
			good = before
		} else if d.random.IntN(3) > 0 {
			d.files = maps.Clone(good) // is mended, so that mostly there is something to serve
		}
		for range 1 + d.random.IntN(2) {
			d.edit()
		}
		program = program.Recompile(d.read(), d.settings)
		fresh := translate.Compile(d.read(), d.settings)
		if d.random.IntN(3) == 0 {
			keys := model.Keys{}
			for _, r := range fresh.KeyRequests() {
				keys[r.KeySource] = fmt.Sprintf(`{"keys":[{"kty":"oct","kid":"k%d","alg":"HS256","k":"c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3JldA"}]}`, d.random.IntN(3))
			}
			d.settings.Keys = keys
			program, fresh = program.WithKeys(keys), fresh.WithKeys(keys)
		}
		if diff := cmp.Diff(told(fresh), told(program)); diff != "" {
			t.Fatalf("step %d: what is told differs (-compiled +recompiled):\n%s\n%s", step, diff, changed(before, d.files))
		}
		for _, g := range fleetAsked() {
			if d.random.IntN(5) == 0 {
				continue // is not there all the time
			}
			want := servedBytes(t, fresh, g)
			if want != servedBytes(t, program, g) {
				t.Fatalf("step %d: what is served to %v differs:\n%s", step, g, changed(before, d.files))
			}
			if want != "" {
				served++
			}
			_, refusedWant := fresh.For(g)
			_, refusedGot := program.For(g)
			if diff := cmp.Diff(refusedWant.Lines(), refusedGot.Lines()); diff != "" {
				t.Fatalf("step %d: what refuses %v differs:\n%s\n%s", step, g, diff, changed(before, d.files))
			}
		}
	}
	if served < 3*steps {
		t.Errorf("only %d times was anything served in %d steps", served, steps)
	}
}

// changed says which files an edit changed.
func changed(before, now map[string]string) string {
	var out []string
	for _, path := range slices.Sorted(maps.Keys(now)) {
		if before[path] != now[path] {
			out = append(out, path+" was:\n"+before[path]+"and is:\n"+now[path])
		}
	}
	for path := range before {
		if _, there := now[path]; !there {
			out = append(out, path+" is gone")
		}
	}
	return strings.Join(out, "\n")
}
