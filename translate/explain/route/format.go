package route

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// format is the value of a header: text and command operators, such as %REQ(X-USER)%.
type format struct {
	// source is as it is written.
	source string
	pieces []piece
}

// piece is text, or an operator.
type piece struct {
	text string
	// read returns what an operator stands for, empty where there is nothing, and whether that is known.
	// It is nil for text.
	read func(reading) (string, bool)
	// limit is how long a value may be; 0 is without a bound.
	limit int
}

// reading is what operators read.
type reading struct {
	*traffic.Stream
	// request are the headers of the request as they are at that moment.
	request *traffic.Headers
	route   *entry
}

func formatOf(source string) (format, error) {
	if !strings.Contains(source, "%") {
		return format{source, []piece{{text: source}}}, nil
	}
	operator := regexp.MustCompile(`^%([A-Z][A-Z0-9_]*)(?:\(([^)]*)\))?(?::([0-9]+))?%`)
	out := format{source: source}
	var text strings.Builder
	for rest := source; rest != ""; {
		if rest[0] != '%' {
			text.WriteByte(rest[0])
			rest = rest[1:]
			continue
		}
		if strings.HasPrefix(rest, "%%") {
			text.WriteByte('%')
			rest = rest[2:]
			continue
		}
		m := operator.FindStringSubmatch(rest)
		if m == nil {
			return format{}, fmt.Errorf("%q has a %% that begins no operator", source)
		}
		limit, _ := strconv.Atoi(m[3])
		out.pieces = append(out.pieces, piece{text: text.String()}, piece{read: operatorOf(m[1], m[2]), limit: limit})
		text.Reset()
		rest = rest[len(m[0]):]
	}
	out.pieces = append(out.pieces, piece{text: text.String()})
	return out, nil
}

// text returns the value, and whether all of it is known.
func (f format) text(r reading) (string, bool) {
	if len(f.pieces) == 1 {
		return f.pieces[0].text, true
	}
	var out strings.Builder
	for _, p := range f.pieces {
		out.WriteString(p.text)
		if p.read == nil {
			continue
		}
		value, known := p.read(r)
		if !known {
			return "", false
		}
		if p.limit > 0 && len(value) > p.limit {
			value = value[:p.limit]
		}
		out.WriteString(value)
	}
	return out.String(), true
}

// operatorOf returns what an operator reads. What Envoy knows alone, and what is seldom written into
// headers, is not known.
func operatorOf(name, argument string) func(reading) (string, bool) {
	switch name {
	case "REQ", "REQUEST_HEADER":
		return requestHeader(strings.Split(lower(argument), "?"))
	case "DYNAMIC_METADATA":
		return metadata(strings.Split(argument, ":"))
	case "DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT":
		return func(r reading) (string, bool) { return addressOf(r.Remote) }
	case "DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT":
		return func(r reading) (string, bool) { return addressOf(r.Direct) }
	case "REQUESTED_SERVER_NAME":
		return func(r reading) (string, bool) { return r.ServerName, !r.ServerNameUnknown }
	case "ROUTE_NAME":
		return func(r reading) (string, bool) { return r.route.message.GetName(), true }
	default:
		return func(reading) (string, bool) { return "", false }
	}
}

// requestHeader reads the first of two headers that is there.
func requestHeader(names []string) func(reading) (string, bool) {
	return func(r reading) (string, bool) {
		for _, name := range names {
			value, there := r.request.First(name)
			if there {
				return value, name != ":path" || !r.QueryUnknown || strings.Contains(value, "?")
			}
			if r.request.Unsaid(name) {
				return "", false
			}
		}
		return "", true
	}
}

// metadata reads a value that a filter left: a claim.
func metadata(path []string) func(reading) (string, bool) {
	return func(r reading) (string, bool) {
		object, ok := r.Metadata[path[0]]
		if !ok || len(path) == 1 {
			return "", !ok
		}
		for i, key := range path[1:] {
			value, there := object.Fields[key]
			if !there {
				return "", !object.Open
			}
			if i == len(path)-2 {
				return plainText(value)
			}
			if object, ok = value.(traffic.Object); !ok {
				_, unknown := value.(traffic.Unknown)
				return "", !unknown
			}
		}
		return "", true
	}
}

// plainText is a value as Envoy writes it, of those of which that is plain.
func plainText(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		return strconv.FormatInt(int64(v), 10), v == float64(int64(v)) && v > -1e15 && v < 1e15
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return "", false
		}
		return plainText(f)
	default:
		return "", false
	}
}

func addressOf(a netip.AddrPort) (string, bool) {
	return a.Addr().String(), a.IsValid()
}
