// Package verdicttest reads the tables of verdicts in translate/testdata/verdicts: policies, and for
// each of them what becomes of every request. The expectations are written by hand from what Istio
// promises and never taken from a run. Whatever answers requests can be held against them: a real
// Envoy is, in test/.
//
// requests.yaml holds the requests that every policy is asked; each other file is a Family of
// policies. Texts may hold ${name}, which the user of the table replaces: ${jwks.KEY} in policies,
// ${port.NAME} in mesh configuration, ${token} and ${second} in requests.
package verdicttest

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Table is all families, and the requests that all of them are asked.
type Table struct {
	Requests []Request
	Families []Family
}

// Request is one request, and the token in it.
type Request struct {
	Name   string
	Method string // empty is GET
	URL    string // its host is sent as Host
	// Headers of the request, besides those that the table sends with every one.
	Headers map[string]string
	// Again are headers that are sent once more, each in a line of its own behind the first.
	Again map[string]string
	// Token takes the place of ${token} in URL and Headers, Second that of ${second}.
	Token, Second *Token
	// Refusal is the body of the answer where the token is verified and refused.
	Refusal string
}

// Token is what a token says and who signs it.
type Token struct {
	// Key names the key that signs it; its public half is ${jwks.KEY}.
	Key    string
	Claims map[string]any
	// Expires and NotBefore count from now; zero leaves the claim out.
	Expires   time.Duration
	NotBefore time.Duration `yaml:"notBefore"`
	// Raw is the whole token, for one that is none.
	Raw string
}

// Family is policies about one matter. They share what they stand on.
type Family struct {
	// Name is the file's name without its extension.
	Name string `yaml:"-"`
	// Mesh is the mesh configuration under which the family works; empty for none.
	Mesh string
	// With are resources that every policy of the family comes with.
	With string
	// Requests are asked in this family besides those of the table.
	Requests []Request
	// Groups are names for several requests, besides those of the table.
	Groups   map[string][]string
	Policies []Policy
}

// Policy is one set of policy and what must become of each request under it.
type Policy struct {
	Name string
	// Why is the rule that the verdicts follow from, where the policy does not show it.
	Why string
	// Policy are the resources, after those of the family.
	Policy string
	// Verdicts lists requests, or groups of them, under what is answered: 200; 401 for the
	// refusal of the request's token; 403 for a denial by authorization; or a status and a body.
	Verdicts map[string][]string
	// Backend says by header and request which value reaches the backend. Under a header that is
	// listed, every other request that passes must reach the backend without it. ${token},
	// ${second} and ${payload}, the payload of the first token, may stand in a value.
	Backend map[string]map[string]string
	// Stats says by how much the requests raise counters, whose names end like this.
	Stats map[string]uint64

	expected map[string]Verdict
}

// Verdict is an answer.
type Verdict struct {
	Status int
	// Body is the whole body; empty where the backend answers.
	Body string
}

// common is the content of requests.yaml.
type common struct {
	// Headers are sent with every request that does not set them itself.
	Headers  map[string]string
	Requests []Request
	Groups   map[string][]string
}

// Load reads the tables in a folder. The error says where a table is incomplete: every policy
// must have exactly one verdict for every request.
func Load(fsys fs.FS) (*Table, error) {
	var shared common
	if err := decode(fsys, "requests.yaml", &shared); err != nil {
		return nil, err
	}
	shared.complete()
	names, err := fs.Glob(fsys, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("find tables of verdicts: %w", err)
	}
	out := &Table{Requests: shared.Requests}
	for _, name := range names {
		if name == "requests.yaml" {
			continue
		}
		family := Family{Name: strings.TrimSuffix(name, path.Ext(name))}
		if err := decode(fsys, name, &family); err != nil {
			return nil, err
		}
		if err := family.complete(shared); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		out.Families = append(out.Families, family)
	}
	return out, nil
}

func decode(fsys fs.FS, name string, into any) error {
	content, err := fs.ReadFile(fsys, name)
	if err != nil {
		return fmt.Errorf("read a table of verdicts: %w", err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// complete gives every request the headers of all.
func (c *common) complete() {
	for i := range c.Requests {
		c.Requests[i].Headers = c.headers(c.Requests[i].Headers)
	}
}

func (c *common) headers(own map[string]string) map[string]string {
	out := map[string]string{}
	for name, value := range c.Headers {
		out[name] = value
	}
	for name, value := range own {
		out[name] = value
	}
	return out
}

// complete adds what the family has of the table, and works out its verdicts.
func (f *Family) complete(shared common) error {
	for i := range f.Requests {
		f.Requests[i].Headers = shared.headers(f.Requests[i].Headers)
	}
	f.Requests = slices.Concat(shared.Requests, f.Requests)
	groups := map[string][]string{}
	for _, from := range []map[string][]string{shared.Groups, f.Groups} {
		for name, members := range from {
			groups[name] = members
		}
	}
	for i := range f.Policies {
		if err := f.Policies[i].expect(f.Requests, groups); err != nil {
			return fmt.Errorf("policy %s: %w", f.Policies[i].Name, err)
		}
	}
	return nil
}
