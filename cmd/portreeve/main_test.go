package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// TestExitCodesTellFindingsFromUsage holds that scripts can tell what a person has to mend in the files
// from a command line that cannot be run.
func TestExitCodesTellFindingsFromUsage(t *testing.T) {
	dir := newPolicyDir(t, map[string]string{"good.yaml": denial, "broken.yml": strings.Replace(strings.Replace(denial, "guard", "broken", 1), "action", "acton", 1)})
	good, broken := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "broken.yml")
	for name, c := range map[string]struct {
		args   []string
		code   int
		stdout string
	}{
		"clean":                     {[]string{"validate", "-o", "json", good}, exitClean, ""},
		"an error":                  {[]string{"validate", dir}, exitFindings, broken + `:6:3: error PR0203: spec has no field "acton" (did you mean action?)`},
		"an error, as JSON":         {[]string{"validate", "-o", "json", broken}, exitFindings, `"code": "PR0203"`},
		"render refuses":            {[]string{"render", "istio", broken}, exitFindings, "PR0203"},
		"render":                    {[]string{"render", "envoy", good}, exitClean, "extensionConfigs:"},
		"the codes":                 {[]string{"validate", "--list-codes"}, exitClean, "PR0101  error "},
		"the codes, as JSON":        {[]string{"validate", "--list-codes", "-o", "json"}, exitClean, `"code": "PR0101"`},
		"the codes of a file":       {[]string{"validate", "--list-codes", good}, exitUsage, ""},
		"nothing to validate":       {[]string{"validate"}, exitUsage, ""},
		"no such file":              {[]string{"validate", filepath.Join(dir, "none.yaml")}, exitUsage, ""},
		"no such verb":              {[]string{"rander"}, exitUsage, ""},
		"no such format":            {[]string{"validate", "-o", "xml", good}, exitUsage, ""},
		"serve without a directory": {[]string{"serve"}, exitUsage, ""},
		"serve on a missing one":    {[]string{"serve", "--config", filepath.Join(dir, "none"), "--xds-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"}, exitUsage, ""},
		"nobody to ask":             {[]string{"status", "--admin-address", "127.0.0.1:1"}, exitUsage, ""},
		"token":                     {[]string{"token", "-o", "json", "--issuer", "me"}, exitClean, `"token":`},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			if code := run(t.Context(), c.args, &out, &errs); code != c.code {
				t.Errorf("exit %d, want %d: %s%s", code, c.code, out.String(), errs.String())
			}
			if !strings.Contains(out.String(), c.stdout) {
				t.Errorf("standard output lacks %q:\n%s", c.stdout, out.String())
			}
			if c.code == exitUsage && (out.Len() > 0 || !strings.Contains(errs.String(), "portreeve: ")) {
				t.Errorf("want the reason on standard error only: %q, %q", out.String(), errs.String())
			}
		})
	}
}
