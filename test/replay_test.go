package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/portreeve/portreeve/internal/envoytest"
	"github.com/portreeve/portreeve/internal/replay"
)

// TestAReplayAnswersAsEnvoyDoes holds for a log that a real Envoy wrote under one policy: against itself
// nothing changes, and against another policy every line whose fields decide gets what Envoy answers the same requests
// under that one.
func TestAReplayAnswersAsEnvoyDoes(t *testing.T) {
	for form, mesh := range map[string]string{
		"text": "accessLogEncoding: TEXT\n", "JSON": "accessLogEncoding: JSON\n", "fuller": "accessLogEncoding: JSON\naccessLogFormat: '" + fullerLog + "'\n",
	} {
		t.Run(form, func(t *testing.T) {
			envoytest.Require(t)
			log := filepath.Join(t.TempDir(), "access.log")
			s := newReplayScene(t, fmt.Sprintf("accessLogFile: %s\ndefaultConfig: {gatewayTopology: {numTrustedProxies: 1}}\n%s", log, mesh))
			s.fuller = form == "fuller"
			requests := s.requests(replayed())
			before := s.answers(t, s.old, requests)
			written := readFile(t, log)
			must(t, os.Rename(log, log+".old"))
			after := s.answers(t, s.new, requests)

			for i, o := range s.replay(t, log+".old", s.old, exitClean) {
				if o.Result != replay.Unchanged {
					t.Fatalf("OLD OLD: line %d is %s: %+v\n%s", i+1, o.Result, o, logLine(written, i))
				}
			}
			open, changed := 0, 0
			for i, o := range s.replay(t, log+".old", s.new, exitFindings) {
				same := before[i] == after[i]
				switch {
				case o.Result == replay.Depends && !requests[i].unlogged:
					t.Fatalf("line %d depends on %q, and all that decides is logged: %s\n%s", i+1, o.DependsOn, requests[i], logLine(written, i))
				case o.Result == replay.Depends:
					open++
				case same != (o.Result == replay.Unchanged) || decided(o.To) && statusIn(o.To) != after[i]:
					t.Fatalf("line %d: %+v, and Envoy answers %d in place of %d: %s\n%s", i+1, o, after[i], before[i], requests[i], logLine(written, i))
				case !same:
					changed++
				}
			}
			t.Logf("%d requests: %d get another answer, of %d it depends", len(requests), changed, open)
			if changed < len(requests)/20 || open > len(requests)/4 {
				t.Errorf("of %d requests %d change and %d depend: the scene shows nothing", len(requests), changed, open)
			}
			if strings.Contains(written, "eyJ") != s.fuller {
				t.Error("a token is in the log")
			}
		})
	}
}

// replayed is how many requests a log has: 100,000 in `make soak`.
func replayed() int {
	if os.Getenv("PORTREEVE_SOAK") == "1" {
		return 100_000
	}
	return 3000
}

func logLine(log string, i int) string { return strings.Split(log, "\n")[i] }

// decided reports whether an answer says its status.
func decided(answer string) bool { return answer == "allowed" || strings.Contains(answer, " ") }

// statusIn is the status in an answer such as `denied 403`; a backend answers 200.
func statusIn(answer string) int {
	status := http.StatusOK
	_, number, _ := strings.Cut(answer, " ")
	_, _ = fmt.Sscan(number, &status)
	return status
}

// replayScene is a gateway with two policies.
type replayScene struct {
	port           int
	mesh, old, new string
	alice, bob     string
	foreign        string
	// fuller says that the log has the query, claims and a header.
	fuller bool
}

// fullerLog is the fuller format of the documentation.
const fullerLog = `{"start_time": "%START_TIME%", "method": "%REQ(:METHOD)%", "path": "%PATH(WQ:ORIG_OR_PATH)%", "protocol": "%PROTOCOL%",` +
	` "authority": "%REQ(X-ENVOY-ORIGINAL-HOST?:AUTHORITY)%", "response_code": "%RESPONSE_CODE%", "response_code_details": "%RESPONSE_CODE_DETAILS%",` +
	` "x_forwarded_for": "%REQ(X-FORWARDED-FOR)%", "downstream_local_address": "%DOWNSTREAM_LOCAL_ADDRESS%",` +
	` "downstream_direct_remote_address": "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS%", "authorization_sent": "%REQ(AUTHORIZATION):0%",` +
	` "downstream_tls_version": "%DOWNSTREAM_TLS_VERSION%", "requested_server_name": "%REQUESTED_SERVER_NAME%",` +
	` "token_issuer": "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload:iss)%",` +
	` "token_claims": "%DYNAMIC_METADATA(envoy.filters.http.jwt_authn:payload)%", "x_canary": "%REQ(X-CANARY)%"}`

const replayIssuer = "https://issuer.example"

