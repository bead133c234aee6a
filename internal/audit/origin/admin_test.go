package origin_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/portreeve/portreeve/internal/admin/role"
	"github.com/portreeve/portreeve/internal/audit"
	"github.com/portreeve/portreeve/internal/audit/origin"
)

// TestAChangeOfTheAdminInterfaceIsTold holds what is told of its files: who has a role from then on, within bounds, which
// certificates are in force, or why all stays as it was.
func TestAChangeOfTheAdminInterfaceIsTold(t *testing.T) {
	roles := role.Change{Files: []string{"roles.yaml"}, Grants: []role.Grant{{Kind: "token", Name: "ada", Role: role.Operator}, {Kind: "oidc", Name: "https://a groups=dev", Role: role.Viewer}}}
	e := origin.Admin(roles)
	want := origin.RolesDetails{Files: []string{"roles.yaml"}, Count: 2, InForce: []origin.GrantDetails{{"token", "ada", "operator"}, {"oidc", "https://a groups=dev", "viewer"}}}
	if diff := cmp.Diff(want, e.Details); diff != "" || e.Type != audit.RolesChanged || e.Outcome != audit.Success || e.Subject != "roles.yaml" {
		t.Errorf("it is %+v (-want +got):\n%s", e, diff)
	}
	roles.Err = errors.New("line 3: no such role")
	if e := origin.Admin(roles); e.Type != audit.RolesChanged || e.Outcome != audit.Failure || !strings.Contains(e.Message, "line 3") {
		t.Errorf("of what cannot be taken it is %+v", e)
	}
	for i := range 1000 {
		roles.Grants = append(roles.Grants, role.Grant{Kind: "certificate", Name: fmt.Sprint(i, strings.Repeat("x", 1000)), Role: role.Viewer})
	}
	if d := origin.Admin(roles).Details.(origin.RolesDetails); d.Count != 1002 || len(d.InForce) != 100 || len(d.InForce[99].Name) > 300 {
		t.Errorf("%d of %d grants are named", len(d.InForce), d.Count)
	}
	own, _ := certificate(t)
	e = origin.Admin(role.Change{Files: []string{"tls.crt", "tls.key"}, Certificates: []*x509.Certificate{own}})
	if d, ok := e.Details.(origin.TLSDetails); !ok || e.Type != audit.CertificateChanged || e.Subject != "tls.crt" || d.InForce[0].Serial != "ff" {
		t.Errorf("a certificate is %+v", e)
	}
}
