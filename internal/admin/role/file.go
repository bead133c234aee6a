package role

import (
	"errors"
	"net/url"

	"go.yaml.in/yaml/v3"
)

// maxEntries bounds each list of the file.
const maxEntries = 1000

// roles is what the file says. It is a value: nobody changes it.
type roles struct {
	tokens map[string]hashed
	// certificates have a role each, by a name that they have.
	certificates map[string]Role
	// oidc is nil without an issuer.
	oidc *provider
}

// hashed is a token of the file.
type hashed struct {
	role Role
	hash string
}

// granted gives a role to tokens whose claim has a value.
type granted struct {
	claim, value string
	role         Role
}

// parse reads the file. The error has every mistake, with its place.
func parse(file string, content []byte) (*roles, error) {
	p, out := &parser{file: file}, &roles{tokens: map[string]hashed{}, certificates: map[string]Role{}}
	root, ok := p.document(content)
	if ok {
		p.object(root,
			field{name: "tokens", read: p.list(maxEntries, func(n *yaml.Node) { p.token(n, out) })},
			field{name: "certificates", read: p.list(maxEntries, func(n *yaml.Node) { p.certificate(n, out) })},
			field{name: "oidc", read: func(n *yaml.Node) { p.provider(n, out) }})
	}
	return out, p.err()
}

func (p *parser) token(n *yaml.Node, out *roles) {
	var name string
	var h hashed
	p.object(n,
		field{"name", p.text(&name, func(text string) error {
			if !nameForm().MatchString(text) {
				return errName
			}
			return nil
		}), true},
		field{"role", p.role(&h.role), true},
		field{"hash", p.text(&h.hash, checkHash), true})
	if _, twice := out.tokens[name]; twice {
		p.fault(n, "another token has this name")
	}
	out.tokens[name] = h
}

func (p *parser) certificate(n *yaml.Node, out *roles) {
	var name string
	var r Role
	p.object(n, field{"name", p.text(&name, nil), true}, field{"role", p.role(&r), true})
	if _, twice := out.certificates[name]; twice {
		p.fault(n, "another certificate has this name")
	}
	out.certificates[name] = r
}

func (p *parser) provider(n *yaml.Node, out *roles) {
	o := newProvider()
	p.object(n,
		field{"issuer", p.text(&o.issuer, secureURL), true},
		field{"audience", p.text(&o.audience, nil), true},
		field{"roles", p.list(maxEntries, func(n *yaml.Node) {
			var g granted
			p.object(n, field{"claim", p.text(&g.claim, nil), true}, field{"value", p.text(&g.value, nil), true}, field{"role", p.role(&g.role), true})
			o.granted = append(o.granted, g)
		}), true})
	out.oidc = o
}

// secureURL asks for https: who is on the way could hand out keys of his own.
func secureURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return errors.New("want an address such as https://issuer.example, without user, query and fragment")
	}
	return nil
}
