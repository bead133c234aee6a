// Package snapshot turns the Envoy resources of a gateway into what the discovery server serves.
//
// A version is a hash of content. Equal resources in any order have equal versions, so replicas
// agree without talking, a restart pushes nothing, and an edit pushes only what it changed.
package snapshot

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/hashicorp/go-multierror"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/translate/envoy"
)

// Snapshot is what a gateway is served, in the form of the discovery library, and where each resource
// of it comes from.
type Snapshot struct {
	*cachev3.Snapshot
	traces map[string]Trace
	// lists are the resources by type, ordered by name, and made are those by what they are made of.
	lists map[string][]*delivered
	made  map[source]*delivered
	// keys reports whether anything in it holds a key.
	keys func() bool
	// Edited is when the edit was seen that it comes from; the zero time is that it comes from none. It is set before it is served.
	Edited time.Time
}

// Trace leads from the resources of a type, by the names that they are delivered with, to the places
// that they were written at. What it holds is shared and must not be written to.
type Trace = envoy.Trace

// Trace returns where the resources of a type come from.
func (s *Snapshot) Trace(url string) Trace { return s.traces[url] }

// Encoded returns a resource as it stands in a response, or nil where there is none of the name. It was
// made once for all snapshots that have the resource, and must not be written to.
func (s *Snapshot) Encoded(url, name string) *anypb.Any {
	list := s.lists[url]
	i, ok := slices.BinarySearchFunc(list, name, func(d *delivered, name string) int { return strings.Compare(d.name, name) })
	if !ok {
		return nil
	}
	return list[i].encoded
}

// HoldsKeys reports whether what is delivered holds a private or symmetric key or a password. It is found
// when it is asked first: only gateways that are served in plain text have to know.
func (s *Snapshot) HoldsKeys() bool { return s.keys() }

func (s *Snapshot) findKeys() bool {
	for _, list := range s.lists {
		if slices.ContainsFunc(list, func(d *delivered) bool { return d.holdsKey() }) {
			return true
		}
	}
	return false
}

// New returns the snapshot of a gateway's resources. It is complete and is never written to again,
// so any number of groups and goroutines may share it; it shares the resources, which are immutable.
//
// What is the same message in a snapshot that it is like, of this gateway before or of another one, is
// taken from there, and nothing is worked out of it again. That changes how long it takes and never
// what is returned.
//
// Every delivered type has a version, also without resources: in state-of-the-world an empty
// version equals what Envoy starts from, so it would never be answered. An extension config or
// secret that nothing refers to is left out: no Envoy asks for it.
//
// Endpoints have another name whenever their cluster is another; EndpointsOf has the one in r.
//
// An error is a fault of this program, never of a user: two resources of one name, a reference
// that leads nowhere, on which Envoy would wait with its listener closed, or a secret without
// authorities where peers are to be verified. No snapshot is better
// then: the gateway keeps the last good one.
func New(r envoy.Resources, like ...*Snapshot) (*Snapshot, error) {
	// The library would make the versions of the single resources itself, and marshal each once more.
	snap := &Snapshot{Snapshot: &cachev3.Snapshot{VersionMap: map[string]map[string]string{}}, traces: map[string]Trace{}, lists: map[string][]*delivered{}}
	m := &maker{like: slices.DeleteFunc(slices.Clone(like), func(s *Snapshot) bool { return s == nil }), made: map[source]*delivered{}}
	lists, err := m.lists(r)
	if err != nil {
		return nil, fmt.Errorf("build snapshot: %w", err)
	}
	var errs *multierror.Error
	for _, t := range Types() {
		if err := m.group(snap, t.URL, lists[t.URL]); err != nil {
			errs = multierror.Append(errs, fmt.Errorf("%s: %w", t.Short, err))
			continue
		}
		snap.traces[t.URL] = traceOf(t.URL, snap.VersionMap[t.URL], r.Trace)
	}
	if err := errs.ErrorOrNil(); err != nil {
		return nil, fmt.Errorf("build snapshot: %w", err)
	}
	if !slices.ContainsFunc(m.like, snap.refersAs) {
		if err := snap.Consistent(); err != nil {
			return nil, fmt.Errorf("check snapshot: %w", err)
		}
	}
	snap.made = m.made
	snap.keys = sync.OnceValue(snap.findKeys)
	return snap, nil
}

// refersAs reports whether another snapshot, which is consistent, has the same of all that refers to endpoints and
// routes, and the same of these.
func (s *Snapshot) refersAs(other *Snapshot) bool {
	return !slices.ContainsFunc([]string{resourcev3.ClusterType, resourcev3.EndpointType, resourcev3.ListenerType, resourcev3.RouteType}, func(url string) bool {
		return s.GetVersion(url) != other.GetVersion(url)
	})
}

// traceOf returns what of a trace is about the resources of a type, under the names that they are
// delivered with. Endpoints come from where their cluster does.
func traceOf(url string, delivered map[string]string, trace envoy.Trace) Trace {
	out := Trace{}
	for name := range delivered {
		of := name
		if url == resourcev3.EndpointType {
			of = EndpointsOf(name)
		}
		if rules, ok := trace[of]; ok {
			out[name] = rules
		}
	}
	return out
}

// group gives a snapshot the resources of one type, sorted by name, and the hash of their content as
// version, all together and each by itself.
func (m *maker) group(snap *Snapshot, url string, list []*delivered) error {
	slices.SortFunc(list, func(a, b *delivered) int { return cmp.Compare(a.name, b.name) })
	snap.lists[url] = list
	for _, s := range m.like {
		if slices.Equal(s.lists[url], list) {
			snap.lists[url], snap.Resources[cachev3.GetResponseType(url)], snap.VersionMap[url] = s.lists[url], s.Resources[cachev3.GetResponseType(url)], s.VersionMap[url]
			return nil
		}
	}
	hash := sha256.New()
	versions, resources := make(map[string]string, len(list)), make([]types.Resource, 0, len(list))
	for _, d := range list {
		if d.name == "" {
			return errors.New("a resource has no name")
		}
		if _, again := versions[d.name]; again {
			return fmt.Errorf("two resources have the name %q", d.name)
		}
		versions[d.name], resources = d.version, append(resources, d.resource)
		// All are of one length, and the name is part of what they are made of.
		hash.Write([]byte(d.version))
	}
	snap.Resources[cachev3.GetResponseType(url)] = cachev3.NewResources(hex.EncodeToString(hash.Sum(nil))[:16], resources)
	snap.VersionMap[url] = versions
	return nil
}
