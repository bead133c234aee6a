package server

import (
	"fmt"

	cachev3 "github.com/envoyproxy/go-control-plane/pkg/cache/v3"
)

// The bounds of what one stream may ask for. A gateway asks for what it was told of, so one that
// is served by this plane comes nowhere near them.
const (
	// maxResources of one type are asked for, or said to be there, at one time. It is twice what a
	// gateway is meant to have: while an edit is made before the one before it is broken there is
	// both, and a gateway that was refused for that would come back with it, and be refused again.
	maxResources = 40_000
	// maxResourceName is of a name: those of secrets hold up to two paths of 4 KiB.
	maxResourceName = 9 << 10
	// maxVersion is of the version of a resource that is said to be there; ours have 64.
	maxVersion = 256
	// maxRequest is of one request. A gateway that comes back with 20,000 resources sends a
	// version for each, with names as long as a host name lets clusters have, and may name
	// each once more: 20,000 × (2 × (8+1+5+1+63+1+253) + 64 + 16 of framing) = 14.9 MB, and its node.
	maxRequest = 16 << 20
	// maxNamed is of all names that a stream asks for or says it has.
	maxNamed = 2 * maxRequest
	// maxTypes are asked for; Envoy knows fewer than 20.
	maxTypes   = 32
	maxTypeURL = 256
)

// demand is what a stream asks for.
type demand struct {
	// names are the bytes of the names that are asked for, by type.
	names map[string]int
	// claimed are the bytes of what it said that it has.
	claimed int
}

// request says what a request asks for that is more than a gateway can mean, or "".
func (d *demand) request(url string, names []string, has map[string]string) string {
	if len(url) > maxTypeURL {
		return fmt.Sprintf("the type URL has %d bytes, want at most %d", len(url), maxTypeURL)
	}
	if _, ok := d.names[url]; !ok {
		if len(d.names) == maxTypes {
			return fmt.Sprintf("the stream asks for more than %d types", maxTypes)
		}
		if d.names == nil {
			d.names = map[string]int{}
		}
		d.names[url] = 0
	}
	if len(names) > maxResources || len(has) > maxResources {
		return fmt.Sprintf("the request has %d names and %d versions, want at most %d", len(names), len(has), maxResources)
	}
	for _, name := range names {
		if len(name) > maxResourceName {
			return fmt.Sprintf("the name of a resource has %d bytes, want at most %d", len(name), maxResourceName)
		}
	}
	for name, version := range has {
		if d.claimed += len(name) + len(version); len(name) > maxResourceName || len(version) > maxVersion || d.claimed > maxNamed {
			return fmt.Sprintf("what the gateway says it has is too long, want names of %d bytes, versions of %d, and %d in all", maxResourceName, maxVersion, maxNamed)
		}
	}
	return ""
}

// subscribed says what a stream asks for, all in all, that is more than a gateway can mean, or "".
func (d *demand) subscribed(url string, sub cachev3.Subscription) string {
	names := sub.SubscribedResources()
	if len(names) > maxResources {
		return fmt.Sprintf("the stream asks for %d resources of one type, want at most %d", len(names), maxResources)
	}
	d.names[url] = 0
	for name := range names {
		d.names[url] += len(name)
	}
	all := 0
	for _, n := range d.names {
		all += n
	}
	if all > maxNamed {
		return fmt.Sprintf("the names of what the stream asks for have %d bytes, want at most %d", all, maxNamed)
	}
	return ""
}
