package token

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

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
		case isEscaped(r):
			writeEscape(&out, r)
		default:
			out.WriteRune(r)
		}
	}
	out.WriteByte('"')
	return out.String()
}

// isEscaped reports characters that Envoy's library writes by their number: those that control or format.
func isEscaped(r rune) bool {
	switch {
	case r < ' ', r == '<', r == '>', 0x7f <= r && r <= 0x9f, r == 0xad, r == 0x6dd, r == 0x70f, r == 0x17b4, r == 0x17b5, r == 0xfeff, r == 0xe0001:
		return true
	case 0x600 <= r && r <= 0x603, 0x200b <= r && r <= 0x200f, 0x2028 <= r && r <= 0x202e, 0x2060 <= r && r <= 0x2064, 0x206a <= r && r <= 0x206f:
		return true
	default:
		return 0xfff9 <= r && r <= 0xfffb || 0x1d173 <= r && r <= 0x1d17a || 0xe0020 <= r && r <= 0xe007f
	}
}

func writeEscape(out *strings.Builder, r rune) {
	for _, unit := range utf16.AppendRune(nil, r) {
		fmt.Fprintf(out, `\u%04x`, unit)
	}
}
