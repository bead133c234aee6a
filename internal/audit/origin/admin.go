package origin

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/portreeve/portreeve/internal/admin"
	"github.com/portreeve/portreeve/internal/admin/role"
	"github.com/portreeve/portreeve/internal/audit"
)

// RolesDetails are those of a file of roles that holds something else than before.
type RolesDetails struct {
	Files []string `json:"files"`
	// Count is how many grants are in force from now on, and InForce are the first hundred, operators first.
	Count   int            `json:"count"`
	InForce []GrantDetails `json:"inForce"`
}

// GrantDetails say who has a role of the admin interface.
type GrantDetails struct {
	// Kind is token, certificate or oidc.
	Kind string `json:"kind"`
	Name string `json:"name"`
	Role string `json:"role"`
}

// Admin returns the event of a change of the files by which the admin interface is served: who may see it, and its certificates.
func Admin(c role.Change) audit.Event {
	e := audit.Event{Type: audit.RolesChanged, Subject: c.Files[0], Outcome: audit.Success, Details: rolesDetails(c)}
	if c.Certificates != nil {
		e.Type, e.Details = audit.CertificateChanged, TLSDetails{Files: c.Files, InForce: namesOf(c.Certificates)}
	}
	files := strings.Join(c.Files, ", ")
	e.Message = "files of the admin interface changed, and what they hold is in force: " + files
	if c.Err != nil {
		e.Outcome = audit.Failure
		e.Message = fmt.Sprintf("files of the admin interface changed and cannot be taken, what they held before stays in force: %s", scrubbed(c.Err.Error()))
	}
	return e
}

func rolesDetails(c role.Change) RolesDetails {
	out := RolesDetails{Files: c.Files, Count: len(c.Grants)}
	for _, g := range c.Grants[:min(len(c.Grants), maxFew)] {
		out.InForce = append(out.InForce, GrantDetails{g.Kind, cut(g.Name), g.Role.String()})
	}
	return out
}

// AdminRefused says who was refused by the admin interface, which bounds how many are told.
func AdminRefused(r admin.Refusal) audit.Event {
	return audit.Event{
		Type: audit.AdminRefused, Subject: cmp.Or(r.Name, r.Address), Outcome: audit.Refused,
		Message: fmt.Sprintf("a request of %s for %s was refused: %s", r.Address, r.Path, r.Reason), Details: r,
	}
}
