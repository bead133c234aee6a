package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

// gateway is the one that is measured.
func gateway() model.Gateway {
	return model.Gateway{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}}
}

// listening opens a port on which everything that policy lets pass is answered by the gateway itself.
func listening(port int) source.File {
	return source.File{Path: "gateway.yaml", Content: fmt.Appendf(nil, `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - {port: {number: %d, name: http, protocol: HTTP}, hosts: ["*"], bind: 127.0.0.1}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: all, namespace: istio-system}
spec:
  hosts: ["*"]
  gateways: [gateway]
  http: [{directResponse: {status: 200}}]
`, port)}
}

// denial is a DENY policy of one rule, in a file of its own.
func denial(i int, rule string) source.File {
	return source.File{Path: fmt.Sprintf("policy-%06d.yaml", i), Content: fmt.Appendf(nil, `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: policy-%06d, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  action: DENY
  rules:
  - %s
`, i, rule)}
}

// kind is a kind of rule, of which the nth matches no request that is measured.
type kind struct {
	name string
	rule func(n int) string
	// most is how much a request among 10,000 may cost, against one among one.
	most float64
}

// kinds returns the kinds of rules that are measured.
func kinds() []kind {
	return []kind{
		{"exact path", func(n int) string { return fmt.Sprintf(`to: [{operation: {paths: ["/exact/%d"]}}]`, n) }, 1.15},
		{"prefix", func(n int) string { return fmt.Sprintf(`to: [{operation: {paths: ["/prefix-%d/*"]}}]`, n) }, 1.25},
		{"suffix", func(n int) string { return fmt.Sprintf(`to: [{operation: {paths: ["*.type%d"]}}]`, n) }, 1.25},
		{"template", func(n int) string { return fmt.Sprintf(`to: [{operation: {paths: ["/template-%d/{*}/edit"]}}]`, n) }, 1.25},
		{"method and path", func(n int) string {
			return fmt.Sprintf(`to: [{operation: {methods: [PUT], paths: ["/write/%d"]}}]`, n)
		}, 1.25},
		{"address", func(n int) string {
			return fmt.Sprintf(`from: [{source: {remoteIpBlocks: ["10.%d.%d.0/24"]}}]`, n/250, n%250)
		}, 1.25},
		{"host", func(n int) string {
			return fmt.Sprintf(`to: [{operation: {hosts: ["shop-%d.example.com"]}}]`, n)
		}, 1.25},
		{"claim", func(n int) string {
			return fmt.Sprintf(`when: [{key: "request.auth.claims[sub]", values: ["user-%d"]}]`, n)
		}, 1.4},
		{"list claim", func(n int) string {
			return fmt.Sprintf(`when: [{key: "request.auth.claims[groups]", values: ["group-%d"]}]`, n)
		}, 1.4},
		{"principal", func(n int) string {
			return fmt.Sprintf(`from: [{source: {requestPrincipals: ["%s/user-%d"]}}]`, issuer, n)
		}, 1.4},
	}
}

// mixed is the kind whose rules are of all the others in turn.
func mixed() kind {
	all := kinds()
	return kind{"ten kinds mixed", func(n int) string { return all[n%len(all)].rule(n) }, 1.6}
}

// write writes files into a folder.
func write(dir string, files []source.File) error {
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Path), f.Content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// rename puts a file in place as a careful editor does.
func rename(dir string, f source.File) error {
	path := filepath.Join(dir, f.Path)
	if err := os.WriteFile(path+"~", f.Content, 0o600); err != nil {
		return err
	}
	return os.Rename(path+"~", path)
}
