// Package snapshot turns the Envoy resources of a gateway into what the discovery server serves.
//
// A version is a hash of content. Equal resources in any order have equal versions, so replicas
// agree without talking, a restart pushes nothing, and an edit pushes only what it changed.
package snapshot

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/hashicorp/go-multierror"

	"github.com/portreeve/portreeve/translate/envoy"
)

// Snapshot is what a gateway is served, in the form of the discovery library, and where each resource
// of it comes from.
type Snapshot struct {
	*cachev3.Snapshot
	traces map[string]Trace
	// keys reports whether anything in it holds a key.
	keys func() bool
}

// Trace leads from the resources of a type, by the names that they are delivered with, to the places
// that they were written at. What it holds is shared and must not be written to.
type Trace = envoy.Trace

// Trace returns where the resources of a type come from.
func (s *Snapshot) Trace(url string) Trace { return s.traces[url] }

// HoldsKeys reports whether what is delivered holds a private or symmetric key or a password. It is found
// when it is asked first: only gateways that are served in plain text have to know.
func (s *Snapshot) HoldsKeys() bool { return s.keys() }

func (s *Snapshot) findKeys() bool {
	for _, list := range s.Resources {
		for _, item := range list.Items {
			if envoy.HoldsKey(item.Resource) {
				return true
			}
		}
	}
	return false
}

// New returns the snapshot of a gateway's resources. It is complete and is never written to again,
// so any number of groups and goroutines may share it; it shares the resources, which are immutable.
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
func New(r envoy.Resources) (*Snapshot, error) {
	var err error
	if r.Clusters, r.Endpoints, err = editions(r.Clusters, r.Endpoints); err != nil {
		return nil, fmt.Errorf("name endpoints: %w", err)
	}
	refs, err := referencesOf(r)
	if err != nil {
		return nil, fmt.Errorf("find references: %w", err)
	}
	var errs *multierror.Error
	// The library would make the versions of the single resources itself, and marshal each once more.
	snap := &Snapshot{Snapshot: &cachev3.Snapshot{VersionMap: map[string]map[string]string{}}, traces: map[string]Trace{}}
	lists := byType(r)
	for _, t := range Types() {
		url, list := t.URL, lists[t.URL]
		if wanted, ok := refs[url]; ok {
			list = slices.DeleteFunc(list, func(m types.Resource) bool { return wanted[cachev3.GetResourceName(m)] == "" })
			errs = multierror.Append(errs, dangling(wanted, list)...)
		}
		if url == resourcev3.SecretType {
			errs = multierror.Append(errs, unverifying(refs[authorities], list)...)
		}
		resources, versions, err := group(list)
		if err != nil {
			errs = multierror.Append(errs, fmt.Errorf("%s: %w", t.Short, err))
			continue
		}
		snap.Resources[cachev3.GetResponseType(url)], snap.VersionMap[url] = resources, versions
		snap.traces[url] = traceOf(url, versions, r.Trace)
	}
	if err := errs.ErrorOrNil(); err != nil {
		return nil, fmt.Errorf("build snapshot: %w", err)
	}
	if err := snap.Consistent(); err != nil {
		return nil, fmt.Errorf("check snapshot: %w", err)
	}
	snap.keys = sync.OnceValue(snap.findKeys)
	return snap, nil
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

// byType returns the resources by type URL, with an entry for every delivered type.
func byType(r envoy.Resources) map[string][]types.Resource {
	return map[string][]types.Resource{
		resourcev3.ClusterType:         resourcesOf(r.Clusters),
		resourcev3.EndpointType:        resourcesOf(r.Endpoints),
		resourcev3.ListenerType:        resourcesOf(r.Listeners),
		resourcev3.RouteType:           resourcesOf(r.Routes),
		resourcev3.ExtensionConfigType: resourcesOf(r.ExtensionConfigs),
		resourcev3.SecretType:          resourcesOf(r.Secrets),
	}
}

func resourcesOf[M types.Resource](list []M) []types.Resource {
	out := make([]types.Resource, len(list))
	for i, m := range list {
		out[i] = m
	}
	return out
}

// group sorts the resources of one type by name and gives them the hash of their content as
// version, all together and each by itself.
func group(list []types.Resource) (cachev3.Resources, map[string]string, error) {
	slices.SortFunc(list, func(a, b types.Resource) int {
		return cmp.Compare(cachev3.GetResourceName(a), cachev3.GetResourceName(b))
	})
	hash := sha256.New()
	versions := make(map[string]string, len(list))
	for _, m := range list {
		name := cachev3.GetResourceName(m)
		if name == "" {
			return cachev3.Resources{}, nil, errors.New("a resource has no name")
		}
		if _, again := versions[name]; again {
			return cachev3.Resources{}, nil, fmt.Errorf("two resources have the name %q", name)
		}
		b, err := cachev3.MarshalResource(m)
		if err != nil {
			return cachev3.Resources{}, nil, fmt.Errorf("marshal %q: %w", name, err)
		}
		versions[name] = cachev3.HashResource(b)
		// The length keeps the bytes of neighbours apart; the name is part of the bytes.
		hash.Write(binary.BigEndian.AppendUint64(nil, uint64(len(b))))
		hash.Write(b)
	}
	return cachev3.NewResources(hex.EncodeToString(hash.Sum(nil))[:16], list), versions, nil
}
