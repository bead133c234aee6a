package reload

import (
	"sync"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/translate/model"
)

// served is what groups that are connected are served, by key, for who asks for the configuration. It
// is apart from Reloader.mu, so that nobody waits for a reload.
type served struct{ byKey sync.Map }

// config is what a group is served, and what it comes from.
type config struct {
	resources  envoy.Resources
	generation *Generation
	gateway    model.Gateway
}

func (s *served) keep(key string, c config) { s.byKey.Store(key, c) }

func (s *served) drop(key string) { s.byKey.Delete(key) }

// Serving returns what a group is served, the same policy rule by rule and with a trace that leads to the conditions of
// rules too, and whether it is served anything. It never waits for a reload, and takes as long as rendering.
func (r *Reloader) Serving(key string) (served, told envoy.Resources, ok bool) {
	kept, ok := r.fleet.served.byKey.Load(key)
	if !ok {
		return served, told, false
	}
	c := kept.(config)
	told = c.resources
	if traced, refused := c.generation.Program.Unoptimized().WithConditions().For(c.gateway); len(refused) == 0 {
		told.ExtensionConfigs, told.Trace = traced.ExtensionConfigs, traced.Trace
	}
	return c.resources, told, true
}
