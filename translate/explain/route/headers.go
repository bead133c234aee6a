package route

import (
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// operations are what one level of the configuration does to headers: it removes, then replaces, then adds.
type operations struct {
	remove []string
	set    []headerValue
}

// headerValue is a header that is written.
type headerValue struct {
	name   string
	value  format
	action corev3.HeaderValueOption_HeaderAppendAction
	// keepEmpty has it written where its value turns out empty too.
	keepEmpty bool
}

func operationsOf(add []*corev3.HeaderValueOption, remove []string) (operations, error) {
	var out operations
	for _, name := range remove {
		out.remove = append(out.remove, lower(name))
	}
	for _, o := range add {
		value, err := formatOf(o.GetHeader().GetValue())
		if err != nil {
			return operations{}, fmt.Errorf("header %s: %w", o.GetHeader().GetKey(), err)
		}
		out.set = append(out.set, headerValue{lower(o.GetHeader().GetKey()), value, o.GetAppendAction(), o.GetKeepEmptyValue()})
	}
	return out, nil
}

func (o operations) empty() bool { return len(o.remove) == 0 && len(o.set) == 0 }

// apply changes headers as Envoy does: all values are worked out before the first is written. It returns
// what is not known afterwards, and of those headers nothing is.
func (o operations) apply(headers *traffic.Headers, read reading) []string {
	for _, gone := range o.remove {
		headers.Remove(func(name string) bool { return name == gone })
	}
	var replaced, added []traffic.Header
	var notKnown, lost []string
	for _, h := range o.set {
		value, known := h.value.text(read)
		there, asked := headers.Values(h.name)
		line := traffic.Header{Name: h.name, Value: value}
		switch {
		case !known || !asked && h.depends():
			notKnown = append(notKnown, "header "+h.name+": "+h.value.source)
			lost = append(lost, h.name)
		case value == "" && !h.keepEmpty:
		case h.replaces(len(there) > 0):
			replaced = append(replaced, line)
		case h.adds(len(there) > 0):
			added = append(added, line)
		}
	}
	for _, l := range replaced {
		headers.Set(l.Name, l.Value)
	}
	headers.Hide(lost...)
	for _, l := range added {
		headers.Add(l.Name, l.Value)
	}
	return notKnown
}

// depends reports whether a header is written only where it is there already, or only where it is not.
func (h headerValue) depends() bool {
	return h.action == corev3.HeaderValueOption_ADD_IF_ABSENT || h.action == corev3.HeaderValueOption_OVERWRITE_IF_EXISTS
}

func (h headerValue) replaces(there bool) bool {
	return h.action == corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD || h.action == corev3.HeaderValueOption_OVERWRITE_IF_EXISTS && there
}

func (h headerValue) adds(there bool) bool {
	return h.action == corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD || h.action == corev3.HeaderValueOption_ADD_IF_ABSENT && !there
}
