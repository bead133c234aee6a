package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPoliciesAreHeldAgainstTheGatewayThatIsNamed holds that without a Gateway in the files policies
// are held against the gateway that the flags name, and against none without them.
func TestPoliciesAreHeldAgainstTheGatewayThatIsNamed(t *testing.T) {
	dir := newPolicyDir(t, map[string]string{
		"label.yaml":     "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: label, namespace: edge}\nspec: {selector: {matchLabels: {istio: ingresgateway}}}\n",
		"namespace.yaml": "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: namespace, namespace: egde}\nspec: {}\n",
	})
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"11: of nobody":           {nil, nil},
		"11: of a gateway":        {[]string{"--namespace", "edge", "--labels", "istio=ingressgateway"}, []string{"label.yaml:4:40: warning PR0910: the gateway does not have the label istio: ingresgateway (did you mean ingressgateway?)", "namespace.yaml:3:40: warning PR0913: the gateway runs in the namespace edge and not in egde"}},
		"11: of one in the root":  {[]string{"--namespace", "istio-system"}, []string{"label.yaml:4:40: warning PR0910", "label.yaml:3:36: warning PR0913", "namespace.yaml:3:40: warning PR0913"}},
		"11: of one with a label": {[]string{"--labels", "istio=ingresgateway", "--namespace", "edge"}, []string{"namespace.yaml:3:40: warning PR0913"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if code := run(t.Context(), append(append([]string{"validate"}, c.args...), dir), &out, &out); code != exitClean {
				t.Errorf("exit %d", code)
			}
			for _, want := range c.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("nothing says %q", want)
				}
			}
			if n := strings.Count(out.String(), ": warning PR"); n != len(c.want) {
				t.Errorf("%d findings, want %d:\n%s", n, len(c.want), out.String())
			}
		})
	}
}

// TestAFileThatCannotBeReadIsAFindingWithItsPlace holds that a file which is there and cannot be read
// is a finding with its place, as it is to the server, that nothing is said of what it may hold, and
// that a name which is not there is an error of whoever typed it.
func TestAFileThatCannotBeReadIsAFindingWithItsPlace(t *testing.T) {
	dir := newPolicyDir(t, map[string]string{"tokens.yaml": "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: a}\nspec: {hosts: [a.example], gateways: [front], http: [{redirect: {uri: /}}]}\n"})
	dangling := filepath.Join(dir, "gateway.yaml")
	if err := os.Symlink(filepath.Join(dir, "nowhere"), dangling); err != nil {
		t.Fatal(err)
	}
	notAFile := filepath.Join(t.TempDir(), "mesh.yaml")
	if err := os.Mkdir(notAFile, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"11: in a directory":       {[]string{dir}, exitFindings, dangling + ": error PR0101: "},
		"11: a mesh configuration": {[]string{"--mesh-config", notAFile, filepath.Join(dir, "tokens.yaml")}, exitFindings, notAFile + ": error PR0101: "},
		"11: not there":            {[]string{filepath.Join(dir, "nowhere.yaml")}, exitUsage, "no such file"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if code := run(t.Context(), append([]string{"validate"}, c.args...), &out, &out); code != c.code {
				t.Errorf("exit %d, want %d", code, c.code)
			}
			if !strings.Contains(out.String(), c.want) {
				t.Errorf("nothing says %q:\n%s", c.want, out.String())
			}
			if strings.Count(out.String(), "error PR") > 1 || strings.Contains(out.String(), "PR0902") && c.args[0] == dir {
				t.Errorf("more than one cause is told:\n%s", out.String())
			}
		})
	}
}
