package explain

import (
	"fmt"
	"strings"

	setfilterstatecommonv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/set_filter_state/v3"
	setfilterstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/set_filter_state/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// dynamicPort is the state that says to which port of a resolved name a request is sent: no rule sees it.
const dynamicPort = "envoy.upstream.dynamic_port"

// texts is the factory of states that are texts.
const texts = "envoy.string"

// filterState is the filter that leaves texts for those behind it, or has the route chosen again.
func filterState(c *setfilterstatev3.Config) (filter, error) {
	var values []leaving
	for _, v := range c.GetOnRequestHeaders() {
		if v.GetObjectKey() == dynamicPort {
			continue
		}
		value, err := leavingOf(v)
		if err != nil {
			return nil, fmt.Errorf("filter state %s: %w", v.GetObjectKey(), err)
		}
		values = append(values, value)
	}
	return func(w *walk) {
		for _, value := range values {
			value.leave(w.stream)
		}
		w.stream.RouteCleared = w.stream.RouteCleared || c.GetClearRouteCache()
	}, nil
}

// leaving is a text that is left under a name.
type leaving struct {
	key         string
	parts       []format
	skipIfEmpty bool
}

// leavingOf reads one. Names of Envoy's own would do more than be read by rules.
func leavingOf(v *setfilterstatecommonv3.FilterStateValue) (leaving, error) {
	source := v.GetFormatString().GetTextFormatSource()
	if strings.HasPrefix(v.GetObjectKey(), "envoy.") || v.GetFactoryKey() != texts || source == nil {
		return leaving{}, fmt.Errorf("%.200v is not understood", v)
	}
	missing := missingText
	if v.GetFormatString().GetOmitEmptyValues() {
		missing = ""
	}
	parts, err := formats(source.GetInlineString(), missing)
	return leaving{v.GetObjectKey(), parts, v.GetSkipIfEmpty()}, err
}

func (l *leaving) leave(s *traffic.Stream) {
	out := traffic.Text{}
	for _, part := range l.parts {
		text := part(s)
		out.Value, out.Unknown = out.Value+text.Value, out.Unknown || text.Unknown
	}
	if out.Value == "" && !out.Unknown && l.skipIfEmpty {
		return // what was there before stays
	}
	s.State[l.key] = out
}
