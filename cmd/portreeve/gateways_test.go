package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const mapping = "apiVersion: portreeve.dev/v1alpha1\nkind: GatewayIdentity\nmetadata: {name: edge}\nspec: {uids: [101], namespace: edge}\n"

const unmapped = "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {name: p, namespace: edge}\nspec: {action: DENY, rules: [{to: [{operation: {paths: [/admin]}}]}]}\n"

// TestGatewayIdentitiesAreChecked holds what validate says of GatewayIdentity objects, in the directory or in a
// file apart.
func TestGatewayIdentitiesAreChecked(t *testing.T) {
	apart := newPolicyDir(t, map[string]string{"gateways.yaml": mapping, "empty.yaml": ""})
	file, empty, missing := filepath.Join(apart, "gateways.yaml"), filepath.Join(apart, "empty.yaml"), filepath.Join(apart, "missing.yaml")
	none, within := newPolicyDir(t, map[string]string{"p.yaml": unmapped}), newPolicyDir(t, map[string]string{"p.yaml": unmapped, "i.yaml": mapping})
	broken := newPolicyDir(t, map[string]string{"i.yaml": strings.Replace(mapping, "101", "-1", 1)})
	const note = "note: 1 GatewayIdentity objects: serve gives nothing then"
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"none":                  {[]string{none}, exitClean, ""},
		"in the directory":      {[]string{within}, exitClean, note},
		"in a file apart":       {[]string{none, "--gateways", file}, exitClean, note},
		"as JSON":               {[]string{none, "--gateways", file, "-o", "json"}, exitClean, note},
		"that is in it":         {[]string{apart, "--exclude", "empty.yaml", "--gateways", file}, exitClean, note},
		"in both":               {[]string{within, "--gateways", file}, exitFindings, "i.yaml:2:7: error PR1406: a GatewayIdentity stands outside of " + file},
		"broken":                {[]string{broken}, exitFindings, "i.yaml:4:15: error PR0204: spec.uids[0]"},
		"an empty file":         {[]string{none, "--gateways", empty}, exitFindings, empty + ":1:1: error PR0103"},
		"a directory":           {[]string{none, "--gateways", apart}, exitFindings, apart + ": error PR0101"},
		"a file that is not":    {[]string{none, "--gateways", missing}, exitUsage, "read the file of --mesh-config or --gateways: open " + missing},
		"the mesh's file":       {[]string{none, "--gateways", file, "--mesh-config", filepath.Join(apart, ".", "gateways.yaml")}, exitUsage, "--gateways and --mesh-config both name " + file},
		"policy in it":          {[]string{none, "--gateways", filepath.Join(none, "p.yaml")}, exitFindings, "p.yaml:2:7: error PR1406: the file of --gateways holds GatewayIdentity objects only"},
		"without objects in it": {[]string{within, "--gateways", empty}, exitFindings, "PR1406"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			code := run(t.Context(), append([]string{"validate"}, c.args...), &out, &errs)
			text := out.String() + errs.String()
			if code != c.code || !strings.Contains(text, c.want) || strings.Contains(text, "note:") != (c.want == note) {
				t.Errorf("exit %d, want %d and %q:\n%s", code, c.code, c.want, text)
			}
		})
	}
}

// TestTheExamplesOfTheDocumentationAreRight holds for those of GatewayIdentity.
func TestTheExamplesOfTheDocumentationAreRight(t *testing.T) {
	page, err := os.ReadFile("../../docs/resources.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## GatewayIdentity\n")
	section, _, _ = strings.Cut(section, "\n## ")
	files := map[string]string{}
	for _, block := range strings.Split(section, "\n```yaml\n")[1:] {
		text, _, _ := strings.Cut(block, "\n```\n")
		files[string(rune('a'+len(files)))+".yaml"] = text + "\n"
	}
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"validate", newPolicyDir(t, files)}, &out, &errs); code != exitClean || !strings.Contains(errs.String(), "note: 3 GatewayIdentity objects") {
		t.Errorf("exit %d:\n%s%s", code, out.String(), errs.String())
	}
}
