package token

import (
	"slices"
	"strconv"
	"strings"
)

// parameters are those of a path, decoded, in order.
type parameters struct {
	// path is what stands before them.
	path string
	all  []parameter
}

type parameter struct{ name, value string }

// parametersOf reads what stands behind the first question mark, a fragment too, as Envoy does.
func parametersOf(path string) parameters {
	before, query, there := strings.Cut(path, "?")
	out := parameters{path: before}
	for there && query != "" {
		var one string
		one, query, _ = strings.Cut(query, "&")
		name, value, _ := strings.Cut(one, "=")
		out.all = append(out.all, parameter{percentDecode(name), percentDecode(value)})
	}
	return out
}

func (p parameters) first(name string) (string, bool) {
	i := slices.IndexFunc(p.all, func(o parameter) bool { return o.name == name })
	if i < 0 {
		return "", false
	}
	return p.all[i].value, true
}

// without returns the path without a parameter. Envoy sorts the others by name, and writes them as
// they are once decoded.
func (p parameters) without(name string) string {
	left := slices.DeleteFunc(slices.Clone(p.all), func(o parameter) bool { return o.name == name })
	slices.SortStableFunc(left, func(a, b parameter) int { return strings.Compare(a.name, b.name) })
	out := p.path
	for i, o := range left {
		sign := "&"
		if i == 0 {
			sign = "?"
		}
		out += sign + o.name + "=" + o.value
	}
	return out
}

// percentDecode decodes what is encoded well and leaves the rest; a plus is a plus.
func percentDecode(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if value, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				out.WriteByte(byte(value))
				i += 2
				continue
			}
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// cookie returns the first cookie of a name. It may stand in double quotes.
func cookie(lines []string, name string) (string, bool) {
	for _, line := range lines {
		for one := range strings.SplitSeq(line, ";") {
			key, value, there := strings.Cut(one, "=")
			if !there || strings.TrimLeft(key, " ") != name {
				continue
			}
			if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
				value = value[1 : len(value)-1]
			}
			return value, true
		}
	}
	return "", false
}
