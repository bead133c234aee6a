package translate_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/translate"
	"github.com/portreeve/portreeve/translate/model"
	"github.com/portreeve/portreeve/translate/source"
)

const unappliedPolicies = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: namespace, namespace: eddge}
spec: {}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: label, namespace: edge}
spec: {selector: {matchLabels: {app: fronnt}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: fine, namespace: edge}
spec: {selector: {matchLabels: {app: front}}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: target, namespace: edge}
spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: other}]}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: root, namespace: istio-system}
spec: {}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: enforces-nothing, namespace: nowhere}
spec: {action: AUDIT}
`

const unappliedGateway = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: g, namespace: edge}
spec:
  selector: {app: nobody}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
`

// TestPoliciesOfNoGateway holds that what applies to none of the gateways that there are is named
// with its reason, that without gateways nothing is said, and nothing twice.
func TestPoliciesOfNoGateway(t *testing.T) {
	front := model.Gateway{Namespace: "edge", Labels: map[string]string{"app": "front", "gateway.networking.k8s.io/gateway-name": "front"}}
	elsewhere := model.Gateway{Namespace: "eddge", Labels: map[string]string{"app": "fronnt"}}
	for name, c := range map[string]struct {
		text     string
		gateways []model.Gateway
		want     []string
	}{
		"8: nobody is connected": {unappliedPolicies, nil, []string{}},
		"8: of one":              {unappliedPolicies, []model.Gateway{front}, []string{"3 PR0984 metadata.namespace", "9 PR0984 spec.selector"}},
		"8: of several":          {unappliedPolicies, []model.Gateway{front, elsewhere}, []string{"9 PR0984 spec.selector"}},
		"8: a Gateway":           {unappliedGateway, []model.Gateway{front}, []string{"5 PR0984 spec.selector"}},
		"8: told already":        {unappliedGateway + "---\n" + unappliedPolicies, []model.Gateway{front}, []string{"5 PR0984 spec.selector"}},
	} {
		t.Run(name, func(t *testing.T) {
			program := translate.Compile([]source.File{{Path: "p.yaml", Content: []byte(c.text)}}, model.DefaultSettings())
			got := []string{}
			for _, d := range program.Unapplied(c.gateways) {
				got = append(got, fmt.Sprintf("%d %s %s", d.Pos.Line, d.Code, d.Field))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, program.Diags.Lines())
			}
		})
	}
}
