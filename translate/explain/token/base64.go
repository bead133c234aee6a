package token

import "strings"

// decodeBase64 reads base64url as Envoy does: padding may be there, whole or not at all, white space
// anywhere, and bits of the last character that stand for nothing are not looked at.
func decodeBase64(text string) (string, bool) {
	digits := make([]byte, 0, len(text))
	at := 0
	for ; at < len(text) && text[at] != '=' && text[at] != '.'; at++ {
		switch value, known := digit(text[at]); {
		case known:
			digits = append(digits, value)
		case !blank(text[at]):
			return "", false
		}
	}
	padding, known := countPadding(text[at:])
	over := len(digits) % 4
	if !known || over == 1 || padding != 0 && padding != (4-over)%4 {
		return "", false
	}
	return string(joinDigits(digits)), true
}

// countPadding counts what stands behind the digits; it is false where anything but padding does.
func countPadding(text string) (int, bool) {
	out := 0
	for i := range len(text) {
		switch {
		case text[i] == '=' || text[i] == '.':
			out++
		case !blank(text[i]):
			return 0, false
		}
	}
	return out, true
}

// joinDigits makes bytes of digits of six bits each, in their place.
func joinDigits(digits []byte) []byte {
	out := digits[:0]
	bits, held := uint32(0), 0
	for _, d := range digits {
		bits, held = bits<<6|uint32(d), held+6
		if held >= 8 {
			held -= 8
			out = append(out, byte(bits>>held))
		}
	}
	return out
}

func digit(c byte) (byte, bool) {
	switch {
	case 'A' <= c && c <= 'Z':
		return c - 'A', true
	case 'a' <= c && c <= 'z':
		return c - 'a' + 26, true
	case '0' <= c && c <= '9':
		return c - '0' + 52, true
	case c == '-':
		return 62, true
	case c == '_':
		return 63, true
	default:
		return 0, false
	}
}

func blank(c byte) bool { return strings.IndexByte(" \t\n\v\f\r", c) >= 0 }
