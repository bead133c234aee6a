package main

import "github.com/spf13/cobra"

// registerAdmin registers who reaches the admin interface.
func (s *serve) registerAdmin(c *cobra.Command) {
	f, a := c.Flags(), &s.options.Admin
	f.StringVar(&a.Address, "admin-address", "127.0.0.1:18001", "Address of /metrics, /healthz, /readyz and /debug. Without TLS, other machines are answered /healthz and /readyz alone.")
	f.StringArrayVar(&a.Hosts, "admin-host", nil, "Name by which clients may call /debug on loopback, beside loopback names and the address that is called; may be given several times.")
	f.StringVar(&a.Files.Certificate, "admin-tls-cert", "", "PEM file with the certificate of the admin interface, and what is between it and its authority. This and the other files are read again when they change.")
	f.StringVar(&a.Files.Key, "admin-tls-key", "", "PEM file with the key of --admin-tls-cert.")
	f.StringVar(&a.Files.Roles, "admin-roles", "", "YAML file that says which tokens, client certificates and OIDC groups are viewers or operators.")
	f.StringVar(&a.Files.Clients, "admin-client-ca", "", "PEM file with the certificate authorities of clients, whose certificates --admin-roles may name.")
	f.StringVar(&a.Files.Issuer, "admin-oidc-ca-file", "", "PEM file with certificate authorities to trust, beside the system's, when fetching the keys of the OIDC issuer in --admin-roles.")
	f.BoolVar(&a.MetricsOpen, "metrics-open", false, "Answer /metrics to everybody who reaches the admin address.")
	takes(c, "admin-address", anAddress(0))
	takes(c, "admin-host", given("NAME", nil))
	for _, file := range []string{"admin-tls-cert", "admin-tls-key", "admin-client-ca", "admin-oidc-ca-file"} {
		takes(c, file, aPEMFile())
	}
	takes(c, "admin-roles", aYAMLFile())
}
