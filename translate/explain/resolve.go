package explain

import "math"

// resolver brings a path into the form in which a browser sends it: dot segments resolved, also escaped
// ones, backslashes as slashes, characters that need no escape without it, others with it.
type resolver struct {
	path string
	out  []byte
	// percent is where in out the last % stands that begins no escape. What follows it must not make
	// one of it: /%2%66 is not /%2f.
	percent int
	failed  bool
}

// resolve returns the path in that form. It is false where it has a byte 0 in it.
func resolve(path string) (string, bool) {
	r := resolver{path: path, out: make([]byte, 0, len(path)+8), percent: math.MinInt32}
	for i := 0; i < len(path); {
		i = r.next(i)
	}
	return string(r.out), !r.failed
}

// next takes the character, escape or dot segment at a place over, and returns the place behind it.
func (r *resolver) next(i int) int {
	if n := r.dot(i); n > 0 {
		return r.dots(i, n)
	}
	switch c := r.path[i]; {
	case c == '\\':
		r.out = append(r.out, '/')
	case c == '%':
		return r.escape(i)
	case escaped(c):
		r.out = append(r.out, '%', hex[c>>4], hex[c&15])
	default:
		r.out = append(r.out, c)
	}
	return i + 1
}

const hex = "0123456789ABCDEF"

// escaped reports the characters that a path has as escapes only.
func escaped(c byte) bool {
	switch c {
	case '"', '<', '>', '^', '`', '{', '|', '}':
		return true
	default:
		return c <= ' ' || c >= 0x7f
	}
}

// unescaped reports the characters that need no escape.
func unescaped(c byte) bool {
	switch c {
	case '-', '.', '_', '~':
		return true
	default:
		return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
	}
}

// dot returns how many bytes a dot has, plain or escaped; 0 where there is none.
func (r *resolver) dot(i int) int {
	switch {
	case i < len(r.path) && r.path[i] == '.':
		return 1
	case i+2 < len(r.path) && r.path[i] == '%' && r.path[i+1] == '2' && r.path[i+2]|0x20 == 'e':
		return 3
	default:
		return 0
	}
}

func (r *resolver) slash(i int) bool { return r.path[i] == '/' || r.path[i] == '\\' }

// dots takes over a dot of n bytes, which may be one or the first of two that are a whole segment.
func (r *resolver) dots(i, n int) int {
	behind := i + n
	if len(r.out) == 0 || r.out[len(r.out)-1] != '/' {
		r.out = append(r.out, '.')
		return behind
	}
	if behind == len(r.path) {
		return behind
	}
	if r.slash(behind) {
		return behind + 1
	}
	if second := r.dot(behind); second > 0 {
		behind += second
		if behind == len(r.path) {
			r.up()
			return behind
		}
		if r.slash(behind) {
			r.up()
			return behind + 1
		}
	}
	r.out = append(r.out, '.')
	return i + n
}

// up goes back behind the slash before the last one.
func (r *resolver) up() {
	i := len(r.out) - 1
	if i == 0 {
		return
	}
	for i--; i > 0 && r.out[i] != '/'; i-- {
	}
	r.out = r.out[:i+1]
	if r.percent >= len(r.out) {
		r.percent = math.MinInt32
	}
}

// escape takes over what stands behind a %.
func (r *resolver) escape(i int) int {
	c, ok := decoded(r.path[i:])
	switch {
	case !ok:
		r.percent = len(r.out)
		r.out = append(r.out, '%')
		return i + 1
	case unescaped(c):
		r.out = append(r.out, c)
		r.keepPercent(i + 3)
	default:
		r.failed = r.failed || c == 0
		r.out = append(r.out, r.path[i:i+3]...)
	}
	return i + 3
}

// keepPercent escapes a % that has just become the beginning of an escape.
func (r *resolver) keepPercent(next int) {
	last := r.out[len(r.out)-1]
	switch len(r.out) - r.percent {
	case 2:
		if next == len(r.path) {
			return
		}
		if _, ok := decoded(string(append(r.out[r.percent:len(r.out):len(r.out)], r.path[next]))); ok {
			r.out = append(r.out[:r.percent], '%', '2', '5', last)
		}
	case 3:
		if _, ok := decoded(string(r.out[r.percent:])); ok {
			r.out = append(r.out[:r.percent], '%', '2', '5', r.out[r.percent+1], last)
		}
	}
}

// decoded returns the byte that an escape at the beginning of a text stands for.
func decoded(s string) (byte, bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	high, ok := digit(s[1])
	low, both := digit(s[2])
	return high<<4 | low, ok && both
}

func digit(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10, true
	default:
		return 0, false
	}
}
