package resource

import "strings"

// RequestPrincipal is a value of requestPrincipals or request.auth.principal, taken apart.
type RequestPrincipal struct {
	Issuer, Subject string
	// Slash says that the value has a slash. Without one all of it is the issuer.
	Slash bool
}

// ReadRequestPrincipal takes a value apart as Istio does: at its last slash.
func ReadRequestPrincipal(v string) RequestPrincipal {
	cut := strings.LastIndexByte(v, '/')
	if cut < 0 {
		return RequestPrincipal{Issuer: v}
	}
	return RequestPrincipal{Issuer: v[:cut], Subject: v[cut+1:], Slash: true}
}

// InAddress reports a value that is cut in the middle of an address, so that no token has its
// issuer: https://issuer.example was meant as a whole.
func (p RequestPrincipal) InAddress() bool { return p.Issuer == "https:/" || p.Issuer == "http:/" }
