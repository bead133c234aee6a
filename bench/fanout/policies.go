package fanout

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// everybody stands for all groups.
const everybody = -1

// policies are the directory that the control plane reads: a gateway and a route of all, and policy of each group.
type policies struct {
	dir          string
	groups, each int
	edits        int
}

const common = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: gateway, namespace: istio-system}
spec:
  selector: {istio: ingressgateway}
  servers:
  - port: {number: 8080, name: http, protocol: HTTP}
    hosts: ["*"]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: backend, namespace: istio-system}
spec:
  hosts: ["*"]
  gateways: [gateway]
  http:
  - route:
    - destination: {host: backend.local, port: {number: 80}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: backend, namespace: istio-system}
spec:
  hosts: [backend.local]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  endpoints: [{address: 127.0.0.1}]
`

// denial denies a path at the gateways that have a label.
func denial(name, label, path string) string {
	return fmt.Sprintf(`apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: %s, namespace: istio-system}
spec:
  selector: {matchLabels: {%s}}
  action: DENY
  rules:
  - to: [{operation: {paths: ["%s"]}}]
`, name, label, path)
}

func (p *policies) write() error {
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return fmt.Errorf("make the folder of policies: %w", err)
	}
	files := map[string]string{"common.yaml": common, "everybody.yaml": p.of(everybody)}
	for i := range p.groups {
		files[fileOf(i)] = p.of(i)
	}
	for i := range p.each {
		files[fmt.Sprintf("many-%06d.yaml", i)] = denial(fmt.Sprintf("many-%d", i), "istio: ingressgateway", fmt.Sprintf("/many/of/them/%d", i))
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(p.dir, name), []byte(content), 0o600); err != nil {
			return fmt.Errorf("write policies: %w", err)
		}
	}
	return nil
}

func fileOf(group int) string {
	if group == everybody {
		return "everybody.yaml"
	}
	return fmt.Sprintf("group-%d.yaml", group)
}

// of is the policy of a group as of now.
func (p *policies) of(group int) string {
	path := fmt.Sprintf("/edit/%d", p.edits)
	if group == everybody {
		return denial("everybody", "istio: ingressgateway", path)
	}
	return denial(fmt.Sprintf("group-%d", group), "group: "+groupName(group), path)
}

// edit gives a group, or all, another policy, and returns when it did.
func (p *policies) edit(group int) (time.Time, error) {
	p.edits++
	to := filepath.Join(p.dir, fileOf(group))
	if err := os.WriteFile(to+".new", []byte(p.of(group)), 0o600); err != nil {
		return time.Time{}, fmt.Errorf("edit a policy: %w", err)
	}
	began := time.Now()
	if err := os.Rename(to+".new", to); err != nil {
		return time.Time{}, fmt.Errorf("edit a policy: %w", err)
	}
	return began, nil
}

func groupName(i int) string { return fmt.Sprintf("g%d", i) }
