package rollout

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/portreeve/portreeve/xds/snapshot"
)

// more stands in the version of a union between that of the newer part and what tells which
// resources of older ones are there besides.
const more = "+"

// Memo remembers what was worked out of parts, so that the streams of a group, which go the same
// way, share it. It is safe for concurrent use.
type Memo struct {
	mu     sync.Mutex
	unions map[[2]*Part]*Part
	overs  map[[2]*Generation]*Generation
	waits  map[question]bool
}

// maxMemo bounds what is remembered: a group has few pairs of parts at any one time.
const maxMemo = 64

// NewMemo returns a memo that knows nothing.
func NewMemo() *Memo {
	return &Memo{unions: map[[2]*Part]*Part{}, overs: map[[2]*Generation]*Generation{}, waits: map[question]bool{}}
}

// Forget lets go of everything, also of the parts that it was worked out of.
func (m *Memo) Forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.unions)
	clear(m.overs)
	clear(m.waits)
}

// over returns the newer generation and, besides, the resources of the older one whose names the
// newer does not have. It is the newer one itself where there are none.
func (m *Memo) over(newer, older *Generation) *Generation {
	switch {
	case older == nil || newer == older:
		return newer
	case newer == nil:
		return older
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := [2]*Generation{newer, older}
	out, known := m.overs[key]
	if !known {
		if len(m.overs) >= maxMemo {
			clear(m.overs)
		}
		out = m.combine(newer, older)
		m.overs[key] = out
	}
	return out
}

// combine makes what over returns; the lock is held.
func (m *Memo) combine(newer, older *Generation) *Generation {
	parts, same := map[string]*Part{}, true
	for _, url := range Order() {
		parts[url] = m.united(newer.Part(url), older.Part(url))
		same = same && parts[url] == newer.Part(url)
	}
	if same {
		return newer
	}
	return &Generation{parts: parts}
}

// union is over for parts.
func (m *Memo) union(newer, older *Part) *Part {
	if older.size() == 0 || newer == older {
		return newer
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.united(newer, older)
}

// united is union where the lock is held.
func (m *Memo) united(newer, older *Part) *Part {
	switch {
	case older.size() == 0 || newer == older:
		return newer
	case newer == nil:
		return older
	}
	key := [2]*Part{newer, older}
	out, known := m.unions[key]
	if !known {
		if len(m.unions) >= maxMemo {
			clear(m.unions)
		}
		out = unite(newer, older)
		m.unions[key] = out
	}
	return out
}

// unite makes a union. Its version is that of the newer part where that is all, and else begins with
// it and names by a hash what there is besides: equal unions have equal versions.
func unite(newer, older *Part) *Part {
	var left []string
	for name := range older.versions {
		if !newer.Has(name) {
			left = append(left, name)
		}
	}
	if len(left) == 0 {
		return newer
	}
	slices.Sort(left)
	out := &Part{
		url: newer.url, items: map[string]types.ResourceWithTTL{}, encoded: map[string]*anypb.Any{}, versions: map[string]string{}, trace: snapshot.Trace{},
	}
	maps.Copy(out.items, newer.items)
	maps.Copy(out.encoded, newer.encoded)
	maps.Copy(out.versions, newer.versions)
	maps.Copy(out.trace, newer.trace)
	hash := sha256.New()
	for _, name := range left {
		out.items[name], out.versions[name], out.trace[name] = older.items[name], older.versions[name], older.trace[name]
		if encoded := older.encoded[name]; encoded != nil {
			out.encoded[name] = encoded
		}
		fmt.Fprintf(hash, "%d:%s%d:%s", len(name), name, len(older.versions[name]), older.versions[name])
	}
	base, _, _ := strings.Cut(newer.version, more)
	rest := sha256.Sum256([]byte(newer.version + hex.EncodeToString(hash.Sum(nil))))
	out.version = base + more + hex.EncodeToString(rest[:8])
	return out
}

// Holds reports whether a version that a gateway names is one of the part, or of a union over it: the
// gateway has then what the part holds.
func (p *Part) Holds(version string) bool {
	return p != nil && version != "" && (version == p.version || strings.HasPrefix(version, p.version+more))
}
