package role

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hashicorp/go-multierror"
	"go.yaml.in/yaml/v3"
)

// maxFaults bounds the mistakes that are told of one file.
const maxFaults = 20

// parser reads a file of YAML, strictly. What it says of a mistake has the place and never the value, which may be a secret
// that was put into the wrong field.
type parser struct {
	file   string
	faults []error
}

// field is one of an object. It is read where it is there.
type field struct {
	name     string
	read     func(*yaml.Node)
	required bool
}

// document returns the root of the only document.
func (p *parser) document(content []byte) (*yaml.Node, bool) {
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	var root, more yaml.Node
	if err := decoder.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			err = errors.New("it is empty: name at least one token, certificate or issuer")
		}
		p.faults = append(p.faults, fmt.Errorf("%s: %w", p.file, err))
		return nil, false
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		p.faults = append(p.faults, fmt.Errorf("%s: want one YAML document", p.file))
		return nil, false
	}
	if root.Kind != yaml.DocumentNode || len(root.Content) != 1 {
		p.faults = append(p.faults, fmt.Errorf("%s: want a YAML document", p.file))
		return nil, false
	}
	return root.Content[0], true
}

// err is every mistake, each on a line of its own, or nil.
func (p *parser) err() error {
	var all *multierror.Error
	all = multierror.Append(all, p.faults...)
	all.ErrorFormat = func(each []error) string { return errors.Join(each...).Error() }
	return all.ErrorOrNil()
}

func (p *parser) fault(n *yaml.Node, format string, args ...any) {
	if len(p.faults) < maxFaults {
		p.faults = append(p.faults, fmt.Errorf("%s:%d:%d: %s", p.file, n.Line, n.Column, fmt.Sprintf(format, args...)))
	}
}

// object reads an object of exactly these fields, each at most once.
func (p *parser) object(n *yaml.Node, fields ...field) {
	var names []string
	for _, f := range fields {
		names = append(names, f.name)
	}
	if n.Kind != yaml.MappingNode {
		p.fault(n, "want an object with %s", strings.Join(names, ", "))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		at := slices.Index(names, key.Value)
		switch {
		case key.Kind != yaml.ScalarNode || at < 0:
			p.fault(key, "unknown field: want %s", strings.Join(names, ", "))
		case seen[key.Value]:
			p.fault(key, "%s stands there twice", key.Value)
		default:
			seen[key.Value] = true
			fields[at].read(value)
		}
	}
	for _, f := range fields {
		if f.required && !seen[f.name] {
			p.fault(n, "%s is missing", f.name)
		}
	}
}

// list returns a reader of at most so many items.
func (p *parser) list(most int, read func(*yaml.Node)) func(*yaml.Node) {
	return func(n *yaml.Node) {
		switch {
		case n.Kind != yaml.SequenceNode:
			p.fault(n, "want a list")
		case len(n.Content) > most:
			p.fault(n, "%d items: want %d at most", len(n.Content), most)
		default:
			for _, item := range n.Content {
				read(item)
			}
		}
	}
}

// text returns a reader of a text, which is checked where a check is given.
func (p *parser) text(into *string, check func(string) error) func(*yaml.Node) {
	const most = 2048
	return func(n *yaml.Node) {
		switch {
		case n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str":
			p.fault(n, "want a text: put it in quotes")
		case n.Value == "" || len(n.Value) > most:
			p.fault(n, "want a text of 1 to %d bytes", most)
		default:
			*into = n.Value
			if check == nil {
				return
			}
			if err := check(n.Value); err != nil {
				p.fault(n, "%s", err)
			}
		}
	}
}

// role returns a reader of the name of a role.
func (p *parser) role(into *Role) func(*yaml.Node) {
	var name string
	return p.text(&name, func(text string) (err error) {
		*into, err = Parse(text)
		return err
	})
}
