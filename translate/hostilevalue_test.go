package translate_test

import (
	"encoding/base64"
	"math"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// values returns so many hostile values of a field, others for another turn.
func (f field) values(turn, n int) []any {
	all := f.allValues()
	if n >= len(all) {
		return all
	}
	var out []any
	for i := range n {
		// Evenly from all, so that each turn has some of each sort.
		out = append(out, all[(turn+i*len(all)/n)%len(all)])
	}
	return out
}

func (f field) allValues() []any {
	if f.leaf == nil {
		return texts()
	}
	if m := f.leaf.Message(); m != nil {
		switch m.Name() {
		case "Duration":
			return durations()
		case "StringValue":
			return texts()
		case "BoolValue":
			return []any{true, false, "yes", 1}
		case "DoubleValue", "FloatValue":
			return doubles()
		case "Struct":
			return []any{map[string]any{}, map[string]any{"": ""}, map[string]any{"a": "%"}, map[string]any{"a": map[string]any{"b": []any{1.5, nil, "\x00"}}}, map[string]any{long(): long()}, []any{}}
		case "Timestamp":
			return texts()
		default:
			return append(numbers(), texts()...)
		}
	}
	switch f.leaf.Kind() {
	case protoreflect.StringKind:
		return texts()
	case protoreflect.BytesKind:
		return []any{"", "!", base64.StdEncoding.EncodeToString([]byte("\x00\xff")), base64.StdEncoding.EncodeToString([]byte(long())), long()}
	case protoreflect.BoolKind:
		return []any{true, false, "true", 1, ""}
	case protoreflect.EnumKind:
		out := []any{"", "UNHEARD", -1, 0, 1, 99, math.MaxInt32}
		for i := range f.leaf.Enum().Values().Len() {
			out = append(out, string(f.leaf.Enum().Values().Get(i).Name()))
		}
		return out
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return doubles()
	default:
		return numbers()
	}
}

func long() string { return strings.Repeat("x", 17<<10) }

// texts are what somebody writes by mistake or on purpose: empty, long, with what is no character of a
// header, a host, a path, an address, an expression or a format.
func texts() []any {
	return []any{
		"", " ", "a b", "a\nb", "a\r\nX: y", "\x00", "a\x00b", "\x01", "\x1b[2J", "\x7f", "\t", "\u0085", "\u2028", "ü", "日本", "\U0001F600", long(), strings.Repeat("x", 300), strings.Repeat("a.", 200) + "a", strings.Repeat("(", 2000),
		":", ":path", ":authority", "host", "Host", "content-length", "transfer-encoding", "connection", "x-envoy-original-path", "X-UPPER", "x_y", "a:b", "a,b", "a;b", "a=b", `"`, `a"b`, `\`, "'", "(", "<", "{", "}", "@", "x-a*", "**x**",
		"*", "*a", "a*", "**", "*.a", "a.*", "*.*", "a*b", ".", "..", "a..b", "-a", "a-", "_", "A.B", "xn--", "a.example.", "a.example:80", "a.example:99999", "[::1]", "::1", "::1%eth0", "127.0.0.1", "0.0.0.0", "127.0.0.1/33", "10.0.0.0/-1", "256.1.1.1", "10.0.0.0/8", "fe80::/129", "1", "0x7f.1",
		"/", "//", "/a//b", "/../a", "/a/./b", "/%2e", "/%", "/%zz", "/a?b", "/a#b", "a", "?", "#", "/{*}", "/{**}", "/{**}/{**}", "/{a", "/*/*", "unix:///x", "unix://@x", "unix://" + strings.Repeat("/x", 100), "http://", "https://a:99999/", "https://[::1", "file:///etc/passwd", "https://u:p@a/",
		"[", "a{2000}", "(a{1000}){1000}", "(?i)a", `\C`, `\x{110000}`, `\pX`, "(?<a>b)(?<a>c)", "(?P<1>a)", "a**", strings.Repeat("(a|b)*", 300), `\1`, `\9`, `\\`, "(a)", "x{0}",
		"%", "%%", "%REQ(", "%REQ()%", "%START_TIME(%", "%UNHEARD%", "%RESPONSE_CODE%", "%REQ(a\nb)%", "%DOWNSTREAM_REMOTE_ADDRESS%", "%REQ(:PATH):-1%", "%REQ(:PATH):99999999999999999999%", "%START_TIME(%Q)%", "%DYNAMIC_METADATA(%", "%ENVIRONMENT(HOME)%", "%FILTER_STATE(a:b)%",
		"0", "-1", "65535", "65536", "4294967296", "9223372036854775808", "1e400", "NaN", "inf", "1.5", "true", "null", "~", "200", "99", "600", "5xx", "5xx,", ",", "1s", "-1s",
	}
}

func numbers() []any {
	return []any{0, -1, 1, 2, 100, 101, 199, 600, 1023, 65535, 65536, 16777217, math.MaxInt32, int64(math.MaxInt32) + 1, int64(math.MaxUint32), int64(math.MaxUint32) + 1, int64(math.MaxInt64), uint64(math.MaxUint64), math.MinInt32, math.MinInt64, "1", "", "x", 1.5, 1e300, "NaN"}
}

func doubles() []any {
	return []any{0, -1, 1, 100, 100.0001, 1e-320, 1e-7, 1e300, -1e300, 0.1, 0.00001, math.MaxFloat64, math.NaN(), math.Inf(1), math.Inf(-1), "NaN", "", "1"}
}

func durations() []any {
	return []any{"0s", "-1s", "1s", "1ns", "0.000000001s", "0.0000000001s", "0.5ms", "999us", "1ms", "315576000000s", "315576000001s", "9223372036s", "9223372037s", "99999999999999999999s", "1e9s", "NaN", "infs", "", "1", "1d", "1h1m", "2562047h", "2562048h", "4294968s", "4294967296ms", 1, "-0.5s"}
}
