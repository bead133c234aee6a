package traffic

import (
	"slices"
	"strings"
)

// Header is one line of a request or of an answer.
type Header struct {
	// Name is in lower case; those of Envoy's that begin with a colon are headers like any other.
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Headers are the headers of a request as Envoy holds them, `:method`, `:path`, `:authority` and
// `:scheme` among them, in the order in which they came. The zero value has none.
type Headers struct {
	lines []Header
	// open says that there may be others, which the request does not say, but none of absent.
	open   bool
	absent []string
	// hidden are headers that may be there, with whatever value.
	hidden []string
	// doubted are those of which nothing is known, whatever is done to them.
	doubted []func(name string) bool
}

// NewHeaders returns the headers that are given; names are put into lower case, and lines are joined of
// which Envoy has only one. Where others is OthersUnknown, whether there is one that is not given is not known.
func NewHeaders(lines []Header, others Others) Headers {
	out := Headers{lines: make([]Header, 0, len(lines)+8), open: others == OthersUnknown}
	for _, l := range lines {
		out.add(Header{Name: named(strings.ToLower(l.Name)), Value: l.Value})
	}
	return out
}

// add adds a line, to the one that is there where Envoy has only one. An empty one adds nothing to that.
func (h *Headers) add(l Header) {
	i := -1
	if single(l.Name) {
		i = slices.IndexFunc(h.lines, func(o Header) bool { return o.Name == l.Name })
	}
	switch {
	case i < 0:
		h.lines = append(h.lines, l)
	case h.lines[i].Value == "":
		h.lines[i].Value = l.Value
	case l.Value != "":
		h.lines[i].Value += "," + l.Value
	}
}

// Others says whether what is not given is known not to be there.
type Others bool

const (
	NoOthers      Others = false
	OthersUnknown Others = true
)

// Values returns the values of a header, whose name is in lower case, in order. It is false where
// whether the header is there is not known.
func (h *Headers) Values(name string) ([]string, bool) {
	name = named(name)
	if h.Doubted(name) {
		return nil, false
	}
	var out []string
	for _, l := range h.lines {
		if l.Name == name {
			out = append(out, l.Value)
		}
	}
	return out, len(out) > 0 || !h.Unsaid(name)
}

// Unsaid reports whether there may be a header, or lines of it, that is not given.
func (h *Headers) Unsaid(name string) bool {
	name = named(name)
	return h.open && !slices.Contains(h.absent, name) || slices.Contains(h.hidden, name) || h.Doubted(name)
}

// Hide has nothing be known of headers. Names are in lower case.
func (h *Headers) Hide(names ...string) {
	h.Remove(func(name string) bool { return slices.Contains(names, name) })
	h.hidden = append(h.hidden, names...)
}

// Hidden returns the headers of which nothing is known.
func (h *Headers) Hidden() []string { return slices.Clone(h.hidden) }

// Lack has headers that are not given be known not to be there, whatever others there may be. Names are
// in lower case.
func (h *Headers) Lack(names ...string) {
	for _, name := range names {
		h.absent = append(h.absent, named(name))
	}
}

// named is the name by which Envoy holds a header: host is :authority, so a rule about the one is about
// the other. Without that a DENY by the header host would seem to match nobody.
func named(name string) string {
	if name == "host" {
		return ":authority"
	}
	return name
}

// Doubt has nothing be known of the headers whose name is taken, whether they are given or not, and whatever is
// done to them later: whoever changes them is not asked here. The lines of the request itself stay known.
func (h *Headers) Doubt(taken func(name string) bool) {
	h.doubted = append(h.doubted[:len(h.doubted):len(h.doubted)], taken)
}

// Doubted reports whether a header is one of those.
func (h *Headers) Doubted(name string) bool {
	return len(h.doubted) > 0 && !strings.HasPrefix(name, ":") && slices.ContainsFunc(h.doubted, func(taken func(string) bool) bool { return taken(name) })
}

// First returns the first value of a header, and whether there is one that is known.
func (h *Headers) First(name string) (string, bool) {
	if name = named(name); h.Doubted(name) {
		return "", false
	}
	for _, l := range h.lines {
		if l.Name == name {
			return l.Value, true
		}
	}
	return "", false
}

// Joined returns the value of a header as Envoy's matchers see it, and whether there is one that is known:
// the values of all its lines, with a comma in between.
func (h *Headers) Joined(name string) (string, bool) {
	out, found := "", false
	if name = named(name); h.Doubted(name) {
		return out, found
	}
	for _, l := range h.lines {
		switch {
		case l.Name != name:
		case found:
			out += "," + l.Value
		default:
			out, found = l.Value, true
		}
	}
	return out, found
}

// Some reports whether any line of a header matches, and whether there is one that is known.
func (h *Headers) Some(name string, matches func(value string) bool) (matched, there bool) {
	if name = named(name); h.Doubted(name) {
		return false, false
	}
	for _, l := range h.lines {
		if l.Name == name {
			there = true
			matched = matched || matches(l.Value)
		}
	}
	return matched, there
}

// Set has one value stand for a header, in the place of the first of its lines.
func (h *Headers) Set(name, value string) {
	name = named(name)
	h.reveal(func(hidden string) bool { return hidden == name })
	for i := range h.lines {
		if h.lines[i].Name != name {
			continue
		}
		h.lines[i].Value = value
		rest := slices.DeleteFunc(h.lines[i+1:], func(l Header) bool { return l.Name == name })
		h.lines = h.lines[:i+1+len(rest)]
		return
	}
	h.Add(name, value)
}

// Add adds a line behind all others, or to the one that is there where Envoy has only one. A hidden header stays hidden.
func (h *Headers) Add(name, value string) {
	if name = named(name); !slices.Contains(h.hidden, name) {
		h.add(Header{Name: name, Value: value})
	}
}

// reveal has it be known of hidden headers that they are not there.
func (h *Headers) reveal(known func(name string) bool) {
	h.hidden = slices.DeleteFunc(slices.Clone(h.hidden), known)
}

// Remove takes away the headers whose name is taken, hidden ones too. Of those that are not given it takes none:
// ask Open where that matters.
func (h *Headers) Remove(taken func(name string) bool) {
	h.reveal(taken)
	h.lines = slices.DeleteFunc(h.lines, func(l Header) bool { return taken(l.Name) })
}

// Open reports whether there may be headers that are not given.
func (h *Headers) Open() bool { return h.open }

// Copy returns the same headers, to be changed apart.
func (h *Headers) Copy() Headers {
	return Headers{slices.Clone(h.lines), h.open, slices.Clone(h.absent), slices.Clone(h.hidden), h.doubted}
}

// Lines returns a copy of all that are given and known, in order.
func (h *Headers) Lines() []Header {
	return slices.DeleteFunc(slices.Clone(h.lines), func(l Header) bool { return h.Doubted(l.Name) })
}

// With returns other lines, of which the same is doubted.
func (h *Headers) With(lines []Header, others Others) Headers {
	out := NewHeaders(lines, others)
	out.doubted = h.doubted
	return out
}
