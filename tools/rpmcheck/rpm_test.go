// Package rpmcheck holds what a rpm package of Portreeve contains, by a reader of its own and without rpm.
package rpmcheck

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sassoftware/go-rpmutils"
)

// TestThePackageHoldsWhatItHasTo holds owners, modes and flags of files, and scripts, of the package that $RPM names.
func TestThePackageHoldsWhatItHasTo(t *testing.T) {
	path := os.Getenv("RPM")
	if path == "" {
		t.Skip("SKIPPED, NOT PASSED: RPM names no package; `make release-check` runs this")
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	rpm, err := rpmutils.ReadRpm(file)
	if err != nil {
		t.Fatal(err)
	}
	files(t, rpm)
	scripts(t, rpm)
}

// configuration is the flag of a file that an upgrade leaves as the administrator has it (%config(noreplace)).
const configuration = 1<<0 | 1<<4

func files(t *testing.T, rpm *rpmutils.Rpm) {
	t.Helper()
	all, err := rpm.Header.GetFiles()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, f := range all {
		got[f.Name()] = fmt.Sprintf("%s:%s %o", f.UserName(), f.GroupName(), f.Mode()&0o7777)
		if f.Flags()&configuration == configuration {
			got[f.Name()] += " configuration"
		}
	}
	for name, want := range map[string]string{
		"/usr/bin/portreeve":                                  "root:root 755",
		"/usr/lib/portreeve/drain-gateway":                    "root:root 755",
		"/usr/lib/systemd/system/portreeve.service":           "root:root 644",
		"/usr/lib/systemd/system/portreeve-gateway@.service":  "root:root 644",
		"/etc/portreeve/policy":                               "root:portreeve 2750",
		"/etc/portreeve/policy/README":                        "root:root 644 configuration",
		"/etc/portreeve/portreeve.env":                        "root:root 644 configuration",
		"/etc/portreeve/gateway.env":                          "root:root 644 configuration",
		"/usr/share/man/man1/portreeve-serve.1.gz":            "root:root 644",
		"/usr/share/bash-completion/completions/portreeve":    "root:root 644",
		"/usr/share/zsh/site-functions/_portreeve":            "root:root 644",
		"/usr/share/fish/vendor_completions.d/portreeve.fish": "root:root 644",
		"/usr/share/doc/portreeve/copyright":                  "root:root 644",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

// scripts holds that the users are there before the files are, and that an upgrade restarts the plane alone.
func scripts(t *testing.T, rpm *rpmutils.Rpm) {
	t.Helper()
	for what, script := range map[string]struct {
		tag  int
		want string
	}{
		"before the installation": {rpmutils.PREIN, "user portreeve-gateway\n"},
		"before the removal":      {rpmutils.PREUN, "systemctl stop 'portreeve-gateway@*.service'"},
		"after an upgrade":        {rpmutils.POSTUN, "systemctl try-restart portreeve.service"},
	} {
		got, err := rpm.Header.GetString(script.tag)
		if err != nil || !strings.Contains(got, script.want) {
			t.Errorf("%s it runs %q, which has not %q: %v", what, got, script.want, err)
		}
	}
}
