package optimize

import (
	"sync"

	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
)

// knownTokens remembers what rules made of filters that verify tokens, by their messages, so that one that no edit touches
// stays the same message. It holds what the last two programs came across.
type knownTokens struct {
	mu          sync.Mutex
	turn        uint64
	now, before map[tokenForm]*jwtauthnv3.JwtAuthentication
}

// tokenForm is what is remembered: a filter, and by which rule with which number it is rewritten.
type tokenForm struct {
	of     *jwtauthnv3.JwtAuthentication
	rule   string
	number int
}

// of returns what is remembered, or else what is made, which is remembered.
func (k *knownTokens) of(turn uint64, form tokenForm, rewrite func(*jwtauthnv3.JwtAuthentication) *jwtauthnv3.JwtAuthentication) *jwtauthnv3.JwtAuthentication {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.turn < turn || k.now == nil {
		k.turn, k.before, k.now = turn, k.now, map[tokenForm]*jwtauthnv3.JwtAuthentication{}
	}
	out, there := k.now[form]
	if !there {
		out, there = k.before[form]
	}
	if !there {
		out = rewrite(form.of)
	}
	k.now[form] = out
	return out
}
