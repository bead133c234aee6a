// Package role says who calls the admin interface, and what that may: by the certificate of a client, a bearer token whose
// hash stands in a file, or one of an OIDC provider.
//
// It fails closed: what is not known to be right is nobody's. What files hold that cannot be taken leaves in force what they
// held before. No token is logged or shown, and no claim of one.
package role

import (
	"fmt"
	"net/http"
)

// Role is what a caller may. The zero value is nobody's; each may what those before it may.
type Role int

// The roles.
const (
	// Nobody may see only what is open.
	Nobody Role = iota
	// Viewer may see what there is: metrics, status, configuration.
	Viewer
	// Operator may also look into the process.
	Operator
)

// Parse reads the name of a role. Nobody has none.
func Parse(name string) (Role, error) {
	for _, r := range []Role{Viewer, Operator} {
		if r.String() == name {
			return r, nil
		}
	}
	return Nobody, fmt.Errorf("want the role %s or %s", Viewer, Operator)
}

// String returns the name of a role.
func (r Role) String() string {
	switch r {
	case Viewer:
		return "viewer"
	case Operator:
		return "operator"
	default:
		return "nobody"
	}
}

// Caller is who calls.
type Caller struct {
	Role Role
	// Name is what the file of roles calls it, or the issuer of its token; empty is nobody.
	Name string
}

// Reason says in a word why a caller is refused. It is a label of a metric: there are few.
type Reason string

// The reasons.
const (
	// NoCredentials: none are shown, where some are wanted.
	NoCredentials Reason = "credentials"
	// BadToken and ExpiredToken are those of a bearer token.
	BadToken     Reason = "token"
	ExpiredToken Reason = "expired"
	// BadCertificate: it is of no authority of clients, is not valid, or the file of roles does not name it.
	BadCertificate Reason = "certificate"
	// TooMany: the address has shown too many wrong credentials.
	TooMany Reason = "attempts"
	// Busy: others wait for their token to be verified. NoKeys: those of the issuer are not known.
	Busy   Reason = "busy"
	NoKeys Reason = "issuer"
)

// Refusal is why credentials do not count. It says nothing of what was shown.
type Refusal struct {
	Reason Reason
	// Status is that of the answer.
	Status  int
	Message string
}

// The refusals, as they are told to who is refused.
func noCredentials() *Refusal {
	return &Refusal{NoCredentials, http.StatusUnauthorized, "this page needs a bearer token or a client certificate"}
}

func badToken() *Refusal {
	return &Refusal{BadToken, http.StatusUnauthorized, "the bearer token is not valid here"}
}

func expiredToken() *Refusal {
	return &Refusal{ExpiredToken, http.StatusUnauthorized, "the bearer token has expired"}
}

func badCertificate() *Refusal {
	return &Refusal{BadCertificate, http.StatusUnauthorized, "the client certificate is not valid here, or has no role"}
}

func tooMany() *Refusal {
	return &Refusal{TooMany, http.StatusTooManyRequests, "too many wrong credentials from this address: try again in a minute"}
}

func busy() *Refusal {
	return &Refusal{Busy, http.StatusServiceUnavailable, "other tokens are being verified"}
}

func noKeys() *Refusal {
	return &Refusal{NoKeys, http.StatusServiceUnavailable, "the keys of the issuer of tokens are not known yet"}
}
