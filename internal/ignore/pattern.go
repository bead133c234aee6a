package ignore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bmatcuk/doublestar/v4"
)

// parse reads one line. It returns nil for one that is no pattern: a comment, or nothing.
func parse(line string) (*rule, error) {
	line = trimmed(line)
	if line == "" || strings.HasPrefix(line, "#") {
		return nil, nil //nolint:nilnil // nothing is written there
	}
	if len(line) > maxPattern {
		return nil, fmt.Errorf("it has %d bytes, want at most %d", len(line), maxPattern)
	}
	var r rule
	line, r.keeps = strings.CutPrefix(line, "!")
	line, r.directories = strings.CutSuffix(line, "/")
	r.anywhere = !strings.Contains(line, "/")
	line = strings.TrimPrefix(line, "/")
	if line == "" {
		return nil, errors.New("it names nothing")
	}
	if err := plain(line); err != nil {
		return nil, err
	}
	r.glob = withoutBraces(bytewise(line))
	if strings.HasSuffix(r.glob, "/**") {
		r.glob += "/*" // what is below a directory, and not itself
	}
	if !doublestar.ValidatePattern(r.glob) {
		return nil, errors.New("it is not a pattern of gitignore")
	}
	return &r, nil
}

// trimmed returns a line without the blanks at its end, unless they are escaped.
func trimmed(line string) string {
	for strings.HasSuffix(line, " ") {
		rest := strings.TrimSuffix(line, " ")
		if escapes := len(rest) - len(strings.TrimRight(rest, `\`)); escapes%2 == 1 {
			return line
		}
		line = rest
	}
	return line
}

// plain refuses what matches nothing, and what git reads in a way of its own.
func plain(pattern string) error {
	for segment := range strings.SplitSeq(pattern, "/") {
		switch {
		case slices.Contains([]string{"", ".", ".."}, segment):
			return fmt.Errorf("%q is no name, so it matches nothing", segment)
		case segment != "**" && strings.Contains(segment, "**"):
			return errors.New("** stands for directories and is a name of its own between slashes; write * for a part of a name")
		}
		if err := plainSegment(segment); err != nil {
			return err
		}
	}
	return nil
}

// plainSegment refuses escapes and sets of characters that are cut off, and sets by name.
func plainSegment(segment string) error {
	for i := 0; i < len(segment); i++ {
		switch segment[i] {
		case '\\':
			if i++; i == len(segment) {
				return errors.New(`it ends with \ or has it before a slash, and matches nothing`)
			}
		case '[':
			size, err := set(segment[i+1:])
			if err != nil {
				return err
			}
			i += size
		}
	}
	return nil
}

// set returns how long a set of characters is that begins before text, with what closes it.
func set(text string) (int, error) {
	first := 0
	if strings.HasPrefix(text, "!") || strings.HasPrefix(text, "^") {
		first = 1
	}
	for i := first; i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case text[i] == ']' && i == first:
			return 0, errors.New(`a ] at the beginning of a set is written \]`)
		case text[i] == ']':
			return i + 1, nil
		case text[i] == '[':
			return 0, errors.New(`sets by name, as [[:alpha:]], are not understood; a [ in a set is written \[`)
		}
	}
	return 0, errors.New("a [ is not closed, so it matches nothing")
}

// bytewise writes each byte as a character of its own: to git ? and sets stand for one byte.
func bytewise(text string) string {
	if strings.IndexFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) < 0 {
		return text
	}
	out := make([]rune, len(text))
	for i := range len(text) {
		out[i] = rune(text[i])
	}
	return string(out)
}

// withoutBraces escapes braces, which mean nothing to git, where they are not escaped yet.
func withoutBraces(pattern string) string {
	var out strings.Builder
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '\\' && i+1 < len(pattern):
			out.WriteByte(c)
			i++
		case c == '{' || c == '}':
			out.WriteByte('\\')
		}
		out.WriteByte(pattern[i])
	}
	return out.String()
}
