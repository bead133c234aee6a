package authority

import (
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
)

// Gateway says which gateway a certificate is for, and what its node may claim.
type Gateway struct {
	Namespace, Name string
	Labels          map[string]string
}

// The names of Kubernetes, which the mapping has too. What they let pass is one element of a path, and of a
// SPIFFE ID, and neither . nor .. .
const (
	label       = `[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?`
	objectName  = `[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*`
	labelPart   = `[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?`
	serverLabel = `[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?`
)

// maxName is how long a name may be; it is a directory, too.
const maxName = 253

// is reports whether the whole text is of a form.
func is(form, text string) bool { return regexp.MustCompile(`^(` + form + `)$`).MatchString(text) }

// check says why this is no gateway; nil where it is one.
func (g Gateway) check() error {
	if !is(label, g.Namespace) {
		return fmt.Errorf("%.100q is not a namespace: want lower-case letters, digits and -, at most 63 characters", g.Namespace)
	}
	if len(g.Name) > maxName || !is(objectName, g.Name) {
		return fmt.Errorf("%.100q is not the name of a gateway: want lower-case letters, digits, - and single dots, at most %d characters", g.Name, maxName)
	}
	for _, key := range slices.Sorted(maps.Keys(g.Labels)) {
		prefix, name, prefixed := strings.Cut(key, "/")
		if !prefixed {
			prefix, name = "none", key
		}
		value := g.Labels[key]
		if !is(labelPart, name) || len(prefix) > maxName || !is(objectName, prefix) || value != "" && !is(labelPart, value) {
			return fmt.Errorf("%.100q is not a label as Kubernetes has them: want name=value, letters, digits, -, _ and dots, at most 63 characters each", key+"="+value)
		}
	}
	return nil
}

// id returns the gateway's SPIFFE ID.
func (g Gateway) id(domain spiffeid.TrustDomain) (spiffeid.ID, error) {
	if err := g.check(); err != nil {
		return spiffeid.ID{}, err
	}
	return spiffeid.FromSegments(domain, "ns", g.Namespace, "gateway", g.Name)
}

// place returns where the gateway's pair is by default, within the folder.
func (g Gateway) place() string { return filepath.Join(gatewaysName, g.Namespace, g.Name) }

// trustDomain reads a trust domain that certificates can be held to: the names of URIs that an authority is
// constrained to are those of hosts.
func trustDomain(name string) (spiffeid.TrustDomain, error) {
	domain, err := spiffeid.TrustDomainFromString(name)
	if err != nil {
		return domain, fmt.Errorf("trust domain %.100q: %w", name, err)
	}
	if _, err := netip.ParseAddr(domain.Name()); err == nil || len(domain.Name()) > maxName || !is(objectName, domain.Name()) {
		return domain, fmt.Errorf("trust domain %.100q: want a name such as cluster.local, of lower-case letters, digits, - and single dots", name)
	}
	return domain, nil
}

// CheckTrustDomain returns what is wrong with the name of a trust domain, or nil.
func CheckTrustDomain(name string) error {
	_, err := trustDomain(name)
	return err
}

// CheckServerName returns what is wrong with a name by which gateways reach a control plane, or nil.
func CheckServerName(name string) error {
	_, err := serverNames([]string{name})
	return err
}

// serverNames returns the names of a server in order, each once.
func serverNames(names []string) ([]string, error) {
	var out []string
	for _, name := range names {
		if ip, err := netip.ParseAddr(name); err == nil {
			out = append(out, ip.Unmap().WithZone("").String())
			continue
		}
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		for part := range strings.SplitSeq(name, ".") {
			if len(name) > maxName || !is(serverLabel, part) {
				return nil, fmt.Errorf("%.100q is neither an IP address nor a DNS name without wildcards", name)
			}
		}
		out = append(out, name)
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}
