package server_test

import (
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/portreeve/portreeve/xds/ack"
	"github.com/portreeve/portreeve/xds/server"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// An Envoy that would ignore parts of the policy gets nothing and is told why, unless it was
// allowed; a newer one is served. Either is a warning, and its release stands in the record.
func TestAGatewaysEnvoy(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		for name, c := range map[string]struct {
			release       *corev3.Node_UserAgentBuildVersion
			refused       string
			shown, warned string
		}{
			"unknown": {refused: "does not say which Envoy", warned: "may ignore parts"},
			"older":   {release: numbered(1, 38, 3), refused: "1.38.3, want 1.39.0", shown: "1.38.3", warned: "may ignore parts"},
			"tested":  {release: tested(), shown: "1.40.0"},
			"newer":   {release: numbered(1, 99, 0), shown: "1.99.0", warned: "newer than those that were tested"},
		} {
			for _, allowed := range []bool{false, true} {
				t.Run(name+map[bool]string{true: " but allowed"}[allowed], func(t *testing.T) {
					n, g := envoyNode(t, "edge")
					n.UserAgentVersionType = nil
					if c.release != nil {
						n.UserAgentVersionType = c.release
					}
					r := startWith(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)}, func(o *server.Options) { o.AllowUntestedEnvoy = allowed })
					client := r.dial(p, n)
					client.ask(lds)
					if c.refused != "" && !allowed {
						err := client.failure()
						if status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), c.refused) || !strings.Contains(err.Error(), "--allow-untested-envoy") {
							t.Errorf("the stream ended with %v", err)
						}
						if len(r.acks.Gateways()) != 0 || len(r.fleet.calls) != 0 {
							t.Error("the fleet was told of it")
						}
						return
					}
					if got := client.next(); got.short != "LDS" {
						t.Errorf("it was served %s", got.short)
					}
					if got := r.acks.Gateways()[0].Envoy; got != c.shown {
						t.Errorf("its Envoy is recorded as %q", got)
					}
					if log := r.log.String(); strings.Contains(log, "level=WARN") != (c.warned != "") || !strings.Contains(log, c.warned) {
						t.Errorf("the log is\n%s", log)
					}
				})
			}
		}
	})
}

// A stream must not become that of another Envoy after it was let in as one.
func TestAGatewaysEnvoyMustNotChange(t *testing.T) {
	protocols(t, func(t *testing.T, p ack.Protocol) {
		n, g := envoyNode(t, "edge")
		older, _ := envoyNode(t, "edge")
		older.UserAgentVersionType = numbered(1, 38, 3)
		r := start(t, map[string]*snapshot.Snapshot{g.Key: config{}.snapshot(t)})
		c := r.dial(p, n)
		c.ask(lds)
		c.next()
		c.present(older)
		c.ask(cds)
		if err := c.failure(); status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), "node changed") {
			t.Errorf("the stream ended with %v", err)
		}
	})
}
