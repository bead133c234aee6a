package resource

import (
	"bytes"
	"encoding/base64"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/translate/diag"
	"github.com/portreeve/portreeve/translate/source"
)

// Secret is a Secret manifest, or a directory of PEM files that stands for one. What it holds
// is private: it is no Resource, so nothing prints it, and no finding about it quotes a value.
// It is shared and must not be changed.
type Secret struct {
	// Namespace is where it stands. A directory has none and stands in every namespace.
	Namespace, Name string
	// Unplaced says that the manifest has no namespace, so that it stands in default.
	Unplaced bool
	// Pos is the place of the manifest, or the directory.
	Pos     diag.Position
	entries map[string]entryOf
	// broken says why nothing of the manifest can be read.
	broken string
	// What the entries hold is worked out once, when it is first asked for.
	keyPair     func() (KeyPair, diag.List)
	authorities func() (Authorities, diag.List)
}

func newSecret(namespace, name string, pos diag.Position) *Secret {
	s := &Secret{Namespace: namespace, Name: name, Pos: pos, entries: map[string]entryOf{}}
	s.keyPair, s.authorities = sync.OnceValues(s.readKeyPair), sync.OnceValues(s.readAuthorities)
	return s
}

// entryOf is one value of a Secret. A problem says why it cannot be read.
type entryOf struct {
	content []byte
	pos     diag.Position
	problem string
}

// String names the Secret as findings do.
func (s *Secret) String() string {
	if s.Namespace == "" {
		return "secret " + s.Name
	}
	return "Secret " + s.Namespace + "/" + s.Name
}

// Secrets takes the Secret manifests out of the documents. Only those that a Gateway names
// matter, so nothing is reported of them here: whoever finds out which are named asks each
// for what is wrong with it.
func Secrets(documents []source.Document) ([]*Secret, []source.Document) {
	var secrets []*Secret
	others := make([]source.Document, 0, len(documents))
	for _, d := range documents {
		if !isSecret(d.Root) {
			others = append(others, d)
			continue
		}
		if s, ok := secretOf(d); ok {
			secrets = append(secrets, s)
		}
	}
	return secrets, others
}

func isSecret(root *yaml.Node) bool {
	version := child(root, "apiVersion")
	return isKind(root, "Secret") && version != nil && version.Value == "v1"
}

// secretOf reads a manifest, or returns false for one without a name, which nobody can name.
func secretOf(d source.Document) (*Secret, bool) {
	r := newReporter(d, "Secret")
	if !r.meta.valid {
		return nil, false
	}
	s := newSecret(r.meta.namespace, r.meta.name, r.origin.At(Path{"metadata", "name"}))
	s.Unplaced = !r.written(Path{"metadata", "namespace"})
	s.read(d, "data", fromBase64)
	// As in Kubernetes, stringData wins over data.
	s.read(d, "stringData", func(text string) ([]byte, string) { return []byte(text), "" })
	return s, true
}

func fromBase64(text string) ([]byte, string) {
	content, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		return nil, "is not base64"
	}
	return content, ""
}

func (s *Secret) read(d source.Document, field string, decode func(string) ([]byte, string)) {
	node := child(d.Root, field)
	if node == nil || isNull(node) {
		return
	}
	if node.Kind != yaml.MappingNode {
		s.broken = field + " is not a mapping"
		return
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		e := entryOf{pos: d.Position(key)}
		if value.Kind != yaml.ScalarNode {
			e.problem = "is not text"
		} else {
			e.content, e.problem = decode(value.Value)
		}
		s.entries[key.Value] = e
	}
}

// Same reports whether two secrets hold the same.
func (s *Secret) Same(o *Secret) bool {
	return s.broken == o.broken && maps.EqualFunc(s.entries, o.entries, func(a, b entryOf) bool {
		return a.problem == b.problem && bytes.Equal(a.content, b.content)
	})
}

// SecretsIn takes out of the files those that lie in the directories for secrets, as
// DIRECTORY/NAME/tls.crt: every NAME is a secret. One that holds what it held among the known ones is the same one again.
func SecretsIn(files []source.File, directories []string, known []*Secret) ([]*Secret, []source.File) {
	if len(directories) == 0 {
		return nil, files
	}
	byPath := map[string]*Secret{}
	var secrets []*Secret
	others := make([]source.File, 0, len(files))
	for _, f := range files {
		directory, entry := filepath.Dir(f.Path), filepath.Base(f.Path)
		if !slices.Contains(directories, filepath.Dir(directory)) || !source.SecretFile(entry) {
			others = append(others, f)
			continue
		}
		s := byPath[directory]
		if s == nil {
			s = newSecret("", filepath.Base(directory), diag.Position{File: directory})
			byPath[directory], secrets = s, append(secrets, s)
		}
		s.entries[entry] = entryOf{content: f.Content, pos: diag.Position{File: f.Path}}
	}
	return again(secrets, known), others
}

// again returns secrets, which are directories, with those in place that stood there before and held the same.
func again(secrets, known []*Secret) []*Secret {
	before := map[string]*Secret{}
	for _, s := range known {
		if s.Namespace == "" {
			before[s.Pos.File] = s
		}
	}
	for i, s := range secrets {
		if was := before[s.Pos.File]; was != nil && was.Name == s.Name && was.Same(s) {
			secrets[i] = was
		}
	}
	return secrets
}

// The entries of a Secret, in the order in which Istio looks for them: those of a generic
// one, and those of the type kubernetes.io/tls.
func certificateEntries() [][2]string { return [][2]string{{"cert", "key"}, {"tls.crt", "tls.key"}} }
func authorityEntries() []string      { return []string{"cacert", "ca.crt"} }
func revocationEntries() []string     { return []string{"crl", "ca.crl"} }

// first returns the first of the entries that is there and not empty.
func (s *Secret) first(names ...string) (entryOf, bool) {
	for _, n := range names {
		if e, ok := s.entries[n]; ok && (len(e.content) > 0 || e.problem != "") {
			return e, true
		}
	}
	return entryOf{}, false
}

// whole reports what makes everything in the Secret doubtful.
func (s *Secret) whole() diag.List {
	if s.broken == "" {
		return nil
	}
	return diag.List{s.Diagnostic(diag.CodeSecret, s.Pos, "%s: %s", s, s.broken).WithHint("data and stringData hold name: value lines")}
}

// Diagnostic returns a finding about the Secret. Its message must not have a value of it.
func (s *Secret) Diagnostic(code diag.Code, pos diag.Position, format string, args ...any) diag.Diagnostic {
	d := diag.New(code, pos, format, args...)
	d.Object = s.String()
	return d
}
