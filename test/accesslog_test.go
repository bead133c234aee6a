package test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTheAccessLogSaysWhichRuleDenied holds that the log says which rule denied a request, and who
// sent it.
func TestTheAccessLogSaysWhichRuleDenied(t *testing.T) {
	for encoding, want := range map[string][]string{
		"TEXT": {`"GET /admin HTTP/1.1" 403`, "rbac_access_denied_matched_policy[ns[istio-system]-policy[admin]-rule[0]]", `"ns[istio-system]-policy[admin]-rule[0]"`, `"192.0.2.1,`},
		"JSON": {`"response_code":403`, `"response_code_details":"rbac_access_denied_matched_policy[ns[istio-system]-policy[admin]-rule[0]]"`, `"policy":"ns[istio-system]-policy[admin]-rule[0]"`},
	} {
		t.Run(encoding, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "access.log")
			e, address := meshGateway(t, fmt.Sprintf("accessLogFile: %s\naccessLogEncoding: %s\n", file, encoding), adminDenied)
			if status, _ := raw(t, address, "", "/admin", "X-Forwarded-For: 192.0.2.1"); status != http.StatusForbidden {
				t.Fatalf("/admin got %d", status)
			}
			e.Stop() // which writes the log out
			log, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range want {
				if !strings.Contains(string(log), text) {
					t.Errorf("the log lacks %s:\n%s", text, log)
				}
			}
		})
	}
}

// TestEnvoyLogsToTheStandardStreams holds that Envoy takes the standard streams and a format that
// needs an extension.
func TestEnvoyLogsToTheStandardStreams(t *testing.T) {
	const format = "denied %RESPONSE_CODE% %REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)% because"
	for _, stream := range []string{"/dev/stdout", "/dev/stderr"} {
		t.Run(filepath.Base(stream), func(t *testing.T) {
			e, address := meshGateway(t, fmt.Sprintf("accessLogFile: %s\naccessLogFormat: %q\n", stream, format), adminDenied)
			if status, _ := raw(t, address, "", "/admin?token=secret"); status != http.StatusForbidden {
				t.Fatalf("/admin got %d", status)
			}
			e.Stop()
			if want := "denied 403 /admin because"; !strings.Contains(e.Log(), want) {
				t.Errorf("the log lacks %q", want)
			}
		})
	}
}
