package envoy

import (
	"bytes"
	"maps"
	"slices"
	"sync"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterchainv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/filter_chain/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/envoy/match"
	"github.com/portreeve/portreeve/translate/policy"
)

// Known remembers what filters of policy were packed to, by their messages, which are immutable: a filter whose
// Config is the same message is the same Any, of rules that are the same messages the encoding is taken, and a
// resource of which nothing changed is the same message. It changes how long Render takes and never what it returns.
// Its zero value knows nothing. It is safe for concurrent use.
type Known struct {
	mu sync.Mutex
	// now was packed, or found in before, by this value; before by the one that it follows.
	now, before packs
}

// packs are what was packed.
type packs struct {
	filters map[string][]*packed
	chains  []chain
}

// packed is one filter. Of several gateways, filters of one name are others.
type packed struct {
	config    proto.Message
	any       *anypb.Any
	rules     map[protoreflect.Name]*packedRules
	extension *corev3.TypedExtensionConfig
}

// chain is filters that are one extension config.
type chain struct {
	of        []*corev3.TypedExtensionConfig
	extension *corev3.TypedExtensionConfig
}

// Next returns a value for what is rendered after this: it knows what this one came across, and forgets
// what it does not come across itself when it is followed. What follows nil knows nothing.
func (k *Known) Next() *Known {
	if k == nil {
		return &Known{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.now.filters) == 0 { // nothing was rendered, as where a program is refused: what was known is
		return &Known{before: k.before}
	}
	return &Known{before: packs{filters: maps.Clone(k.now.filters), chains: slices.Clip(k.now.chains)}}
}

// policyChain packs the filters into the one extension config of policy. It always has a
// default chain: without one Envoy lets every request pass.
func (k *Known) policyChain(filters []policy.Filter) *corev3.TypedExtensionConfig {
	if k == nil {
		k = &Known{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	of := make([]*corev3.TypedExtensionConfig, 0, len(filters))
	for _, f := range filters {
		of = append(of, k.pack(f).extension)
	}
	same := func(c chain) bool { return slices.Equal(c.of, of) }
	if i := slices.IndexFunc(k.now.chains, same); i >= 0 {
		return k.now.chains[i].extension
	}
	made := chain{of: of}
	if i := slices.IndexFunc(k.before.chains, same); i >= 0 {
		made = k.before.chains[i]
	} else {
		made.extension = extensionOf(PolicyFilter, match.Any(&filterchainv3.FilterChainConfig{DefaultFilterChain: &filterchainv3.FilterChain{Filters: of}}))
	}
	k.now.chains = append(k.now.chains, made)
	return made.extension
}

func extensionOf(name string, config *anypb.Any) *corev3.TypedExtensionConfig {
	return &corev3.TypedExtensionConfig{Name: name, TypedConfig: config}
}

// extensionConfigs packs filters, each by itself.
func (k *Known) extensionConfigs(filters []policy.Filter) []*corev3.TypedExtensionConfig {
	if k == nil {
		k = &Known{}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	out := make([]*corev3.TypedExtensionConfig, 0, len(filters))
	for _, f := range filters {
		out = append(out, k.pack(f).extension)
	}
	return out
}

// pack packs a filter. One that is packed to the same bytes as another of its name is that one.
func (k *Known) pack(f policy.Filter) *packed {
	now, before := k.now.filters[f.Name], k.before.filters[f.Name]
	is := func(p *packed) bool { return p.config == f.Config }
	if i := slices.IndexFunc(now, is); i >= 0 {
		return now[i]
	}
	var out *packed
	if i := slices.IndexFunc(before, is); i >= 0 {
		out = before[i]
	} else {
		out = packedOf(f, append(now[:len(now):len(now)], before...))
	}
	if k.now.filters == nil {
		k.now.filters = map[string][]*packed{}
	}
	k.now.filters[f.Name] = append(now, out)
	return out
}

// packedOf packs a filter, and takes from others of its name what they have in common.
func packedOf(f policy.Filter, others []*packed) *packed {
	out := &packed{config: f.Config, rules: map[protoreflect.Name]*packedRules{}}
	out.any = out.packRules(others)
	if i := slices.IndexFunc(others, func(p *packed) bool {
		return p.any.GetTypeUrl() == out.any.GetTypeUrl() && bytes.Equal(p.any.GetValue(), out.any.GetValue())
	}); i >= 0 {
		out.any, out.extension = others[i].any, others[i].extension
		return out
	}
	out.extension = extensionOf(f.Name, out.any)
	return out
}
