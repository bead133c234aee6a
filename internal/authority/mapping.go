package authority

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spiffe/go-spiffe/v2/spiffeid"
	"go.yaml.in/yaml/v3"
)

// mappingHead begins the file of mappings. Its object is for an ID that is never issued: a control plane takes a
// file without any object for one whose content was lost, and where a mapping is known, nobody is served who
// proves nothing.
func mappingHead(domain spiffeid.TrustDomain) []byte {
	return fmt.Appendf(nil, `# What gateways may be, by their certificates; for serve --gateways. "portreeve ca issue gateway" and
# "portreeve ca revoke" keep their own objects here; others, and comments, stay as they are.
# The first is for nobody: leave it, so that the file is never without an object.
apiVersion: portreeve.dev/v1alpha1
kind: GatewayIdentity
metadata:
  name: nobody
spec:
  principals:
    - %s/nobody
  namespace: nobody
  grant: EXACTLY
`, domain.IDString())
}

// mapped is an object of the mapping, as far as it is read and written here.
type mapped struct {
	APIVersion string     `yaml:"apiVersion"`
	Kind       string     `yaml:"kind"`
	Metadata   mappedName `yaml:"metadata"`
	Spec       mappedSpec `yaml:"spec"`
}

type mappedName struct {
	Name      string `yaml:"name"`
	Namespace string `yaml:"namespace,omitempty"`
}

type mappedSpec struct {
	Principals []string          `yaml:"principals"`
	DNSNames   []string          `yaml:"dnsNames,omitempty"`
	UIDs       []uint32          `yaml:"uids,omitempty"`
	Namespace  string            `yaml:"namespace"`
	Labels     map[string]string `yaml:"labels,omitempty"`
	Grant      string            `yaml:"grant"`
}

// mapping is the file of mappings: its documents as they were written.
type mapping struct {
	path      string
	documents []string
}

func (a *Authority) readMapping() (*mapping, error) {
	m := &mapping{path: a.path(mappingName)}
	content, err := a.present(mappingName)
	if err != nil {
		return nil, err
	}
	if content == nil {
		content = mappingHead(a.domain)
	}
	var document strings.Builder
	for line := range strings.Lines(string(content)) {
		if strings.HasPrefix(line, "---") && document.Len() > 0 {
			m.documents = append(m.documents, document.String())
			document.Reset()
		}
		document.WriteString(line)
	}
	m.documents = append(m.documents, document.String())
	return m, nil
}

func (a *Authority) writeMapping(m *mapping) error {
	return a.files.keep(m.path, []byte(strings.Join(m.documents, "")), a.access())
}

// find returns the object that maps a principal, and where it is; -1 where none does.
func (m *mapping) find(principal string) (int, mapped, error) {
	for i, text := range m.documents {
		var object mapped
		if err := yaml.Unmarshal([]byte(text), &object); err != nil {
			return -1, mapped{}, fmt.Errorf("%s, document %d: %w; mend it first", m.path, i+1, err)
		}
		if slices.Contains(object.Spec.Principals, principal) {
			return i, object, nil
		}
	}
	return -1, mapped{}, nil
}

// shared says why an object is not to be changed here: it maps others too. Nil where it is not shared.
func (m *mapping) shared(object mapped, principal string) error {
	if len(object.Spec.Principals)+len(object.Spec.DNSNames)+len(object.Spec.UIDs) > 1 {
		return fmt.Errorf("the GatewayIdentity %s in %s maps others beside %s: edit it by hand", object.Metadata.Name, m.path, principal)
	}
	return nil
}

// grant has the mapping let a gateway claim exactly its namespace and labels. It returns what the mapping gives then and whether it had to be
// changed; what grants another way to the same was meant by somebody, and stays.
func (a *Authority) grant(g Gateway, principal string) (Gateway, bool, error) {
	m, err := a.readMapping()
	if err != nil {
		return g, false, err
	}
	at, old, err := m.find(principal)
	if err != nil {
		return g, false, err
	}
	has := Gateway{Namespace: old.Spec.Namespace, Name: g.Name, Labels: old.Spec.Labels}
	if at >= 0 && (g.Labels == nil || has.Namespace == g.Namespace && maps.Equal(has.Labels, g.Labels)) {
		return has, false, nil
	}
	text, err := document(g, principal)
	if err != nil {
		return g, false, err
	}
	if at < 0 {
		if last := len(m.documents) - 1; !strings.HasSuffix(m.documents[last], "\n") && m.documents[last] != "" {
			m.documents[last] += "\n"
		}
		m.documents = append(m.documents, text)
	} else if err := m.shared(old, principal); err != nil {
		return has, false, err
	} else {
		m.documents[at] = text
	}
	return g, true, a.writeMapping(m)
}

// document is the object of a gateway.
func document(g Gateway, principal string) (string, error) {
	var text strings.Builder
	e := yaml.NewEncoder(&text)
	e.SetIndent(2)
	err := e.Encode(mapped{
		APIVersion: "portreeve.dev/v1alpha1", Kind: "GatewayIdentity", Metadata: mappedName{g.Name, g.Namespace},
		Spec: mappedSpec{Principals: []string{principal}, Namespace: g.Namespace, Labels: g.Labels, Grant: "EXACTLY"},
	})
	if err = errors.Join(err, e.Close()); err != nil {
		return "", fmt.Errorf("write a mapping: %w", err)
	}
	return "---\n" + text.String(), nil
}

// withdraw takes a gateway out of the mapping. It reports whether it was in.
func (a *Authority) withdraw(principal string) (bool, error) {
	m, err := a.readMapping()
	if err != nil {
		return false, err
	}
	at, old, err := m.find(principal)
	if err != nil || at < 0 {
		return false, err
	}
	if err := m.shared(old, principal); err != nil {
		return false, err
	}
	m.documents = slices.Delete(m.documents, at, at+1)
	return true, a.writeMapping(m)
}
