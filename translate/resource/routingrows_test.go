package resource_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/resource"
	"github.com/portreeve/portreeve/translate/source"
)

// routingRow is a spec on which Istio's validation has a verdict. What it refuses has a
// finding with the code at ‸; what it accepts has no code, and must have no error.
type routingRow struct {
	kind resource.Kind
	spec string
	code diag.Code
}

func routingRows() map[string]routingRow {
	out := map[string]routingRow{}
	for _, rows := range []map[string]routingRow{gatewayRows(), virtualServiceRows(), destinationRuleRows(), serviceEntryRows(), telemetryRows()} {
		for name, r := range rows {
			out[string(r.kind)+": "+name] = r
		}
	}
	return out
}

func gatewayRows() map[string]routingRow {
	server := func(s string) string { return "{servers: [{" + s + "}]}" }
	hosts := func(h string) string {
		return server("hosts: [" + h + "], port: {number: 80, name: http, protocol: HTTP}")
	}
	plain := func(tls string) string {
		return server(`hosts: ["*"], port: {number: 80, name: http, protocol: HTTP}, ` + tls)
	}
	secure := func(tls string) string {
		return server(`hosts: ["*"], port: {number: 443, name: https, protocol: HTTPS}, tls: {` + tls + "}")
	}
	return map[string]routingRow{
		"a short name":                            {resource.Gateway, hosts("‸shop"), diag.CodeHost},
		"a short name of a namespace":             {resource.Gateway, hosts("‸./shop"), diag.CodeHost},
		"a wildcard within a part":                {resource.Gateway, hosts(`‸"*-shop.example.com"`), diag.CodeHost},
		"the same of a namespace":                 {resource.Gateway, hosts(`‸"a/*shop.example.com"`), diag.CodeHost},
		"an address with a typing mistake":        {resource.Gateway, hosts("‸10.1.2.300"), diag.CodeHost},
		"an IPv6 address":                         {resource.Gateway, hosts(`‸"2001:db8::1"`), diag.CodeHost},
		"an address":                              {resource.Gateway, hosts("10.1.2.3, ns/10.1.2.4"), ""},
		"every host of a namespace":               {resource.Gateway, hosts(`"a/*", "*/*.example.com", ./shop.example.com`), ""},
		"any name of a port":                      {resource.Gateway, server(`hosts: ["*"], port: {number: 80, name: HTTP_web.1, protocol: HTTP}`), ""},
		"empty tls of an HTTP server":             {resource.Gateway, plain("tls: {}"), ""},
		"no redirect of an HTTP server":           {resource.Gateway, plain("tls: {httpsRedirect: false}"), ""},
		"a credential of an HTTP server":          {resource.Gateway, plain("tls: {httpsRedirect: true, credentialName: a}"), ""},
		"a mode of an HTTP server":                {resource.Gateway, plain("‸tls: {mode: SIMPLE, credentialName: a}"), diag.CodeGateway},
		"a certificate of an HTTP server":         {resource.Gateway, plain("‸tls: {serverCertificate: /a, privateKey: /b}"), diag.CodeGateway},
		"pins of an HTTP server":                  {resource.Gateway, plain("tls: {subjectAltNames: ‸[a]}"), diag.CodeClientUnasked},
		"empty tls of a TCP server":               {resource.Gateway, server(`hosts: ["*"], port: {number: 80, name: tcp, protocol: TCP}, ‸tls: {}`), diag.CodeGateway},
		"a default endpoint":                      {resource.Gateway, plain("defaultEndpoint: 127.0.0.1:80"), ""},
		"two certificates where none is used":     {resource.Gateway, secure("mode: PASSTHROUGH, credentialName: a, ‸serverCertificate: /a, privateKey: /b"), diag.CodeServerTLS},
		"a revocation list where nobody is asked": {resource.Gateway, secure("mode: SIMPLE, serverCertificate: /a, privateKey: /b, caCrl: ‸/c"), diag.CodeClientUnasked},
		"the same beside a credential":            {resource.Gateway, secure("mode: SIMPLE, credentialName: a, caCrl: /c"), ""},
	}
}

