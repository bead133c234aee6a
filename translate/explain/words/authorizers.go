package words

import (
	"fmt"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	extauthzv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_authz/v3"
	extauthznetworkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/ext_authz/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/portreeve/portreeve/translate/envoy"
)

// Authorizer is how long a gateway waits for an authorizer, and what becomes of a request about which it
// does not answer.
type Authorizer struct {
	// Filter is the name of the filter that asks it.
	Filter string
	// Timeout is 0 where none is set.
	Timeout time.Duration
	// FailsOpen says that a request passes then.
	FailsOpen bool
	// Status is what is answered otherwise; 0 is 403.
	Status int32
}

// Authorizers returns those that a gateway asks, in the order of its filters.
func Authorizers(r envoy.Resources) []Authorizer {
	var out []Authorizer
	envoy.EachFilter(r, func(name string, config proto.Message) {
		switch c := config.(type) {
		case *extauthzv3.ExtAuthz:
			a := Authorizer{Filter: name, FailsOpen: c.GetFailureModeAllow(), Status: int32(c.GetStatusOnError().GetCode()), Timeout: timeout(c.GetGrpcService())}
			if c.GetHttpService() != nil {
				a.Timeout = duration(c.GetHttpService().GetServerUri().GetTimeout())
			}
			out = append(out, a)
		case *extauthznetworkv3.ExtAuthz:
			out = append(out, Authorizer{Filter: name, FailsOpen: c.GetFailureModeAllow(), Timeout: timeout(c.GetGrpcService())})
		}
	})
	return out
}

func timeout(s *corev3.GrpcService) time.Duration { return duration(s.GetTimeout()) }

func duration(d *durationpb.Duration) time.Duration { return d.AsDuration() }

func (a Authorizer) text(provider string) string {
	wait := "without a bound"
	if a.Timeout > 0 {
		wait = "for " + a.Timeout.String()
	}
	failure := "is refused with 403"
	switch {
	case a.FailsOpen:
		failure = "passes (failOpen)"
	case a.Status != 0:
		failure = fmt.Sprintf("is refused with %d", a.Status)
	}
	return fmt.Sprintf("the gateway waits %s for authorizer %s; a request about which it does not answer %s", wait, provider, failure)
}
