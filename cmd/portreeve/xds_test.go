package main

import (
	"bytes"
	"net"
	"path/filepath"
	"strings"
	"testing"
)

// TestServeRefusesHowGatewaysMustNotComeIn holds that what would be open to others, or contradicts itself, is exit code 2
// before anything starts, with a way out.
func TestServeRefusesHowGatewaysMustNotComeIn(t *testing.T) {
	dir := newPolicyDir(t, map[string]string{"guard.yaml": denial})
	taken, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	must(t, err)
	defer taken.Close()
	file := filepath.Join(dir, "guard.yaml")
	tls := []string{"--xds-tls-cert", file, "--xds-tls-key", file, "--xds-client-ca", file}
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"every address":              {[]string{"--xds-address", "0.0.0.0:0"}, "other machines may reach it"},
		"no host":                    {[]string{"--xds-address", ":0"}, "--xds-plaintext"},
		"every address of IPv6":      {[]string{"--xds-address", "[::]:0"}, "portreeve ca init"},
		"no address":                 {[]string{"--xds-address", "gateways"}, "want HOST:PORT, or unix:///PATH"},
		"a path as it is":            {[]string{"--xds-address", "/run/xds.sock"}, "unix:///PATH"},
		"a path without its root":    {[]string{"--xds-address", "unix:xds.sock"}, "unix:///PATH"},
		"a path that is too long":    {[]string{"--xds-address", "unix:///" + strings.Repeat("a", 107)}, "has 108 bytes, and the system takes at most 107"},
		"a socket that is in use":    {[]string{"--xds-address", "unix://" + taken.Addr().String()}, "another process listens there"},
		"a file as a socket":         {[]string{"--xds-address", "unix://" + file}, "file of another kind"},
		"a mode of no socket":        {[]string{"--xds-socket-mode", "0660"}, "--xds-address unix:///PATH"},
		"an owner of no socket":      {[]string{"--xds-socket-owner", "root"}, "--xds-address unix:///PATH"},
		"a mode that is none":        {[]string{"--xds-address", "unix:///tmp/x", "--xds-socket-mode", "rw"}, "octal"},
		"a group that is none":       {[]string{"--xds-address", "unix:///tmp/x", "--xds-socket-group", "no-such-group"}, "not known here"},
		"a certificate alone":        {tls[:2], "belong together"},
		"no authorities":             {tls[:4], "belong together"},
		"authorities alone":          {tls[4:], "belong together"},
		"a list without TLS":         {[]string{"--xds-client-crl", file}, "need --xds-tls-cert"},
		"serials without TLS":        {[]string{"--xds-revoked-serials", file}, "need --xds-tls-cert"},
		"TLS in plain text":          {append([]string{"--xds-plaintext"}, tls...), "contradict"},
		"files that are none of TLS": {tls, "guard.yaml"},
		"files that are not there":   {[]string{"--xds-tls-cert", "none.crt", "--xds-tls-key", file, "--xds-client-ca", file}, "none.crt: no such file"},
		"no trust domain":            {[]string{"--xds-trust-domain", "Example.COM"}, `"Example.COM"`},
		"an identity as one":         {[]string{"--xds-trust-domain", "spiffe://example.com/ns/a"}, "want its trust domain alone, example.com"},
		"no age":                     {[]string{"--xds-max-connection-age", "0s"}, "want 1s at least"},
		"an age before":              {[]string{"--xds-max-connection-age", "-1h"}, "want 1s at least"},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs bytes.Buffer
			args := append([]string{"serve", "--config", dir, "--xds-address", "127.0.0.1:0", "--admin-address", "127.0.0.1:0"}, c.args...)
			if code := run(t.Context(), args, &out, &errs); code != exitUsage || out.Len() > 0 {
				t.Errorf("exit %d, want %d: %s", code, exitUsage, out.String())
			}
			if last := errs.String()[strings.LastIndex(errs.String(), "portreeve: "):]; !strings.Contains(last, c.want) {
				t.Errorf("the reason lacks %q: %s", c.want, last)
			}
		})
	}
}
