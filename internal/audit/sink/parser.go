package sink

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/go-multierror"
	"go.yaml.in/yaml/v3"

	"github.com/portreeve/portreeve/internal/audit"
)

// parser reads nodes strictly, and notes every fault with its place.
type parser struct {
	file  string
	names map[string]bool
	errs  *multierror.Error
}

func (p *parser) fault(n *yaml.Node, format string, args ...any) {
	p.errs = multierror.Append(p.errs, fmt.Errorf("%s:%d:%d: %s", p.file, n.Line, n.Column, fmt.Sprintf(format, args...)))
}

// joined returns several errors as one, each on a line of its own, or nil.
func joined(errs *multierror.Error) error {
	if errs != nil {
		errs.ErrorFormat = func(each []error) string { return errors.Join(each...).Error() }
	}
	return errs.ErrorOrNil()
}

// fields reads a mapping. Each field is known, and there once.
func (p *parser) fields(n *yaml.Node, known map[string]func(*yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		p.fault(n, "want fields, each with a value")
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read := known[key.Value]
		switch {
		case read == nil:
			p.fault(key, "the field %q is not known; want one of %s", short(key.Value), strings.Join(sorted(known), ", "))
		case seen[key.Value]:
			p.fault(key, "the field %q is there twice", key.Value)
		default:
			read(value)
		}
		seen[key.Value] = true
	}
}

func sorted(known map[string]func(*yaml.Node)) []string {
	var names []string
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// list reads up to most items.
func (p *parser) list(most int, item func(*yaml.Node)) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.SequenceNode {
			p.fault(n, "want a list")
			return
		}
		if len(n.Content) > most {
			p.fault(n, "the list has %d items, want at most %d", len(n.Content), most)
			return
		}
		for _, each := range n.Content {
			item(each)
		}
	}
}

// text reads a string that is not empty.
func (p *parser) text(into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		switch {
		case n.Kind != yaml.ScalarNode || n.Tag != "!!str" || n.Value == "":
			p.fault(n, "want a string that is not empty")
		case len(n.Value) > maxText:
			p.fault(n, "it is longer than %d bytes", maxText)
		default:
			*into = n.Value
		}
	}
}

// path reads the name of a file.
func (p *parser) path(into *string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if p.text(into)(n); *into != "" {
			*into = beside(p.file, *into)
		}
	}
}

func (p *parser) flag(into *bool) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Decode(into) != nil {
			p.fault(n, "want true or false")
		}
	}
}

func (p *parser) choice(into *string, among ...string) func(*yaml.Node) {
	return func(n *yaml.Node) {
		if n.Kind != yaml.ScalarNode || !slices.Contains(among, n.Value) {
			p.fault(n, "want one of %s", strings.Join(among, ", "))
			return
		}
		*into = n.Value
	}
}

func (p *parser) number(into func(int64), least, most int64) func(*yaml.Node) {
	return func(n *yaml.Node) {
		v, err := strconv.ParseInt(n.Value, 10, 64)
		if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil || v < least || v > most {
			p.fault(n, "want a number between %d and %d", least, most)
			return
		}
		into(v)
	}
}

// pattern reads a pattern of types of events: with * for any characters. One that matches none is a fault: a receiver that is told
// nothing for a slip of the pen is missed only when it is needed.
func (p *parser) pattern(n *yaml.Node, into *[]string) {
	switch {
	case n.Kind != yaml.ScalarNode || strings.Trim(n.Value, "abcdefghijklmnopqrstuvwxyz.*") != "" || n.Value == "":
		p.fault(n, "want a type of events, such as generation.read, or a pattern such as generation.*")
	case !slices.ContainsFunc(audit.Types(), func(t audit.Type) bool { return wants([]string{n.Value}, string(t)) }):
		p.fault(n, "%q matches no type of events; want a type such as generation.read, or a pattern such as generation.*", short(n.Value))
	default:
		*into = append(*into, n.Value)
	}
}

// named checks what every sink has: a name of its own, by which metrics and alerts know it, and whole pairs of TLS.
func (p *parser) named(n *yaml.Node, name string, files TLSFiles) {
	form := regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)
	switch {
	case !form.MatchString(name):
		p.fault(n, "want a name of at most 63 characters of a-z, 0-9 and -")
	case name == reserved || name == "file":
		p.fault(n, "the name %q is taken by the record itself", name)
	case p.names[name]:
		p.fault(n, "another sink has the name %q", name)
	}
	p.names[name] = true
	if (files.CertFile == "") != (files.KeyFile == "") {
		p.fault(n, "certFile and keyFile belong together")
	}
}

// address checks an address that stands in the file itself.
func (p *parser) address(n *yaml.Node, address string) {
	if err := checkURL(address); err != nil {
		p.fault(n, "%v", err)
	} else if u, err := url.Parse(address); err == nil && u.User != nil {
		p.fault(n, "an address has no user and password in this file; a webhook takes them from urlFile or headersFile")
	}
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// wants reports whether a type of events is among those of patterns.
func wants(patterns []string, eventType string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		matched, err := path.Match(pattern, eventType)
		return err == nil && matched
	})
}

// short cuts what a message quotes.
func short(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
