package token

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/portreeve/portreeve/translate/explain/traffic"
)

// numberText is a number as Envoy writes it to a header: whole ones that are not below 0 without a point.
func numberText(v float64) string {
	const bound = 1 << 64
	if v < 0 || v >= bound || v != math.Trunc(v) {
		return strconv.FormatFloat(v, 'f', 6, 64)
	}
	return strconv.FormatUint(uint64(v), 10)
}

// writeJSON writes a value as Envoy's library does. It is false where something in it is not known: also
// the order of an object's fields, which is another in every Envoy.
func writeJSON(value any) (string, bool) {
	switch value := value.(type) {
	case traffic.Object:
		return writeObject(value)
	case []any:
		parts, known := make([]string, 0, len(value)), true
		for _, v := range value {
			part, good := writeJSON(v)
			parts, known = append(parts, part), known && good
		}
		return "[" + strings.Join(parts, ",") + "]", known
	case string:
		return writeText(value), true
	case float64:
		return writeNumber(value), true
	case bool:
		return strconv.FormatBool(value), true
	case nil:
		return "null", true
	default:
		return "", false
	}
}

func writeObject(o traffic.Object) (string, bool) {
	parts, known := make([]string, 0, len(o.Fields)), !o.Open && len(o.Fields) < 2
	for _, name := range slices.Sorted(maps.Keys(o.Fields)) {
		part, good := writeJSON(o.Fields[name])
		parts, known = append(parts, writeText(name)+":"+part), known && good
	}
	return "{" + strings.Join(parts, ",") + "}", known
}

// writeNumber writes 15 digits, or 17 where those do not stand for the number.
func writeNumber(v float64) string {
	short := strconv.FormatFloat(v, 'g', 15, 64)
	if back, err := strconv.ParseFloat(short, 64); err == nil && back == v {
		return short
	}
	return strconv.FormatFloat(v, 'g', 17, 64)
}

func writeText(text string) string {
	var out strings.Builder
	out.WriteByte('"')
	for _, r := range text {
		switch i := strings.IndexRune("\"\\\b\f\n\r\t", r); {
		case i >= 0:
			out.WriteByte('\\')
			out.WriteByte(`"\bfnrt`[i])
		case r < ' ' || r == '<' || r == '>' || 0x7f <= r && r <= 0x9f:
			fmt.Fprintf(&out, `\u%04x`, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}
