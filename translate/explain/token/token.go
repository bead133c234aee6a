// Package token decides as Envoy's jwt_authn filter does.
package token

import (
	"errors"

	jwtauthnv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// Filter is a jwt_authn filter, made ready. It is immutable and safe for concurrent use.
type Filter struct{}

// New makes a filter ready; name is its name in the chain, by which its findings are told.
func New(name string, config *jwtauthnv3.JwtAuthentication) (*Filter, error) {
	return nil, errors.New("not built yet")
}

// Decide takes a request through the filter: headers and metadata are changed as Envoy changes them.
func (f *Filter) Decide(s *traffic.Stream) traffic.Effect { return traffic.Effect{} }
