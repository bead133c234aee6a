package reload

import (
	"context"
	"fmt"

	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"

	"github.com/portreeve/portreeve/translate/envoy"
	"github.com/portreeve/portreeve/xds/snapshot"
)

// Reread lets the gateways of a group read the files of secrets again that they have refused.
// The paths are written in another way that means the same. Secrets that are not files, or that
// the group is not served, are passed by.
func (r *Reloader) Reread(ctx context.Context, key string, names []string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.fleet.groups[key]
	served, ok := r.Serving(key)
	if g == nil || !g.connected || !ok {
		return nil
	}
	for _, name := range names {
		if g.respelled == nil {
			g.respelled = map[string]bool{}
		}
		g.respelled[name] = !g.respelled[name]
	}
	s, err := snapshot.New(g.spelled(served))
	if err != nil {
		return fmt.Errorf("read files of %s again: %w", key, err)
	}
	return r.fleet.publisher.Set(ctx, key, s)
}

// spelled returns the resources with the paths of secrets as the group is served them.
func (g *group) spelled(r envoy.Resources) envoy.Resources {
	if len(g.respelled) == 0 {
		return r
	}
	secrets := make([]*tlsv3.Secret, len(r.Secrets))
	for i, s := range r.Secrets {
		secrets[i] = s
		if g.respelled[s.GetName()] {
			secrets[i] = snapshot.Aliased(s, "/.")
		}
	}
	r.Secrets = secrets
	return r
}
