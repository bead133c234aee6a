// Package route chooses routes as Envoy's router does, and says what a route makes of a request.
package route

import (
	"errors"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// Table is a route configuration, made ready. It is immutable and safe for concurrent use.
type Table struct{}

// New makes a route configuration ready.
func New(config *routev3.RouteConfiguration) (*Table, error) { return nil, errors.New("not built yet") }

// Candidate is a route that a request may take.
type Candidate struct {
	// If says when, where no candidate before it is taken.
	If traffic.Condition
	// VirtualHost and Route are its message; both are nil where no route is taken.
	VirtualHost *routev3.VirtualHost
	Route       *routev3.Route
	// HostIndex and RouteIndex are its place in the configuration.
	HostIndex, RouteIndex int
}

// Choose returns the routes that the request may take, in order: one where all that decides is known.
func (t *Table) Choose(s *traffic.Stream) []Candidate { return nil }