func newReplayScene(t *testing.T, mesh string) *replayScene {
	t.Helper()
	key := newSigningKey(t)
	s := &replayScene{port: envoytest.FreePort(t), mesh: meshFile(t, mesh)}
	s.alice = key.token(t, replayIssuer, map[string]any{"sub": "alice"})
	s.bob = key.token(t, replayIssuer, map[string]any{"sub": "bob"})
	s.foreign = key.token(t, "https://elsewhere.example", nil)
	route, keys := routing(s.port, envoytest.RunBackend(t).Port()), fmt.Sprintf(`---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: istio-system}
spec:
  jwtRules:
  - issuer: %s
    jwks: '%s'
`, replayIssuer, keySet(t, key))
	s.old = newPolicyDir(t, map[string]string{"policy.yaml": route + keys + replayPolicy("/admin*", "[GET, POST, DELETE]", replayIssuer+"/*", "192.0.2.0/24")})
	s.new = newPolicyDir(t, map[string]string{"policy.yaml": route + keys + replayPolicy("/admin/secret", "[GET, POST]", replayIssuer+"/alice", "203.0.113.0/24")})
	return s
}

// replayPolicy denies a path and addresses, and allows what is public, what carries a header and, with
// methods, what carries a token.
func replayPolicy(denied, methods, principal, blocked string) string {
	return fmt.Sprintf(`---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: closed, namespace: istio-system}
spec:
  action: DENY
  rules:
  - to: [{operation: {paths: ["%s"]}}]
  - from: [{source: {remoteIpBlocks: [%s]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: open, namespace: istio-system}
spec:
  action: ALLOW
  rules:
  - to: [{operation: {paths: [/public*, /admin*], methods: %s}}]
  - to: [{operation: {paths: [/api/*]}}]
    from: [{source: {requestPrincipals: ["%s"]}}]
  - to: [{operation: {paths: [/canary]}}]
    when: [{key: "request.headers[x-canary]", values: ["%s"]}]
`, denied, blocked, methods, principal, denied)
}

// replayRequest is one request; unlogged says that the log may lack what decides about it.
type replayRequest struct {
	method, path string
	header       map[string]string
	unlogged     bool
}

func (r replayRequest) String() string { return r.method + " " + r.path }

// requests returns the same mixture every time.
func (s *replayScene) requests(n int) []replayRequest {
	random := rand.New(rand.NewPCG(1, 1))
	pick := func(from ...string) string { return from[random.IntN(len(from))] }
	out := make([]replayRequest, 0, n)
	for range n {
		r := replayRequest{
			method: pick("GET", "POST", "DELETE"), header: map[string]string{},
			path: pick("/public", "/public/a", "/admin", "/admin/secret", "/api/x", "/api/../admin", "/other", "/canary", "//public"),
		}
		if chain := pick("", "", "198.51.100.7", "203.0.113.9", "192.0.2.1", "203.0.113.9, 198.51.100.7"); chain != "" {
			r.header["X-Forwarded-For"] = chain
		}
		if r.path == "/canary" {
			r.header["X-Canary"], r.unlogged = pick("/admin*", "/admin/secret", "no"), !s.fuller
		}
		switch token := pick("", "", s.alice, s.bob, s.foreign); {
		case token == "":
		case random.IntN(5) == 0:
			r.path += "?access_token=" + token
			r.unlogged = !s.fuller
		default:
			r.header["Authorization"] = "Bearer " + token
			r.unlogged = r.unlogged || token == s.foreign
		}
		if !strings.Contains(r.path, "?") && random.IntN(10) == 0 {
			r.path += "?page=1"
		}
		out = append(out, r)
	}
	return out
}

// answers runs a gateway and returns the status of each answer.
func (s *replayScene) answers(t *testing.T, dir string, requests []replayRequest) []int {
	t.Helper()
	var bootstrap, errs bytes.Buffer
	args := []string{"render", "envoy", "--static", "--envoy-admin-address", "127.0.0.1:0", "--mesh-config", s.mesh, dir}
	if code := run(t.Context(), args, &bootstrap, &errs); code != exitClean {
		t.Fatalf("exit %d: %s%s", code, bootstrap.String(), errs.String())
	}
	e := envoytest.Run(t, envoytest.Options{Bootstrap: bootstrap.Bytes()})
	address := fmt.Sprintf("127.0.0.1:%d", s.port)
	e.MustListener(t, "127.0.0.1_"+fmt.Sprint(s.port))
	client := dial(t, address)
	out := make([]int, 0, len(requests))
	for _, r := range requests {
		request, err := http.NewRequestWithContext(t.Context(), r.method, "http://"+address+r.path, http.NoBody)
		must(t, err)
		for name, value := range r.header {
			request.Header.Set(name, value)
		}
		answer, err := client.Do(request)
		if err != nil {
			t.Fatalf("%s: %v", r, err)
		}
		out = append(out, answer.Status)
	}
	e.Stop() // which writes the log out
	return out
}

// replay runs the verb, and returns what it found of each line.
func (s *replayScene) replay(t *testing.T, log, dir string, want int) []replay.Outcome {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"replay", log, s.old, dir, "--mesh-config", s.mesh, "-o", "lines"}, &out, &errs); code != want {
		t.Fatalf("exit %d: %s%s", code, out.String(), errs.String())
	}
	var all []replay.Outcome
	for d := json.NewDecoder(&out); d.More(); {
		var o replay.Outcome
		must(t, d.Decode(&o))
		all = append(all, o)
	}
	return all
}
