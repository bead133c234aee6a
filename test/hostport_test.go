package test

import (
	"net"
	"strings"
	"testing"
)

// hostPortRow is what a host gets under a rule: in our shape, and in Istio's.
type hostPortRow struct {
	host         string
	ours, istios int
}

// TestARefusedHostIsRefusedWithAPortToo holds that a rule which refuses sees a host also with a port
// behind it, or a colon alone, and that what is allowed or excepted is what is written: no spelling
// gets more.
func TestARefusedHostIsRefusedWithAPortToo(t *testing.T) {
	for name, c := range map[string]struct {
		policy string
		rows   []hostPortRow
	}{
		"DENY": {ruled("DENY", `[{to: [{operation: {hosts: [admin.example, "*.corp.example", "with.example:80"]}}]}]`), []hostPortRow{
			{"admin.example", 403, 403},
			{"admin.example:80", 403, 200},
			{"ADMIN.example:8443", 403, 200},
			{"admin.example:", 403, 200},
			{"admin.example.:80", 403, 200},
			{"a.corp.example", 403, 403},
			{"a.corp.example:80", 403, 200},
			{"A.Corp.example:", 403, 200},
			{"with.example:80", 403, 403},
			{"with.example:81", 200, 200},
			{"with.example", 200, 200},
			{"admin.example.org:80", 200, 200},
			{"corp.example:80", 200, 200},
			{"other.example:80", 200, 200},
		}},
		"DENY notHosts": {ruled("DENY", `[{to: [{operation: {notHosts: [shop.example]}}]}]`), []hostPortRow{
			{"shop.example", 200, 200},
			{"shop.example:80", 403, 403},
			{"shop.example:", 403, 403},
		}},
		"DENY hosts and notHosts": {ruled("DENY", `[{to: [{operation: {hosts: ["*.corp.example"], notHosts: [shop.corp.example]}}]}]`), []hostPortRow{
			{"shop.corp.example", 200, 200},
			{"shop.corp.example:80", 403, 200},
		}},
		"ALLOW": {ruled("ALLOW", `[{to: [{operation: {hosts: [shop.example, "*.corp.example"]}}]}]`), []hostPortRow{
			{"shop.example", 200, 200},
			{"shop.example:80", 403, 403},
			{"a.corp.example:80", 403, 403},
		}},
		"AUTH_IF_MATCHED": {strings.Replace(tutorial(t, "AUTH_IF_MATCHED", ""), "paths: []", `hosts: [admin.example, "*.corp.example"]`, 1), []hostPortRow{
			{"admin.example", 403, 403},
			{"admin.example:80", 403, 200},
			{"admin.example:", 403, 200},
			{"a.corp.example:80", 403, 200},
			{"other.example:80", 200, 200},
		}},
		"BYPASS_AUTH_IF_MATCHED": {strings.Replace(tutorial(t, "BYPASS_AUTH_IF_MATCHED", ""), "paths: []", `hosts: [shop.example]`, 1), []hostPortRow{
			{"shop.example", 200, 200},
			{"shop.example:80", 403, 403},
			{"shop.example:", 403, 403},
		}},
	} {
		for shape, run := range shapes() {
			t.Run(name+", "+shape, func(t *testing.T) {
				address := run(t, c.policy)
				for _, row := range c.rows {
					want := row.ours
					if shape != "ours" {
						want = row.istios
					}
					if got := hostStatus(t, address, row.host); got != want {
						t.Errorf("%s: %d, want %d", row.host, got, want)
					}
				}
			})
		}
	}
}

func hostStatus(t *testing.T, address, host string) int {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	must(t, err)
	status, _ := askAsWritten(t, conn, host)
	return status
}

// TestAnAuthorizerIsAskedAboutAHostWithAPort holds the same of CUSTOM. Nobody answers for the
// authorizer, so what it is asked about is refused.
func TestAnAuthorizerIsAskedAboutAHostWithAPort(t *testing.T) {
	const mesh = "extensionProviders: [{name: absent, envoyExtAuthzHttp: {service: absent.example, port: 80}}]\n"
	_, address := meshGateway(t, mesh, strings.Replace(ruled("CUSTOM", `[{to: [{operation: {hosts: [admin.example, "*.corp.example"]}}]}]`),
		"action: CUSTOM", "action: CUSTOM, provider: {name: absent}", 1))
	for host, want := range map[string]int{
		"admin.example": 403, "admin.example:80": 403, "admin.example:": 403, "a.corp.example:80": 403, "other.example:80": 200,
	} {
		if got := hostStatus(t, address, host); got != want {
			t.Errorf("%s: %d, want %d", host, got, want)
		}
	}
}
