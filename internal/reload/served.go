package reload

import (
	"sync"

	"github.com/portreeve/portreeve/translate/envoy"
)

// served is what groups that are connected are served, by key, for who asks for the configuration. It
// is apart from Reloader.mu, so that nobody waits for a reload.
type served struct{ byKey sync.Map }

func (s *served) keep(key string, r envoy.Resources) { s.byKey.Store(key, r) }

func (s *served) drop(key string) { s.byKey.Delete(key) }

// Serving returns what a group is served, and whether it is served anything. It never waits for a reload.
func (r *Reloader) Serving(key string) (envoy.Resources, bool) {
	resources, ok := r.fleet.served.byKey.Load(key)
	if !ok {
		return envoy.Resources{}, false
	}
	return resources.(envoy.Resources), true
}
