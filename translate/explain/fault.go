package explain

import (
	"fmt"
	"strconv"

	faultv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/explain/route"
	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// fault is what a route does to some of its requests.
type fault struct {
	aborts share
	reply  traffic.Reply
	// delay is what is said of a delay, empty where there is none.
	delay string
}

// share is a share of requests; which of them, Envoy decides by chance.
type share float64

func shareOf(p *typev3.FractionalPercent) share {
	of := map[typev3.FractionalPercent_DenominatorType]float64{
		typev3.FractionalPercent_HUNDRED: 100, typev3.FractionalPercent_TEN_THOUSAND: 10_000, typev3.FractionalPercent_MILLION: 1_000_000,
	}
	return share(float64(p.GetNumerator()) / of[p.GetDenominator()])
}

// condition is whether a request is among them.
func (s share) condition(fact string) traffic.Condition {
	switch {
	case s <= 0:
		return traffic.Known(false)
	case s >= 1:
		return traffic.Known(true)
	default:
		return traffic.DependsOn(fact)
	}
}

// faults is the filter that answers or delays requests as their route says.
func (b *builder) faults(name string, table *route.Table) (filter, error) {
	ready, err := perRoute(b, table, name, newFault)
	return func(w *walk) {
		for i, c := range w.chosen {
			told, _ := c.Filter(name)
			f, ok := ready[told.Config]
			if !ok || told.Disabled {
				continue
			}
			when := w.taken(i)
			if f.delay != "" && !when.Fails() {
				w.notLookedAt(f.delay)
			}
			aborts := when.And(f.aborts.condition("fault of route " + routeName(c)))
			w.filtered(aborts, end{verdict: Answered, reply: f.reply, reason: w.routeFinding(when, c)})
		}
	}, err
}

// perRoute makes ready what routes tell a filter.
func perRoute[C proto.Message, T any](b *builder, table *route.Table, filter string, ready func(C) (T, error)) (map[*anypb.Any]T, error) {
	out := map[*anypb.Any]T{}
	err := table.EachFilter(func(name string, config *anypb.Any) error {
		if name != filter {
			return nil
		}
		m, err := b.unpack(name, config)
		if err != nil {
			return err
		}
		c, ok := m.(C)
		if !ok {
			return notUnderstood("filter "+name, m)
		}
		out[config], err = ready(c)
		return err
	})
	return out, err
}

func newFault(c *faultv3.HTTPFault) (fault, error) {
	out := fault{
		aborts: shareOf(c.GetAbort().GetPercentage()),
		reply:  traffic.Reply{Status: c.GetAbort().GetHttpStatus(), Body: "fault filter abort", Details: "fault_filter_abort", Flags: "FI"},
	}
	if status, ok := c.GetAbort().GetErrorType().(*faultv3.FaultAbort_GrpcStatus); ok {
		out.reply.Status = 200
		out.reply.Headers = []traffic.Header{{Name: grpcStatus, Value: strconv.FormatUint(uint64(status.GrpcStatus), 10)}}
	}
	if d := c.GetDelay(); shareOf(d.GetPercentage()) > 0 {
		out.delay = fmt.Sprintf("the delay of %s for %g %% of the route's requests", d.GetFixedDelay().AsDuration(), float64(100*shareOf(d.GetPercentage())))
	}
	return out, nil
}
