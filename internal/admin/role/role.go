// Package role says who calls the admin interface, and what that may: by the certificate of a client, a bearer token whose
// hash stands in a file, or one of an OIDC provider.
package role
