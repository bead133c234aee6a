package optimize

import (
	"slices"
	"strings"

	xdscorev3 "github.com/cncf/xds/go/xds/core/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	setfilterstatecommonv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/common/set_filter_state/v3"
	setfilterstatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/set_filter_state/v3"
	networkv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/matching/common_inputs/network/v3"

	"github.com/portreeve/portreeve/translate/policy"
)

// StateFilter is the name of the filter that sets the states of a request which match trees look at. It stands
// before the first of these.
const StateFilter = "portreeve.request_state"

// state is a text that match trees look at: what a format says of a request. It is not there where that is
// empty, or where any part of it is missing.
type state struct {
	key string
	// formats say what it is: the last of them that is there.
	formats []string
	// source makes the filter that has to stand before, where there is one.
	source func() policy.Filter
}

// pathState is the path without query and fragment, as rules see it: never what a client has put into
// x-envoy-original-path, which the format reads first where it is not told otherwise.
func pathState() *state { return &state{key: "portreeve.path", formats: []string{pathFormat}} }

const pathFormat = "%PATH(NQ:PATH)%"

// input looks at the state.
func (s *state) input() *xdscorev3.TypedExtensionConfig {
	return extension(&networkv3.FilterStateInput{Key: s.key})
}

// sets returns the filters that set states, each once, in the order of their keys.
func sets(states []*state) []policy.Filter {
	var out []policy.Filter
	slices.SortFunc(states, func(a, b *state) int { return strings.Compare(a.key, b.key) })
	config := &setfilterstatev3.Config{}
	for i, s := range states {
		if i > 0 && states[i-1].key == s.key {
			continue
		}
		if s.source != nil {
			out = append(out, s.source())
		}
		for _, format := range s.formats {
			config.OnRequestHeaders = append(config.OnRequestHeaders, s.set(format))
		}
	}
	return append(out, policy.Filter{Name: StateFilter, Config: config})
}

func (s *state) set(format string) *setfilterstatecommonv3.FilterStateValue {
	return &setfilterstatecommonv3.FilterStateValue{
		Key:        &setfilterstatecommonv3.FilterStateValue_ObjectKey{ObjectKey: s.key},
		FactoryKey: "envoy.string",
		Value: &setfilterstatecommonv3.FilterStateValue_FormatString{FormatString: &corev3.SubstitutionFormatString{
			Format:          &corev3.SubstitutionFormatString_TextFormatSource{TextFormatSource: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: format}}},
			OmitEmptyValues: true,
		}},
		SkipIfEmpty: true,
	}
}
