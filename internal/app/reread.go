package app

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"

	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"

	"github.com/portreeve/portreeve/xds/ack"
)

// spelling is what stands for one slash in a path that is written in another way.
var spelling = regexp.MustCompile(`/(\./|/)+`)

// reread is how often files that gateways could not use are tried again.
const reread = 5 * time.Second

// refusedSecrets are the secrets that gateways have refused, by group.
type refusedSecrets struct {
	mu sync.Mutex
	// due are to be tried again.
	due map[string]map[string]bool
	// told is what was last said of a gateway's secret.
	told map[[2]string]string
}

// note takes in an event. It reports whether a refusal is one that was told of before and that
// stands since.
func (r *refusedSecrets) note(e ack.Event) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case e.Kind == ack.Disconnected:
		maps.DeleteFunc(r.told, func(k [2]string, _ string) bool { return k[0] == e.Peer.Node })
	case e.URL != resourcev3.SecretType:
	case e.Kind == ack.ResponseAccepted:
		for _, name := range e.Resources {
			delete(r.told, [2]string{e.Peer.Node, name})
		}
	case e.Kind == ack.ResponseRefused:
		return r.refused(e)
	}
	return false
}

func (r *refusedSecrets) refused(e ack.Event) bool {
	// A path is written in several ways by turns.
	message := spelling.ReplaceAllString(e.Refusal.Message, "/")
	if len(e.Resources) != 1 {
		// The bad one is found out when each is sent alone.
		return slices.ContainsFunc(e.Resources, func(name string) bool { return r.told[[2]string{e.Peer.Node, name}] == message })
	}
	name := e.Resources[0]
	if r.due[e.Peer.Group] == nil {
		r.due[e.Peer.Group] = map[string]bool{}
	}
	r.due[e.Peer.Group][name] = true
	key := [2]string{e.Peer.Node, name}
	before, told := r.told[key]
	r.told[key] = message
	return told && before == message
}

// take returns the names that are due, by group, and forgets them.
func (r *refusedSecrets) take() map[string][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := map[string][]string{}
	for group, names := range r.due {
		out[group] = slices.Sorted(maps.Keys(names))
	}
	clear(r.due)
	return out
}

// reread lets gateways try files again that they could not use.
func (a *App) reread(ctx context.Context) {
	for group, names := range a.refused.take() {
		a.publishing(a.reloader.Reread(ctx, group, names))
	}
}