func TestRoutingRowsOfIstiosValidation(t *testing.T) {
	for name, r := range routingRows() {
		t.Run(name, func(t *testing.T) {
			group := "networking"
			if r.kind == resource.Telemetry {
				group = "telemetry"
			}
			head := "apiVersion: " + group + ".istio.io/v1\nkind: " + string(r.kind) + "\nmetadata: {name: a, namespace: home}\nspec: "
			before, after, marked := strings.Cut(head+r.spec, "‸")
			if marked != (r.code != "") {
				t.Fatalf("a code and no ‸, or the other way round: %s", r.spec)
			}
			_, found := compile(source.File{Path: "row.yaml", Content: []byte(before + after + "\n")})
			if !marked {
				if found.HasErrors() {
					t.Errorf("%s\nis refused: %v", r.spec, found)
				}
				return
			}
			column := len(before) - strings.LastIndexByte(before, '\n')
			i := slices.IndexFunc(found, func(d diag.Diagnostic) bool { return d.Code == r.code && d.Pos.Line == 4 && d.Pos.Column == column })
			if i < 0 || found[i].Hint == "" || r.code.Severity() != diag.Error {
				t.Errorf("no error %s with a hint at 4:%d of\n%s\nfound %v", r.code, column, r.spec, found)
			}
		})
	}
}

// TestGatewayNames holds that the name of a Gateway has no dot, as in Istio: name.namespace
// in a VirtualService would mean two things.
func TestGatewayNames(t *testing.T) {
	const spec = "}\nspec: {servers: [{hosts: [\"*\"], port: {number: 80, name: http, protocol: HTTP}}]}\n"
	for name, fine := range map[string]bool{"shop": true, "shop.edge": false} {
		_, found := compile(source.File{Path: "a.yaml", Content: []byte("apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: " + name + spec)})
		if found.HasErrors() == fine || !fine && (found[0].Code != diag.CodeMetadata || found[0].Pos.Column != 18) {
			t.Errorf("a Gateway named %s: %v", name, found)
		}
	}
}

// TestDryRuns holds that no other kind can be written as if it were on trial.
func TestDryRuns(t *testing.T) {
	for _, kind := range []resource.Kind{resource.Gateway, resource.VirtualService, resource.DestinationRule, resource.ServiceEntry, resource.WorkloadEntry, resource.Telemetry} {
		group := "networking"
		if kind == resource.Telemetry {
			group = "telemetry"
		}
		for annotation, code := range map[string]diag.Code{"istio.io/dry-run": diag.CodeDryRunRequest, "internal.istio.io/webhook-always-reject": diag.CodeReservedAnnotation} {
			_, found := compile(source.File{Path: "a.yaml", Content: []byte("apiVersion: " + group + ".istio.io/v1\nkind: " + string(kind) + "\nmetadata: {name: a, annotations: {" + annotation + ": \"true\"}}\nspec: {}\n")})
			if !slices.ContainsFunc(found, func(d diag.Diagnostic) bool { return d.Code == code && d.Pos.Line == 3 && d.Pos.Column == 35 }) {
				t.Errorf("%s with %s: %v", kind, annotation, found)
			}
		}
	}
}

// TestRoutesOfConnectionsThatNothingReaches holds that a tcp or tls route is warned of that
// an earlier one leaves nothing for, and no other.
func TestRoutesOfConnectionsThatNothingReaches(t *testing.T) {
	const to = "route: [{destination: {host: b.example}}]"
	for routes, where := range map[string]string{
		"tcp: [{" + to + "}, {match: [{port: 1}], " + to + "}]":                                                 "spec.tcp[1].match[0]",
		"tcp: [{match: [{port: 1}], " + to + "}, {match: [{port: 2}, {port: 1}], " + to + "}]":                  "spec.tcp[1].match[1]",
		"tcp: [{match: [{port: 1}], " + to + "}, {match: [{port: 2}], " + to + "}, {" + to + "}]":               "",
		"tls: [{match: [{sniHosts: [a.example]}], " + to + "}, {match: [{sniHosts: [a.example]}], " + to + "}]": "spec.tls[1].match[0]",
		"tls: [{match: [{sniHosts: [a.example]}], " + to + "}, {match: [{sniHosts: [b.example]}], " + to + "}]": "",
	} {
		text := "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec: {hosts: [a.example, b.example], gateways: [gw], " + routes + "}\n"
		_, found := compile(source.File{Path: "a.yaml", Content: []byte(text)})
		got := ""
		for _, d := range found {
			got += d.Field
			if d.Code != diag.CodeRouteUnreachable {
				t.Errorf("%s: %s", routes, d)
			}
		}
		if got != where {
			t.Errorf("%s: %q is warned of, want %q", routes, got, where)
		}
	}
}
